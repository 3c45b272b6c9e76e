"""Karen: what is done about a deviation; its severity decides, its category never does."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from ..state.enums import DeviationSeverity, GreybeardRuling, KarenAction
from ..state.work import Deviation

INITIAL_ACTIONS: Final = frozenset(KarenAction)
# Whatever the greybeard says, it is not asked again.
FINAL_ACTIONS: Final = INITIAL_ACTIONS - {KarenAction.CONSULT_GREYBEARD}

_INITIAL: Final[Mapping[str, KarenAction]] = {
    DeviationSeverity.MINOR: KarenAction.ACCEPT,
    DeviationSeverity.MODERATE: KarenAction.CONSULT_GREYBEARD,
    DeviationSeverity.MAJOR: KarenAction.ESCALATE_TO_OPERATOR,
}
_FINAL: Final[Mapping[str, KarenAction]] = {
    GreybeardRuling.ACCEPT: KarenAction.ACCEPT,
    GreybeardRuling.REJECT: KarenAction.MARK_FAILED,
    GreybeardRuling.ESCALATE: KarenAction.ESCALATE_TO_OPERATOR,
}
_REASONS: Final[Mapping[KarenAction, str]] = {
    KarenAction.ACCEPT: "is accepted and logged",
    KarenAction.CONSULT_GREYBEARD: "is the greybeard's to rule on",
    KarenAction.ESCALATE_TO_OPERATOR: "is the operator's to decide",
    KarenAction.MARK_FAILED: "fails its task",
}


@frozen
class Judgement:
    """What to do first about a deviation, and why."""

    action: KarenAction
    reason: str


def judge(deviation: Deviation) -> Judgement:
    """Judge one deviation, alone."""
    action = initial_action(deviation.severity)
    return Judgement(action, f"A {deviation.severity} deviation {_REASONS[action]}.")


def initial_action(severity: str) -> KarenAction:
    """What a severity leads to; raises ValueError for a word that is none."""
    try:
        return _INITIAL[severity]
    except KeyError:
        raise ValueError(f"unrecognized deviation severity {severity!r}") from None


def final_action(ruling: str) -> KarenAction:
    """What a ruling of the greybeard leads to; raises ValueError for a word that is none."""
    try:
        return _FINAL[ruling]
    except KeyError:
        raise ValueError(f"unrecognized greybeard verdict {ruling!r}") from None
