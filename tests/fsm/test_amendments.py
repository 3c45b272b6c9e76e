"""Review, repair, rebuild, review again: with real git, the agents played."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.run_harness import Place, ScriptedOperator, comparable, git, killed
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes
from fakes.thoroughness import tried

from dispatch.state.enums import (
    AgentType,
    AttemptOutcome,
    DecisionOutcome,
    DeviationSeverity,
    FailureKind,
    FixSource,
    GreybeardRuling,
    RunStatus,
    TaskStatus,
)
from dispatch.state.jobs import CritiqueJob, FixJob, GateJob, GreybeardJob

PLAN = a_plan(planned("x"), planned("y"))
WORKS = {"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n")}
ONCE = {"1a-x": ((blocking(),),)}


def crew(**changes: Any) -> ScenarioAgents:
    settings: dict[str, Any] = {
        "plans": [PLAN],
        "works": WORKS,
        "rounds": ONCE,
        "fixes": {"1a-x": writes(x="x, repaired\n")},
        **changes,
    }
    return ScenarioAgents(**settings)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file, and an operator who always says continue."""
    place = Place(tmp_path / "repository")
    place.operator = ScriptedOperator(["continue"])
    place.set_up()
    return place


def operator_of(place: Place) -> ScriptedOperator:
    assert isinstance(place.operator, ScriptedOperator)
    return place.operator


def subjects(place: Place) -> list[str]:
    return git(place.root, "log", "--reverse", "--format=%s", "main..dispatch/r").splitlines()


def test_a_repair_is_folded_into_its_task_s_commit_and_the_sibling_s_stays(place: Place) -> None:
    """[GA-03] [GA-04] [AM-01] [AM-08] [AM-10] [CL-11] W-01 W-02

    One fix, one rebuild, two reviews; as many commits as tasks, the document names the new ones.
    """
    players = crew()
    assert place.drive(players) is RunStatus.DONE
    run = place.run
    assert subjects(place) == ["Do x", "Do y"]
    shas = git(place.root, "rev-list", "--reverse", "main..dispatch/r").splitlines()
    assert [task.commit_sha for task in run.tasks] == shas
    assert run.level_boundaries == {"1": run.base_commit, "2": shas[1]}
    assert git(place.root, "show", "dispatch/r:x") == "x, repaired"
    assert git(place.root, "show", "--format=", "--stat=40", shas[1]).splitlines()[0] == " y | 1 +"
    assert [
        (task.status, task.amendment_rounds_total, task.fixing_source) for task in run.tasks
    ] == [(TaskStatus.COMPLETED, 1, None), (TaskStatus.COMPLETED, 0, None)]
    assert [(verdict.round, verdict.status) for verdict in run.gate_verdicts] == [
        (1, "pass"),
        (2, "pass"),
    ]
    assert [each.round for each in run.tasks[1].critique_verdicts] == [1, 2]
    assert [each for each in players.asked if "fixAgent" in each] == ["1a-x.fixAgent.1"]
    worktree = place.folder / "worktrees" / "level-1"
    assert git(worktree, "status", "--porcelain") == ""
    assert git(worktree, "rev-parse", "HEAD") == shas[1]
    assert not (place.folder / "worktrees" / "fix-1a-x").exists()


def test_a_repair_that_cannot_be_folded_is_appended_under_the_same_task(place: Place) -> None:
    """The sibling appends to the same file; the repair needs both, so it follows them."""
    rewrites = writes(a__txt="a, x and y\n")
    players = crew(
        works={
            "1a-x": writes(x="x\n"),
            "1b-y": writes(a__txt="a\ny\n"),
        },
        fixes={"1a-x": rewrites},
    )
    assert place.drive(players) is RunStatus.DONE
    run = place.run
    assert subjects(place) == ["Do x", "Do y", "Repair 1a-x after review 1"]
    shas = git(place.root, "rev-list", "--reverse", "main..dispatch/r").splitlines()
    (fix,) = run.tasks[0].fixes
    assert [*(task.commit_sha for task in run.tasks), fix.commit_sha] == shas
    assert run.level_boundaries["2"] == run.published_commit == shas[2]
    trailers = git(place.root, "log", "-1", "--format=%(trailers:separator=|)", "dispatch/r", "--")
    assert trailers == "Dispatch-Run: r|Dispatch-Task: 1a-x"
    assert git(place.root, "show", "dispatch/r:a.txt") == "a, x and y"


