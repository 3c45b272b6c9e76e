"""A build gate that got worse: who did it, repairs in the verified tree, and what is asked."""

from pathlib import Path
from typing import Any

import pytest
from fakes.broken_gate import GATE, WORKS, crew, fix_agents, removes, says
from fakes.run_harness import Place, ScriptedOperator, comparable, git
from fakes.scenario_agents import Work, a_plan, blocking, planned, writes
from fakes.thoroughness import tried

from dispatch.fsm.retrying import retried
from dispatch.state.enums import (
    AttemptOutcome,
    AttributedBy,
    FailureCause,
    FailureKind,
    Isolation,
    RunStatus,
    TaskStatus,
)
from dispatch.state.jobs import AttributionJob, FixJob

FIRST_SAVE_OF_VERIFYING = 31  # of the run with two tasks


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository whose build gate passes."""
    place = Place(tmp_path / "repository", gate=(GATE,))
    place.set_up()
    return place


def subjects(place: Place) -> list[str]:
    return git(place.root, "log", "--reverse", "--format=%s", "main..dispatch/r").splitlines()


def causes(place: Place) -> list[tuple[FailureCause, tuple[str, ...], AttributedBy]]:
    return [
        (each.cause, each.task_ids, each.by)
        for record in place.run.verification_rounds
        for each in record.explanations
    ]


def test_a_regression_of_the_first_level_is_found_repaired_reviewed_and_verified(
    place: Place,
) -> None:
    """[PV-03] [PV-12] [PV-13] [PF-01] W-02 W-07 W-08: no agent is asked who did it."""
    players = crew()
    assert place.drive(players) is RunStatus.DONE
    run = place.run
    assert subjects(place) == ["Do x", "Do y", "Do z"]
    tree = git(place.root, "ls-tree", "--name-only", "dispatch/r").split()
    assert tree == ["a.txt", "x", "y", "z"]
    first, second = run.verification_rounds
    (failure,) = first.new_failures
    assert (failure.message, failure.command) == ("error: one", GATE)
    assert causes(place) == [(FailureCause.TASK, ("1a-x",), AttributedBy.BISECTION)]
    assert first.attribution == {failure.id: ("1a-x",)}
    assert (first.outcome, first.rebuild_from_level, first.reviews) == ("retry", 1, {"1": 2})
    assert (second.outcome, second.new_failures) == ("pass", ())
    assert [entry.event for entry in run.history][-5:] == [
        "levels_passed",
        "regressed",
        "repaired",
        "verified",
        "consolidated",
    ]
    assert fix_agents(players) == ["1a-x.fixAgent.1"]
    task = run.tasks[0]
    assert (task.status, task.fixing_source) == (TaskStatus.COMPLETED, None)
    assert (task.verification_fix_rounds_total, task.amendment_rounds_total) == (1, 0)
    # Only what was repaired is reviewed again, and its level's gate.
    assert [each.round for each in task.critique_verdicts] == [1, 2]
    assert [len(each.critique_verdicts) for each in run.tasks[1:]] == [1, 1]
    assert [(each.level, each.round) for each in run.gate_verdicts] == [(1, 1), (2, 1), (1, 2)]
    shas = git(place.root, "rev-list", "--reverse", "main..dispatch/r").splitlines()
    assert [each.commit_sha for each in run.tasks] == shas
    assert run.level_boundaries == {"1": run.base_commit, "2": shas[1], "3": shas[2]}
    assert run.published_commit == shas[2]


def test_what_was_published_before_a_repair_was_folded_in_stays_reachable(place: Place) -> None:
    """[CO-03] The branch moves only from where we left it, and the old tip is kept beside it."""
    assert place.drive(crew()) is RunStatus.DONE
    (tip,) = place.run.superseded_tips
    assert git(place.root, "rev-parse", f"refs/dispatch/r/superseded/{tip}") == tip
    assert git(place.root, "show", f"{tip}:errors-1") == "error: one"


def test_the_fix_agent_works_in_the_verified_tree_with_the_verifier_s_output(
    place: Place,
) -> None:
    """[PF-03] [W-07] It sees what later levels added, and every failure of its task."""
    works = {**WORKS, "1a-x": writes(**{"errors-1": "error: one\n", "errors-2": "error: two\n"})}
    seen: list[list[str]] = []

    def edit(root: Path) -> None:
        seen.append(sorted(path.name for path in root.iterdir() if path.name != ".git"))
        (root / "errors-1").unlink()
        (root / "errors-2").unlink()

    players = crew(works=works, fixes={"1a-x": Work(edit=edit, files=("errors-1", "errors-2"))})
    assert place.drive(players) is RunStatus.DONE
    assert seen == [["a.txt", "errors-1", "errors-2", "y", "z"]]
    (job,) = (each for each in players.jobs if isinstance(each, FixJob))
    assert [each.description for each in job.findings] == ["error: one", "error: two"]
    assert [each.id.rpartition("-bf")[0] for each in job.findings] == [
        "1a-x-verif-1",
        "1a-x-verif-2",
    ]
    assert job.evidence == f"$ {GATE}\nerror: one\nerror: two\n"


def test_a_repair_that_cannot_be_folded_is_appended_and_reviewed_with_its_task(
    place: Place,
) -> None:
    """What level 2 wrote on top of level 1 stays as it is."""
    works = {**WORKS, "2a-z": writes(**{"z": "z\n", "errors-1": "error: one\nerror: more\n"})}
    less = writes(**{"errors-1": "error: more\n"})
    players = crew(works=works, fixes={"1a-x": less, "2a-z": removes("errors-1")})
    assert place.drive(players) is RunStatus.DONE
    assert subjects(place) == [
        *("Do x", "Do y", "Do z"),
        *("Repair 1a-x after verification 1", "Repair 2a-z after verification 1"),
    ]
    run = place.run
    (fix,) = run.tasks[2].fixes
    assert fix.commit_sha == run.published_commit == run.level_boundaries["3"]
    assert run.superseded_tips == ()
    trailers = git(place.root, "log", "-1", "--format=%(trailers:separator=|)", "dispatch/r", "--")
    assert trailers == "Dispatch-Run: r|Dispatch-Task: 2a-z"


def test_what_a_repair_before_it_mended_nobody_is_paid_for(place: Place) -> None:
    works = {**WORKS, "2a-z": writes(**{"z": "z\n", "errors-1": "error: one\nerror: more\n"})}
    players = crew(works=works)
    assert place.drive(players) is RunStatus.DONE
    assert [task_ids for _, task_ids, _ in causes(place)] == [("1a-x",), ("2a-z",)]
    assert fix_agents(players) == ["1a-x.fixAgent.1"]


def test_several_tasks_are_repaired_one_after_the_other(place: Place) -> None:
    """[PF-02] Each from the result of the one before, in the order of integration."""
    works = {
        **WORKS,
        "2a-z": writes(**{"z": "z\n", "errors-2": "error: two\n"}),
    }
    players = crew(works=works, fixes={"1a-x": removes("errors-1"), "2a-z": removes("errors-2")})
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == ["1a-x.fixAgent.1", "2a-z.fixAgent.1"]
    first, _ = place.run.verification_rounds
    assert first.reviews == {"1": 2, "2": 2}
    assert git(place.root, "ls-tree", "--name-only", "dispatch/r").split() == [
        "a.txt",
        "x",
        "y",
        "z",
    ]
    assert [each.fixes[0].base for each in (place.run.tasks[0], place.run.tasks[2])][1] != (
        place.run.tasks[0].fixes[0].base
    )


def test_a_repair_s_files_join_the_task_s_each_once_and_the_log_is_what_was_printed(
    place: Place,
) -> None:
    """[PF-04] [PV-07]"""
    fix = removes("errors-1", x="x, again\n", new="new\n")
    assert place.drive(crew(fixes={"1a-x": fix})) is RunStatus.DONE
    output = place.run.tasks[0].output
    assert output is not None
    assert output.files_modified == ("errors-1", "new", "x")
    log = Path(place.run.verification_rounds[0].final_build_log_path).read_text(encoding="utf-8")
    assert log.endswith("\nerror: one\n")


def test_a_second_fix_agent_is_shown_why_the_first_repair_came_to_nothing(place: Place) -> None:
    """[PF-06] [W-34] The failing command is run on each repair before it is accepted."""
    nothing = Work(edit=lambda root: None, files=())
    players = crew(fixes={"1a-x.fixAgent.1": nothing, "1a-x": removes("errors-1")})
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == ["1a-x.fixAgent.1", "1a-x.fixAgent.2"]
    (refused,) = players.refused.values()
    assert refused[0] == "This failure is still there: error: one"
    second = [each for each in players.jobs if isinstance(each, FixJob)][1]
    assert second.evidence.startswith("A repair before yours came to nothing: ")
    assert "This failure is still there: error: one" in second.evidence


def test_after_two_repairs_that_came_to_nothing_the_operator_may_let_it_stand(
    place: Place,
) -> None:
    """[PF-05] Nothing is called done without a word: the report and the reason say it."""
    place.operator = operator = ScriptedOperator(["accept-with-note"])
    players = crew(fixes={"1a-x": Work(edit=lambda root: None, files=())})
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == ["1a-x.fixAgent.1", "1a-x.fixAgent.2"]
    (question,) = operator.asked
    assert (question.task_id, question.allowed) == ("1a-x", ("retry", "accept-with-note", "abort"))
    first, second = place.run.verification_rounds
    assert [each.cause for each in first.explanations] == [FailureCause.ACCEPTED]
    assert (second.outcome, second.reason) == (
        "pass",
        "Nothing fails but 1 failure let stand or known from the base.",
    )
    assert "let stand" in (place.folder / "report.md").read_text(encoding="utf-8")


def test_a_failure_that_is_gone_on_the_same_tree_is_flaky_and_nobody_is_blamed(
    place: Place,
) -> None:
    mark = "../../../../seen"  # beside the repository's files
    place.gate = (f"test ! -e x || test -e {mark} || {{ touch {mark}; echo error: odd; exit 1; }}",)
    players = crew(works={**WORKS, "1a-x": writes(x="x\n")})
    assert place.drive(players) is RunStatus.DONE
    assert causes(place) == [(FailureCause.FLAKY, (), AttributedBy.BISECTION)]
    assert [each.outcome for each in place.run.verification_rounds] == ["retry", "pass"]
    assert fix_agents(players) == []
    assert "flaky" in (place.folder / "failure-attribution.md").read_text(encoding="utf-8")


def machine_breaks(root: Path) -> None:
    """What an engineer's work does to the machine, and to its tree."""
    (root / "x").write_text("x\n", encoding="utf-8")
    (root / "../../../../broken").touch()


