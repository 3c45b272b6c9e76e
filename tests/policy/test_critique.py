"""Which tasks a critic sees."""

from fakes.policy_records import a_task

from dispatch.policy.critique import critique_enabled, level_needs_gate
from dispatch.state.enums import AgentType


def test_general_always_explore_never_intern_as_planned() -> None:
    """[CE-01] [CE-02] [CE-03]"""
    answers = {
        (kind, flag): critique_enabled(a_task("1a-x", agent_type=kind, critique=flag))
        for kind in AgentType
        for flag in (True, False)
    }
    assert answers == {
        (AgentType.GENERAL, True): True,
        (AgentType.GENERAL, False): True,
        (AgentType.EXPLORE, True): False,
        (AgentType.EXPLORE, False): False,
        (AgentType.INTERN, True): True,
        (AgentType.INTERN, False): False,
    }


def test_a_level_without_a_reviewed_task_needs_no_gate() -> None:
    explore = a_task("1a-x", agent_type=AgentType.EXPLORE)
    assert not level_needs_gate([])
    assert not level_needs_gate([explore])
    assert level_needs_gate([explore, a_task("1b-y")])