def test_a_new_file_of_the_repair_is_in_the_commit_and_among_the_task_s_files(
    place: Place,
) -> None:
    """[AM-02] [AM-11] W-03 The critic's new tests join the files; a repair without is refused."""
    players = crew(
        new_tests={"1a-x": ("test_x",)},
        fixes={"1a-x": writes(x="x, repaired\n", test_x="t\n")},
    )
    assert place.drive(players) is RunStatus.DONE
    (task, _) = place.run.tasks
    assert task.output is not None
    assert task.output.files_modified == ("test_x", "x")
    assert task.evidence is not None
    assert [each.path for each in task.evidence.changes] == ["test_x", "x"]
    assert "test_x" in place.files(task.commit_sha or "")
    (job,) = (job for job in players.jobs if isinstance(job, FixJob))
    assert (job.new_tests, job.source, job.round) == (("test_x",), FixSource.CRITIQUE, 1)


def test_a_repair_without_the_tests_that_were_asked_for_is_refused(place: Place) -> None:
    """[AM-02] The operator is asked; his acceptance ends the review of that task."""
    place.operator = ScriptedOperator(["accept-with-note"])
    players = crew(new_tests={"1a-x": ("test_x",)})
    assert place.drive(players) is RunStatus.DONE
    (problem,) = players.refused["1a-x.fixAgent.1"]
    assert "test_x" in problem
    (asked,) = operator_of(place).asked
    assert asked.allowed == ("retry", "accept-with-note", "abort")
    assert git(place.root, "show", "dispatch/r:x") == "x"
    assert place.run.tasks[0].fixes == ()


def test_what_only_the_gate_critic_found_reaches_the_fix_agent(place: Place) -> None:
    """[AM-12] W-04 Both critics' findings, each once."""
    mine = evolve(blocking("from the gate"), id="g1")
    players = crew(gate_rounds={"1a-x": ((mine, blocking()),)}, rounds=ONCE)
    assert place.drive(players) is RunStatus.DONE
    (job,) = (job for job in players.jobs if isinstance(job, FixJob))
    assert [finding.id for finding in job.findings] == ["f1", "g1"]


def test_a_task_without_a_critic_is_repaired_when_the_gate_critic_blocks_it(place: Place) -> None:
    """[GA-05] [AM-12] Its status goes the way of the table."""
    plan = a_plan(planned("x"), planned("y", agent_type=AgentType.INTERN, critique_enabled=False))
    players = crew(
        plans=[plan],
        rounds={},
        gate_rounds={"1b-y": ((blocking(),),)},
        fixes={"1b-y": writes(y="y, repaired\n")},
    )
    assert place.drive(players) is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:y") == "y, repaired"
    assert place.run.tasks[1].critique_verdicts == ()


def test_later_rounds_are_told_what_was_to_be_settled_and_what_changed(place: Place) -> None:
    """[GA-08]"""
    players = crew()
    assert place.drive(players) is RunStatus.DONE
    critics = [job for job in players.jobs if isinstance(job, CritiqueJob) and job.round == 2]
    told = {job.task.id: [finding.id for finding in job.to_settle] for job in critics}
    assert told == {"1a-x": ["f1"], "1b-y": []}
    gate = next(job for job in players.jobs if isinstance(job, GateJob) and job.round == 2)
    assert [finding.id for finding in gate.to_settle["1a-x"]] == ["f1"]
    for since in (gate.since, *(job.since for job in critics)):
        assert "+x, repaired" in since
    assert [job.task.id for job in critics if "x, repaired" in job.diff] == ["1a-x"]


def rounds_of(number: int) -> dict[str, Any]:
    """So many rounds in which something is wrong with x, and a repair for each."""
    return {
        "rounds": {"1a-x": ((blocking(),),) * number},
        "fixes": {f"1a-x.{each}": writes(x=f"x {each}\n") for each in range(1, number + 1)},
    }