def test_a_gate_that_fails_on_the_base_now_is_the_machine_s_and_the_operator_s(
    place: Place,
) -> None:
    """[W-33] A retry runs the gate again; a failure that stays is never passed over in silence."""
    place.gate = ("test ! -e ../../../../broken",)

    class Mends(ScriptedOperator):
        async def answer(self, escalation: Any) -> Any:
            (place.root / "broken").unlink()
            return await ScriptedOperator.answer(self, escalation)

    place.operator = operator = Mends(["retry"])
    players = crew(works={**WORKS, "1a-x": Work(edit=machine_breaks, files=("x",))})
    assert place.drive(players) is RunStatus.DONE
    assert causes(place) == [(FailureCause.OLD, (), AttributedBy.BISECTION)]
    (question,) = operator.asked
    assert question.id == "verification-1-nobody"
    assert question.reason == "old: It is there on the base commit, too."
    assert fix_agents(players) == []


def test_a_failure_of_a_gate_that_always_failed_and_is_on_the_base_too_counts_no_longer(
    place: Place,
) -> None:
    """It is old, whatever the baseline happened to print."""
    mark = "../../../../seen"
    place.gate = (f"test -e {mark} && echo error: second; touch {mark}; exit 1",)
    players = crew(works={**WORKS, "1a-x": writes(x="x\n")})
    assert place.drive(players) is RunStatus.DONE
    assert causes(place) == [(FailureCause.OLD, (), AttributedBy.BISECTION)]
    assert [each.outcome for each in place.run.verification_rounds] == ["retry", "pass"]


