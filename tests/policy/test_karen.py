"""Karen's table, whole."""

from itertools import product

import pytest

from dispatch.policy.karen import (
    FINAL_ACTIONS,
    INITIAL_ACTIONS,
    Judgement,
    final_action,
    initial_action,
    judge,
)
from dispatch.state.enums import (
    DeviationCategory,
    DeviationSeverity,
    GreybeardRuling,
    KarenAction,
)
from dispatch.state.work import Deviation


def test_severity_decides_the_first_action() -> None:
    """[K-01] [K-02] [K-03]"""
    assert {severity: initial_action(severity) for severity in DeviationSeverity} == {
        DeviationSeverity.MINOR: KarenAction.ACCEPT,
        DeviationSeverity.MODERATE: KarenAction.CONSULT_GREYBEARD,
        DeviationSeverity.MAJOR: KarenAction.ESCALATE_TO_OPERATOR,
    }


def test_the_ruling_decides_the_final_action() -> None:
    """[K-05] [K-06] [K-07] [K-13]"""
    assert {ruling: final_action(ruling) for ruling in GreybeardRuling} == {
        GreybeardRuling.ACCEPT: KarenAction.ACCEPT,
        GreybeardRuling.REJECT: KarenAction.MARK_FAILED,
        GreybeardRuling.ESCALATE: KarenAction.ESCALATE_TO_OPERATOR,
    }


def test_unknown_words_are_refused() -> None:
    """[K-04] [K-08] [K-10] [K-14]"""
    with pytest.raises(ValueError, match="unrecognized deviation severity 'catastrophic'"):
        initial_action("catastrophic")
    with pytest.raises(ValueError, match="unrecognized greybeard verdict 'maybe'"):
        final_action("maybe")


def test_the_greybeard_is_never_consulted_twice() -> None:
    """[K-09] [K-11] [K-12]"""
    assert frozenset(KarenAction) == INITIAL_ACTIONS
    assert {
        KarenAction.ACCEPT,
        KarenAction.MARK_FAILED,
        KarenAction.ESCALATE_TO_OPERATOR,
    } == FINAL_ACTIONS


@pytest.mark.parametrize(
    ("severity", "category"), list(product(DeviationSeverity, DeviationCategory))
)
def test_the_category_changes_nothing(
    severity: DeviationSeverity, category: DeviationCategory
) -> None:
    """[K-15]"""
    deviation = Deviation(
        id="1a-x-dev-1",
        severity=severity,
        category=category,
        description="d",
        affected_files=(),
    )
    reasons = {
        DeviationSeverity.MINOR: "A minor deviation is accepted and logged.",
        DeviationSeverity.MODERATE: "A moderate deviation is the greybeard's to rule on.",
        DeviationSeverity.MAJOR: "A major deviation is the operator's to decide.",
    }
    assert judge(deviation) == Judgement(initial_action(severity), reasons[severity])