def test_at_the_third_round_the_operator_is_told_and_not_asked(place: Place) -> None:
    """[AM-03] [AM-07]"""
    assert place.drive(crew(**rounds_of(3))) is RunStatus.DONE
    assert [text for text in operator_of(place).notices if "round 3" in text] != []
    assert operator_of(place).asked == []
    assert place.run.tasks[0].amendment_rounds_total == 3
    assert subjects(place) == ["Do x", "Do y"]
    assert git(place.root, "show", "dispatch/r:x") == "x 3"


def test_from_the_fourth_round_the_operator_is_asked(place: Place) -> None:
    """[AM-04] Once for the round; continue leads to pass."""
    assert place.drive(crew(**rounds_of(4))) is RunStatus.DONE
    (asked,) = operator_of(place).asked
    assert (asked.id, "1a-x" in asked.reason) == ("level-1-amend-4", True)
    assert git(place.root, "show", "dispatch/r:x") == "x 4"


def test_rounds_count_for_each_level_s_review(place: Place) -> None:
    """W-68 Two rounds of one level do not make the next one ask."""
    plan = a_plan(planned("x"), planned("y", 2, ("x",)))
    players = crew(
        plans=[plan],
        works={"1a-x": writes(x="x\n"), "2a-y": writes(y="y\n")},
        rounds={"1a-x": ((blocking(),),) * 2, "2a-y": ((blocking(),),) * 2},
        fixes={
            f"{name}.{each}": writes(**{name[-1]: f"{each}\n"})
            for name in ("1a-x", "2a-y")
            for each in (1, 2)
        },
    )
    assert place.drive(players) is RunStatus.DONE
    assert (operator_of(place).asked, operator_of(place).notices) == ([], [])


def test_an_aborting_operator_ends_the_run_before_any_further_repair(place: Place) -> None:
    """[AM-05]"""
    place.operator = ScriptedOperator(["abort"])
    players = crew(**rounds_of(4))
    assert place.drive(players) is RunStatus.FAILED
    assert place.run.failure is not None
    assert place.run.failure.kind is FailureKind.ABORTED
    assert "1a-x.fixAgent.4" not in players.asked


def test_the_operator_may_let_a_level_pass_with_its_findings(place: Place) -> None:
    """[AM-04]"""
    place.operator = ScriptedOperator(["accept-with-note"])
    players = crew(**rounds_of(9))
    assert place.drive(players) is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:x") == "x 3"


def test_a_finding_that_comes_back_is_the_greybeard_s_to_judge(place: Place) -> None:
    """Blocking, settled, blocking again; meanwhile y keeps the review going."""
    other = evolve(blocking(), id="f2")
    players = crew(
        rounds={"1a-x": ((blocking(),), (), (blocking(),)), "1b-y": ((), (other,), ())},
        fixes={"1a-x": writes(x="x, repaired\n"), "1b-y": writes(y="y, repaired\n")},
        ruling=GreybeardRuling.ACCEPT,
    )
    assert place.drive(players) is RunStatus.DONE
    (job,) = (job for job in players.jobs if isinstance(job, GreybeardJob))
    assert job.deviation.id == "1a-x-reopened-3-1"
    (decision,) = place.run.tasks[0].decisions
    assert decision.outcome is DecisionOutcome.ACCEPTED
    assert [each for each in players.asked if "fixAgent" in each] == [
        "1a-x.fixAgent.1",
        "1b-y.fixAgent.1",
    ]


def test_a_greybeard_who_leaves_it_to_the_operator_is_asked_once(place: Place) -> None:
    """Also when the run is killed between the ruling and the question."""
    other = evolve(blocking(), id="f2")
    changes = {
        "rounds": {"1a-x": ((blocking(),), (), (blocking(),)), "1b-y": ((), (other,), ())},
        "fixes": {"1a-x": writes(x="x, repaired\n"), "1b-y": writes(y="y, repaired\n")},
        "ruling": GreybeardRuling.ESCALATE,
    }
    players = crew(**changes)
    killed(place, players, lambda run: any(task.decisions for task in run.tasks), after=True)
    (decision,) = place.run.tasks[0].decisions
    assert (decision.outcome, place.run.escalations) == (DecisionOutcome.WAITING, ())
    place.operator = ScriptedOperator(["accept-with-note"])
    assert place.drive(players) is RunStatus.DONE
    asked = [each for each in players.asked if "greybeard" in each]
    assert asked == ["1a-x-reopened-3-1.greybeard.1"]
    (decided,) = place.run.tasks[0].decisions
    assert (decided.outcome, decided.operator_answer) == (
        DecisionOutcome.ACCEPTED,
        "accept-with-note",
    )