def test_what_runs_do_not_settle_is_put_to_the_attribution_agent(place: Place) -> None:
    """[PA-08] It has both logs whole, and each task's work as it is now (W-30)."""
    place.config_changes = {"attribution_runs": 0}
    players = crew(causes=says(FailureCause.TASK, "1a-x"))
    assert place.drive(players) is RunStatus.DONE
    assert causes(place) == [(FailureCause.TASK, ("1a-x",), AttributedBy.ATTRIBUTION)]
    (job,) = (each for each in players.jobs if isinstance(each, AttributionJob))
    assert job.attempt.id == "verification-1.attribution.1"
    assert (job.baseline_log, job.final_log.splitlines()[-1]) == (
        job.baseline_log,
        "error: one",
    )
    assert sorted(job.patches) == ["1a-x", "1b-y", "2a-z"]
    assert "+error: one" in job.patches["1a-x"]


@pytest.mark.parametrize("cause", [FailureCause.NONE, FailureCause.ENVIRONMENT])
def test_where_the_agent_blames_nobody_the_operator_decides(
    place: Place, cause: FailureCause
) -> None:
    """[W-31] Nobody is changed for nothing."""
    place.config_changes = {"attribution_runs": 0}
    place.operator = operator = ScriptedOperator(["accept-with-note"])
    players = crew(causes=says(cause))
    assert place.drive(players) is RunStatus.DONE
    assert [each.id for each in operator.asked] == ["verification-1-nobody"]
    assert operator.asked[0].allowed == ("retry", "accept-with-note", "abort")
    assert fix_agents(players) == []


