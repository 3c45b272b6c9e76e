"""The answer of a judgement: yes, or no with every reason."""

from collections.abc import Iterable

from attrs import frozen


@frozen
class Verdict:
    """Whether something is allowed; ``reasons`` are sentences, at least one when it is not."""

    allowed: bool
    reasons: tuple[str, ...] = ()

    @classmethod
    def accepted(cls) -> "Verdict":
        """A yes."""
        return cls(True)

    @classmethod
    def refused(cls, reasons: Iterable[str]) -> "Verdict":
        """A no; raises ValueError without a reason, since nobody could act on it."""
        found = tuple(reasons)
        if not found:
            raise ValueError("a refusal needs at least one reason")
        return cls(False, found)
