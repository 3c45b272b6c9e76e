"""Rebuilds, fan-in and comparison: what the prototype got wrong, each held by one test."""

from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.policy.comparison import CommandOutput, compare
from dispatch.policy.failures import new_failures, parse_failures
from dispatch.state.enums import (
    AgentType,
    DecisionOutcome,
    DeviationSeverity,
    FailureKind,
    GreybeardRuling,
    RunStatus,
    TaskStatus,
    VerificationMode,
    VerificationOutcome,
)
from dispatch.state.jobs import FixJob, ImplementJob, Job, Result

ONCE = {"1a-x": ((blocking(),),)}
BOTH = {"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n")}
REPAIRED = {"1a-x": writes(x="x, repaired\n")}
PAIR = a_plan(planned("x"), planned("y"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def crew(**changes: Any) -> ScenarioAgents:
    """Two tasks, the first of which is repaired once."""
    settings = {"plans": [PAIR], "works": BOTH, "rounds": ONCE, "fixes": REPAIRED, **changes}
    return ScenarioAgents(**settings)


def subjects(place: Place) -> list[str]:
    return git(place.root, "log", "--reverse", "--format=%s", "main..dispatch/r").splitlines()


def test_w_01_a_repaired_level_is_rebuilt_whatever_its_siblings_status_and_the_next_starts_from_it(
    place: Place,
) -> None:
    """[W-01] The sibling passed; the repair is in the commit the next level branches from."""
    seen: list[str] = []

    class Watched(ScenarioAgents):
        async def run(self, job: Job[Any]) -> Result[Any]:
            if isinstance(job, ImplementJob) and job.task.id == "2a-z":
                seen.append((job.root / "x").read_text(encoding="utf-8"))
            return await super().run(job)

    players = Watched(
        plans=[a_plan(planned("x"), planned("y"), planned("z", 2, ("x",)))],
        works={**BOTH, "2a-z": writes(z="z\n")},
        rounds=ONCE,
        fixes=REPAIRED,
    )
    assert place.drive(players) is RunStatus.DONE
    run = place.run
    assert seen == ["x, repaired\n"]
    assert git(place.root, "show", f"{run.level_boundaries['2']}:x") == "x, repaired"
    shas = git(place.root, "rev-list", "--reverse", "main..dispatch/r").splitlines()
    assert [task.commit_sha for task in run.tasks] == shas
    assert git(place.folder / "worktrees" / "level-1", "status", "--porcelain") == ""


def test_w_02_a_rebuild_makes_each_task_s_whole_commit_anew_and_skips_what_is_empty(
    place: Place,
) -> None:
    """[W-02] One task is repaired, one is untouched, one never changed anything."""
    look = planned("look", agent_type=AgentType.EXPLORE)
    players = crew(
        plans=[a_plan(planned("x"), planned("y"), look)],
        works={**BOTH, "1c-look": Work(edit=lambda root: None, files=())},
    )
    assert place.drive(players) is RunStatus.DONE
    run = place.run
    assert subjects(place) == ["Do x", "Do y"]
    first, second, third = run.tasks
    assert third.commit_sha is None
    assert git(place.root, "rev-parse", f"{first.commit_sha}^") == run.base_commit
    for task, added in ((first, "+x, repaired"), (second, "+y")):
        patch = git(place.root, "show", "--format=", "-U0", str(task.commit_sha)).splitlines()
        assert [line for line in patch if line[0] == "+" and line[1] != "+"] == [added]


def test_w_03_what_a_fix_agent_adds_is_claimed_judged_and_committed(place: Place) -> None:
    """[W-03] New files are the task's, its deviations go to Karen, the tree is looked at again."""
    fix = writes(x="x, repaired\n", test_x="t\n")
    declared = Work(edit=fix.edit, files=fix.files, severities=(DeviationSeverity.MODERATE,))
    players = crew(fixes={"1a-x": declared})
    assert place.drive(players) is RunStatus.DONE
    first = place.run.tasks[0]
    assert first.output is not None
    assert first.output.files_modified == ("test_x", "x")
    assert place.files(str(first.commit_sha)) == ["a.txt", "test_x", "x"]
    assert [each.outcome for each in first.decisions] == [DecisionOutcome.ACCEPTED]
    assert sum("greybeard" in attempt for attempt in players.asked) == 1


def test_w_04_a_fix_agent_gets_the_findings_of_both_critics_each_once(place: Place) -> None:
    """[W-04] Also where the task's own critic passed it."""
    extra = evolve(blocking("from the gate"), id="g1")
    players = crew(
        gate_rounds={"1a-x": ((blocking(), extra),), "1b-y": ((extra,),)},
        fixes={**REPAIRED, "1b-y": writes(y="y, repaired\n")},
    )
    assert place.drive(players) is RunStatus.DONE
    found = {
        job.task.id: [each.id for each in job.findings]
        for job in players.jobs
        if isinstance(job, FixJob)
    }
    assert found == {"1a-x": ["f1", "g1"], "1b-y": ["g1"]}


def test_w_05_a_task_that_failed_is_never_committed_and_takes_only_its_dependents_along(
    place: Place,
) -> None:
    """[W-05] Its files abort nobody, its work is kept, its dependents are named."""
    declared = Work(edit=BOTH["1a-x"].edit, files=("x",), severities=(DeviationSeverity.MODERATE,))
    plan = a_plan(planned("x"), planned("y"), planned("z", 2, ("x",)), planned("w", 2, ("y",)))
    players = ScenarioAgents(
        plans=[plan],
        works={**BOTH, "1a-x": declared, "2b-w": writes(w="w\n")},
        ruling=GreybeardRuling.REJECT,
    )
    assert place.drive(players) is RunStatus.FAILED
    run = place.run
    assert {task.id: (task.status, task.commit_sha is None) for task in run.tasks} == {
        "1a-x": (TaskStatus.FAILED, True),
        "1b-y": (TaskStatus.COMPLETED, False),
        "2a-z": (TaskStatus.FAILED, True),
        "2b-w": (TaskStatus.COMPLETED, False),
    }
    assert [task.failure.kind for task in run.tasks if task.failure] == [
        FailureKind.DEVIATION_REJECTED,
        FailureKind.DEPENDENCY_FAILED,
    ]
    assert place.files("dispatch/r") == ["a.txt", "w", "y"]
    assert place.files(str(run.tasks[0].rescue_ref)) == ["a.txt", "x"]


def test_w_06_a_gate_that_prints_where_it_runs_is_equal_to_its_baseline(place: Place) -> None:
    """[W-06] Two folders, one text: nobody is asked (an operator is not there at all)."""
    place.gate = ('pwd; echo "$PWD/a.txt:1: warning"; echo "took 0.$$ s"',)
    plan = a_plan(planned("x"), mode=VerificationMode.BASELINE_EQUALITY)
    assert place.drive(ScenarioAgents(plans=[plan], works=BOTH)) is RunStatus.DONE
    (record,) = place.run.verification_rounds
    assert (record.outcome, record.reason) == (
        VerificationOutcome.PASS,
        "The output did not change.",
    )


@pytest.mark.parametrize(
    "mode", [VerificationMode.NO_NEW_FAILURES, VerificationMode.BASELINE_EQUALITY]
)
def test_w_09_a_command_that_passed_and_does_not_is_a_regression_whatever_it_prints(
    mode: VerificationMode,
) -> None:
    """[W-09] Not found, a signal, a time limit, no word at all."""
    before = CommandOutput(command="make", exit_code=0, timed_out=False, text="fine")
    for code, timed_out, text in (
        (127, False, "fine"),
        (139, False, ""),
        (None, False, "fine"),
        (None, True, "fine"),
    ):
        after = evolve(before, exit_code=code, timed_out=timed_out, text=text)
        found = compare(mode, [before], [after])
        assert (found.outcome, found.regressed_commands) == (VerificationOutcome.RETRY, ("make",))


def test_w_10_failures_are_known_without_their_lines_and_counted_one_by_one() -> None:
    """[W-10] What moved or grew is not new, what tools really say is seen, one more is one more."""

    def new(before: str, after: str) -> list[str]:
        return [
            each.message for each in new_failures(parse_failures(before), parse_failures(after))
        ]

    assert new("a.c:10: error: bad", "a.c:99: error: bad") == []
    assert new("12 passed; 0 failed", "13 passed; 0 failed") == []
    assert new("3 failed, 9 passed", "3 failed, 10 passed") == []
    for said in (
        "not ok 4 - parses",
        "thread 'main' panicked at src/lib.rs:3",
        "Traceback (most recent call last):",
        "2 errors found",
        "# error: a line that begins like a header",
        "$ make: command not found",
    ):
        assert new("", said) == [said.strip()], said
    once = "a.c:1: error: bad"
    assert new(once, f"{once}\na.c:7: error: bad") == ["a.c:7: error: bad"]
