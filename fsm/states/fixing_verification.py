"""fixing-verification: new failures of the build gate are to be repaired."""

from ...state.enums import FailureKind
from ...state.judgements import VerificationRound
from ...state.records import Run
from ..ports import Ports
from ..recovery import restore
from ..step import RunStopped, Step
from ..workplaces import some


async def recover(run: Run, ports: Ports) -> None:
    """Nothing of this state lives outside the document."""
    await restore(run, ports)


async def work(run: Run, ports: Ports) -> Step:
    """Stop with what got worse: repairing it is the operator's for now."""
    record = run.verification_rounds[-1]
    raise RunStopped(
        FailureKind.REGRESSION,
        f"The build gate is worse than before the run: {_worse(record)}. "
        f"See {record.final_build_log_path} and {run.baseline_build_log_path}.",
    )


def _worse(record: VerificationRound) -> str:
    """What got worse, in one sentence part."""
    worse = [f"`{command}`" for command in record.regressed_commands]
    worse += [failure.message for failure in record.new_failures]
    return some(worse, at_most=5)
