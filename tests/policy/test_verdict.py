"""A verdict is a yes, or a no with reasons."""

import pytest

from dispatch.policy.verdict import Verdict


def test_a_yes_needs_no_reason_and_a_no_keeps_all_of_them() -> None:
    assert Verdict.accepted() == Verdict(allowed=True, reasons=())
    assert Verdict.refused(word for word in "ab") == Verdict(allowed=False, reasons=("a", "b"))


def test_a_no_without_a_reason_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="at least one reason"):
        Verdict.refused(())