def test_an_attribution_agent_that_gives_no_answer_leaves_it_to_the_operator(
    place: Place,
) -> None:
    place.config_changes = {"attribution_runs": 0}
    place.operator = ScriptedOperator(["abort"])
    players = crew()
    players.broken = dict.fromkeys(
        ("verification-1.attribution.1", "verification-1.attribution.2"), AttemptOutcome.NO_OUTPUT
    )
    assert place.drive(players) is RunStatus.FAILED
    assert place.run.failure is not None
    assert (place.run.failure.kind, place.run.failure.state) == (
        FailureKind.ABORTED,
        "fixing-verification",
    )
    assert causes(place) == [(FailureCause.NONE, (), AttributedBy.ATTRIBUTION)]


def rounds_of_trouble(last: int) -> dict[str, Work]:
    """Repairs of which each but the last brings the next failure."""
    works = {
        f"1a-x.{number}": removes(
            f"errors-{number}", **{f"errors-{number + 1}": f"error: number {number + 1}\n"}
        )
        for number in range(1, last)
    }
    return {**works, f"1a-x.{last}": removes(f"errors-{last}")}


def test_the_third_round_is_announced_and_the_fourth_is_asked_for(place: Place) -> None:
    """[PF-07] [PF-08] [W-32] Going on is going on: the fifth round passes."""
    place.operator = operator = ScriptedOperator(["continue"])
    players = crew(fixes=rounds_of_trouble(4))
    assert place.drive(players) is RunStatus.DONE
    assert [each.outcome for each in place.run.verification_rounds] == [*["retry"] * 4, "pass"]
    (notice,) = (each for each in operator.notices if "repair round" in each)
    assert notice == "The build gate needs repair round 3: error: number 3."
    assert [each.id for each in operator.asked] == ["verification-fix-4"]
    assert place.run.tasks[0].verification_fix_rounds_total == 4
    assert subjects(place) == ["Do x", "Do y", "Do z"]


def test_the_operator_can_end_it_in_the_fourth_round_before_anybody_is_paid(place: Place) -> None:
    """[PF-09] [PV-04] A retry asks once more."""
    place.operator = ScriptedOperator(["abort"])
    players = crew(fixes=rounds_of_trouble(5))
    assert place.drive(players) is RunStatus.FAILED
    assert len(fix_agents(players)) == 3
    assert place.run.failure is not None
    assert place.run.failure.kind is FailureKind.ABORTED


def test_after_an_abort_a_retry_asks_again_and_goes_on_where_it_was(place: Place) -> None:
    """What was repaired and paid for stays."""
    place.operator = ScriptedOperator(["abort", "continue"])
    players = crew(fixes=rounds_of_trouble(4))
    assert place.drive(players) is RunStatus.FAILED
    assert place.run.failure is not None
    assert place.run.failure.state == "fixing-verification"
    store = place.store()
    store.update(lambda run: retried(run, "2026-01-01T00:00:00.000Z"))
    assert place.drive(players) is RunStatus.DONE
    assert len(fix_agents(players)) == 4


def test_a_review_that_fails_the_repair_stops_the_run_and_is_asked_again_after_a_retry(
    place: Place,
) -> None:
    """[PV-05]"""
    players = crew(rounds={"1a-x": ((), (blocking("never so"),))})
    players.hopeless_rounds = {2}
    assert place.drive(players) is RunStatus.FAILED
    assert place.run.failure is not None
    assert place.run.failure.kind is FailureKind.BLOCKING_FINDINGS
    store = place.store()
    store.update(lambda run: retried(run, "2026-01-01T00:00:00.000Z"))
    players.rounds, players.hopeless_rounds = {}, set()
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == ["1a-x.fixAgent.1"]