def test_a_finding_that_the_greybeard_upholds_is_repaired_again(place: Place) -> None:
    other = evolve(blocking(), id="f2")
    players = crew(
        rounds={"1a-x": ((blocking(),), (), (blocking(),)), "1b-y": ((), (other,), ())},
        fixes={
            "1a-x.1": writes(x="x 1\n"),
            "1a-x.3": writes(x="x 3\n"),
            "1b-y": writes(y="y, repaired\n"),
        },
        ruling=GreybeardRuling.REJECT,
    )
    assert place.drive(players) is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:x") == "x 3"


def test_a_repair_s_deviations_are_judged_like_an_implementer_s(place: Place) -> None:
    """W-03 A rejected one does not get in; the operator may have another agent try."""
    place.operator = ScriptedOperator(["retry", "accept-with-note"])
    bold = Work(
        edit=writes(x="bold\n").edit, files=("x",), severities=(DeviationSeverity.MODERATE,)
    )
    players = crew(fixes={"1a-x": bold}, ruling=GreybeardRuling.REJECT)
    assert place.drive(players) is RunStatus.DONE
    assert [each.id for each in operator_of(place).asked] == [
        "1a-x-critique-1",
        "1a-x-critique-2",
    ]
    (task, _) = place.run.tasks
    assert task.output is not None
    assert (task.fixes, task.decisions, task.output.deviations) == ((), (), ())
    assert git(place.root, "show", "dispatch/r:x") == "x"


def test_a_failing_fix_agent_is_the_operator_s_a_failing_provider_is_nobody_s(
    place: Place,
) -> None:
    players = crew(broken={"1a-x.fixAgent.1": AttemptOutcome.TURN_LIMIT})
    place.operator = ScriptedOperator(["retry"])
    assert place.drive(players) is RunStatus.DONE
    assert [each.id for each in operator_of(place).asked] == ["1a-x-critique-1"]
    assert git(place.root, "show", "dispatch/r:x") == "x, repaired"


def test_two_repairs_that_conflict_are_put_together_by_the_later_one(place: Place) -> None:
    """Neither is dropped."""
    players = crew(
        rounds={"1a-x": ((blocking(),),), "1b-y": ((blocking(),),)},
        fixes={
            "1a-x": writes(x="x, repaired\n", a__txt="from x\n"),
            "1b-y": writes(y="y, repaired\n", a__txt="from y\n"),
        },
    )
    both = writes(a__txt="from x\nfrom y\n")

    resolving = evolve(players, fixes={**players.fixes, "1b-y.conflict": both})
    assert place.drive(resolving) is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:a.txt") == "from x\nfrom y"
    assert git(place.root, "show", "dispatch/r:y") == "y, repaired"


def test_killed_before_each_save_of_an_amendment_it_ends_the_same(tmp_path: Path) -> None:
    """[RS-13] W-27 Nothing that an agent handed in is asked for again."""
    plan = a_plan(planned("x"), planned("y"))
    straight = Place(tmp_path / "straight" / "repository")
    straight.set_up()
    assert straight.drive(crew(plans=[plan])) is RunStatus.DONE
    for at in tried(range(18, 34)):  # from the first verdicts to the second ones
        place = Place(tmp_path / str(at) / "repository")
        place.set_up()
        players = crew(plans=[plan])
        assert place.drive(players, at) is None
        assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
        here, there = str(place.root), str(straight.root)
        assert repr(comparable(place.run)).replace(here, there) == repr(comparable(straight.run))
        for task, calm in zip(place.run.tasks, straight.run.tasks, strict=True):
            done = [each for each in task.attempts if each.outcome is AttemptOutcome.OK]
            assert len(done) == len(calm.attempts)
        git(place.root, "fsck", "--strict", "--no-dangling")
