"""Repairs upon repairs, and build gates with more than one command: what is easily got wrong."""

from pathlib import Path

import pytest
from fakes.broken_gate import GATE, WORKS, crew, fix_agents, removes, says
from fakes.run_harness import Place, ScriptedOperator, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.state.config import Caps
from dispatch.state.enums import AttemptOutcome, FailureCause, FailureKind, RunStatus
from dispatch.state.errors import ProviderStopped
from dispatch.state.judgements import Finding

TWO_LINES = {**WORKS, "2a-z": writes(**{"z": "z\n", "errors-1": "error: one\nerror: more\n"})}
TWO_FILES = {**WORKS, "2a-z": writes(**{"z": "z\n", "errors-2": "error: two\n"})}
NOTHING = Work(edit=lambda root: None, files=())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository whose build gate passes."""
    place = Place(tmp_path / "repository", gate=(GATE,))
    place.set_up()
    return place


def bad(number: int) -> tuple[Finding, ...]:
    return (Finding(id=f"f{number}", severity=blocking().severity, description=f"bad {number}"),)


def causes(place: Place) -> list[FailureCause]:
    rounds = place.run.verification_rounds
    return [each.cause for record in rounds for each in record.explanations]


def test_after_an_appended_repair_one_that_is_folded_can_be_published(place: Place) -> None:
    """What was published before either is kept beside the branch."""
    fixes = {
        "1a-x": writes(**{"errors-1": "error: more\n"}),
        "2a-z": removes("errors-1"),
        "1b-y": writes(y="y2\n"),
    }
    players = crew(works=TWO_LINES, fixes=fixes, gate_rounds={"1b-y": ((), (blocking(),))})
    assert place.drive(players) is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:y") == "y2"
    (tip,) = place.run.superseded_tips
    assert git(place.root, "rev-parse", f"refs/dispatch/r/superseded/{tip}") == tip


def test_a_repair_that_restores_an_earlier_tip_is_another_repair(place: Place) -> None:
    """The same base, another round: its agent is asked, and the round moves on."""
    fixes = {
        "1a-x.fixAgent.1": writes(x="y\n"),
        "1a-x.fixAgent.2": writes(x="x\n"),
        "1a-x": writes(x="z\n"),
    }
    players = ScenarioAgents(
        plans=[a_plan(planned("x"))],
        works={"1a-x": writes(x="x\n")},
        rounds={"1a-x": (bad(1), bad(2), bad(3))},
        fixes=fixes,
    )
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == [f"1a-x.fixAgent.{number}" for number in (1, 2, 3)]
    assert git(place.root, "show", "dispatch/r:x") == "z"


def test_a_command_is_looked_at_with_those_before_it_in_the_gate(tmp_path: Path) -> None:
    """Tests that need what an earlier command builds fail alone everywhere."""
    build = "cp prog built"
    test = "test -e built || echo 'FAILED test_b'; test ! -e broken || echo 'FAILED test_b'; exit 1"
    place = Place(tmp_path / "repository", gate=(build, test))
    place.set_up(prog="p\n", __gitignore="built\n")
    players = ScenarioAgents(
        plans=[a_plan(planned("x"))],
        works={"1a-x": writes(broken="b\n")},
        fixes={"1a-x": removes("broken")},
    )
    assert place.drive(players) is RunStatus.DONE
    assert causes(place) == [FailureCause.TASK]
    assert fix_agents(players) == ["1a-x.fixAgent.1"]
    assert place.files("dispatch/r") == [".gitignore", "prog"]


def test_a_pause_after_one_was_let_stand_goes_on_with_the_next(place: Place) -> None:
    """The answer is taken up with the integration: no task is left in repair."""
    place.operator = ScriptedOperator(["accept-with-note"])
    players = crew(
        works=TWO_FILES,
        fixes={"1a-x": NOTHING, "2a-z": removes("errors-2")},
        broken={"2a-z.fixAgent.1": AttemptOutcome.PROVIDER_AUTH},
    )
    with pytest.raises(ProviderStopped):
        place.drive(players)
    assert place.drive(players) is RunStatus.DONE
    assert "2a-z.critic.2" in players.asked
    assert place.files("dispatch/r") == ["a.txt", "errors-1", "x", "y", "z"]


def test_two_commands_that_print_the_same_fail_each_for_itself(tmp_path: Path) -> None:
    """What is let stand of one is not let stand of the other."""
    gate = tuple(f"test ! -e broken-{n} || {{ echo 'error: odd'; exit 1; }}" for n in (1, 2))
    place = Place(tmp_path / "repository", gate=gate)
    place.set_up()
    place.operator = operator = ScriptedOperator(["accept-with-note"])
    players = ScenarioAgents(
        plans=[a_plan(planned("x"), planned("y"))],
        works={"1a-x": writes(**{"broken-1": ""}), "1b-y": writes(**{"broken-2": ""})},
        fixes={"1a-x": NOTHING, "1b-y": removes("broken-2")},
    )
    assert place.drive(players) is RunStatus.DONE
    assert [each.task_id for each in operator.asked] == ["1a-x"]
    assert place.files("dispatch/r") == ["a.txt", "broken-1"]


def test_an_agent_s_word_that_a_failure_is_old_is_the_operator_s_to_believe(
    tmp_path: Path,
) -> None:
    """The comparison has just said that it is not."""
    place = Place(tmp_path / "repository", gate=("cat errors-*; exit 1",))
    place.set_up(**{"errors-0": "error: zero\n"})
    place.config_changes = {"attribution_runs": 0}
    place.operator = operator = ScriptedOperator(["abort"])
    assert place.drive(crew(causes=says(FailureCause.OLD))) is RunStatus.FAILED
    assert [each.id for each in operator.asked] == ["verification-1-nobody"]


def test_levels_count_their_reviews_apart_on_the_receipt(place: Place) -> None:
    """A later repair of a lower round number replaced an earlier one of another level."""
    fixes = {
        "1a-x.fixAgent.1": writes(x="x1\n"),
        "1a-x.verification": removes("errors-1"),
        "1a-x.fixAgent.3": writes(z="from x\n"),
        "2a-z.verification": removes("errors-2"),
        "2a-z.critique": writes(z="z3\n"),
    }
    rounds = {"1a-x": (bad(1), (), bad(3)), "2a-z": ((), bad(2))}
    assert place.drive(crew(works=TWO_FILES, fixes=fixes, rounds=rounds)) is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:z") == "z3"


def test_a_retry_that_nothing_is_left_to_pay_with_ends_the_run(place: Place) -> None:
    """It does not ask, and does not spin."""
    place.changes = {"task_limits": Caps(usd=1.0)}
    place.operator = ScriptedOperator(["retry"])
    assert place.drive(crew()) is RunStatus.FAILED
    assert place.run.failure is not None
    assert place.run.failure.kind is FailureKind.BUDGET


def test_a_gate_with_the_same_command_twice_takes_a_right_repair(tmp_path: Path) -> None:
    first, second = "test ! -e broken-a", "cat errors-* 2>/dev/null; true"
    place = Place(tmp_path / "repository", gate=(first, first, second))
    place.set_up()
    works = {**WORKS, "1a-x": writes(**{"broken-a": "b\n", "errors-1": "error: one\n"})}
    players = crew(works=works, fixes={"1a-x": removes("broken-a", "errors-1")})
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == ["1a-x.fixAgent.1"]


def test_work_that_was_let_stand_is_judged_again_after_a_later_repair(place: Place) -> None:
    """The operator let the work stand that he saw."""
    place.operator = operator = ScriptedOperator(["accept-with-note"])
    fixes = {
        "1a-x.fixAgent.1": Work(edit=lambda root: None, files=("nothing",)),
        "1a-x.verification": removes("errors-1", evil="x\n"),
        "1a-x": removes("evil"),
    }
    players = crew(fixes=fixes, rounds={"1a-x": (bad(1), bad(2))})
    assert place.drive(players) is RunStatus.DONE
    assert [each.id for each in operator.asked] == ["1a-x-critique-1"]
    assert "evil" not in place.files("dispatch/r")
