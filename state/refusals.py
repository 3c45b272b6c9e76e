"""Why an allowance gives no more."""

from attrs import frozen

from .enums import AttemptOutcome


@frozen(kw_only=True)
class Refusal:
    """Why a cap of a task or the run allows no further request."""

    outcome: AttemptOutcome
    cap: str  # its key in the configuration, such as ``runLimits.usd``
    reason: str
    of_run: bool