def test_the_fourth_round_may_be_let_stand(place: Place) -> None:
    place.operator = ScriptedOperator(["accept-with-note"])
    players = crew(fixes=rounds_of_trouble(5))
    assert place.drive(players) is RunStatus.DONE
    assert [each.outcome for each in place.run.verification_rounds] == [*["retry"] * 4, "pass"]


def test_a_review_of_the_repair_may_ask_for_an_amendment_of_the_earlier_level(
    place: Place,
) -> None:
    """[PV-05] It is made in the whole result, and what is built on it stays (W-68)."""
    rounds = {"1a-x": ((), (blocking("say why"),))}
    fixes = {"1a-x.verification": removes("errors-1"), "1a-x.critique": writes(why="because\n")}
    place.operator = operator = ScriptedOperator(["continue"])
    players = crew(rounds=rounds, fixes=fixes)
    assert place.drive(players) is RunStatus.DONE
    assert subjects(place) == ["Do x", "Do y", "Do z"]
    task = place.run.tasks[0]
    assert [each.round for each in task.critique_verdicts] == [1, 2, 3]
    assert (task.amendment_rounds_total, task.verification_fix_rounds_total) == (1, 1)
    assert git(place.root, "show", f"{task.commit_sha}:why") == "because"
    assert operator.asked == []


def test_a_sibling_that_the_repair_broke_is_amended_though_it_had_passed(place: Place) -> None:
    """The gate critic of the level sees all its tasks."""
    gate_rounds = {"1b-y": ((), (blocking("y lost its meaning"),))}
    players = crew(
        gate_rounds=gate_rounds, fixes={"1a-x": removes("errors-1"), "1b-y": writes(y="y, again\n")}
    )
    assert place.drive(players) is RunStatus.DONE
    assert fix_agents(players) == ["1a-x.fixAgent.1", "1b-y.fixAgent.1"]
    assert git(place.root, "show", "dispatch/r:y") == "y, again"
    assert {task.status for task in place.run.tasks} == {TaskStatus.COMPLETED}


def test_under_isolation_level_a_regression_is_repaired_alike(place: Place) -> None:
    place.changes = place.config_changes = {"isolation": Isolation.LEVEL}
    assert place.drive(crew()) is RunStatus.DONE
    assert causes(place) == [(FailureCause.TASK, ("1a-x",), AttributedBy.BISECTION)]
    assert "errors-1" not in git(place.root, "ls-tree", "--name-only", "dispatch/r")


def test_a_task_that_had_nothing_to_add_has_its_place_in_the_order(place: Place) -> None:
    """[PA-07] Its repair becomes its commit."""
    place.config_changes = {"attribution_runs": 0}
    works = {**WORKS, "1b-y": Work(edit=lambda root: None, files=())}
    players = crew(
        works=works, causes=says(FailureCause.TASK, "1b-y"), fixes={"1b-y": removes("errors-1")}
    )
    assert place.drive(players) is RunStatus.DONE
    assert git(place.root, "ls-tree", "--name-only", "dispatch/r").split() == ["a.txt", "x", "z"]


def test_killed_before_any_save_of_a_repair_it_ends_the_same(tmp_path: Path) -> None:
    """[RS-13] From the first build of the result to the last: nobody is asked twice."""
    plan = a_plan(planned("x"), planned("z", 2, ("x",)))
    straight = Place(tmp_path / "straight" / "repository", gate=(GATE,))
    straight.set_up()
    assert straight.drive(crew(plans=[plan])) is RunStatus.DONE
    for at in tried(range(FIRST_SAVE_OF_VERIFYING, 100)):
        place = Place(tmp_path / str(at) / "repository", gate=(GATE,))
        place.set_up()
        players = crew(plans=[plan])
        if place.drive(players, at) is not None:
            break
        assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
        here, there = str(place.root), str(straight.root)
        assert repr(comparable(place.run)).replace(here, there) == repr(comparable(straight.run))
        for task, calm in zip(place.run.tasks, straight.run.tasks, strict=True):
            done = [each for each in task.attempts if each.outcome is AttemptOutcome.OK]
            assert len(done) == len(calm.attempts)
        git(place.root, "fsck", "--strict", "--no-dangling")
        worktrees = place.folder / "worktrees"
        assert [path.name for path in worktrees.glob("fix-*")] == []
        for level, tip in (("1", "2"), ("2", "3")):
            head = git(worktrees / f"level-{level}", "rev-parse", "HEAD")
            assert head == place.run.level_boundaries[tip]
    assert at > FIRST_SAVE_OF_VERIFYING + 15
