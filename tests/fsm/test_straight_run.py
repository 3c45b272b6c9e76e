"""The straight way with real git, document and commands; the agents are played."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.state.enums import (
    AgentType,
    AttemptOutcome,
    DecisionOutcome,
    DeviationSeverity,
    FailureKind,
    GreybeardRuling,
    Isolation,
    KarenAction,
    RunStatus,
    TaskStatus,
    VerificationMode,
    VerificationOutcome,
)
from dispatch.state.errors import ProviderStopped, WaitingForOperator
from dispatch.state.work import BuildClaim

TWO_LEVELS = a_plan(planned("x"), planned("y"), planned("z", 2, ("x", "y")))
WORKS = {
    "1a-x": writes(x="x\n"),
    "1b-y": writes(y="y\n"),
    "2a-z": writes(x="x and z\n", z="z\n"),
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def agents(works: dict[str, Work] | None = None, **changes: Any) -> ScenarioAgents:
    return ScenarioAgents(plans=[TWO_LEVELS], works=works or WORKS, **changes)


def test_two_levels_become_one_commit_per_task_on_the_published_branch(place: Place) -> None:
    """[E2E-01] [CL-02] [WT-02] The branch holds the tasks' commits in order, and nothing else."""
    assert place.drive(agents()) is RunStatus.DONE
    log = git(
        place.root, "log", "--reverse", "--format=%s|%(trailers:separator=|)", "dispatch/r", "--"
    )
    assert log.splitlines() == [
        "base|",
        "Do x|Dispatch-Run: r|Dispatch-Task: 1a-x",
        "Do y|Dispatch-Run: r|Dispatch-Task: 1b-y",
        "Do z|Dispatch-Run: r|Dispatch-Task: 2a-z",
    ]
    run = place.run
    assert [task.commit_sha for task in run.tasks] == git(
        place.root, "rev-list", "--reverse", "main..dispatch/r"
    ).splitlines()
    assert run.level_boundaries == {
        "1": run.base_commit,
        "2": run.tasks[1].commit_sha,
        "3": run.tasks[2].commit_sha,
    }
    assert run.published_commit == run.tasks[2].commit_sha
    assert [entry.event for entry in run.history] == [
        "plan_submitted",
        "plan_accepted",
        "level_passed",
        "levels_passed",
        "verified",
        "consolidated",
    ]
    assert place.files("dispatch/r") == ["a.txt", "x", "y", "z"]
    assert (place.folder / "report.md").is_file()


def test_the_user_s_branch_index_and_files_stay_as_they_are(place: Place) -> None:
    before = git(place.root, "status", "--porcelain"), git(place.root, "rev-parse", "HEAD")
    place.drive(agents())
    assert (
        git(place.root, "status", "--porcelain"),
        git(place.root, "rev-parse", "HEAD"),
    ) == before
    assert git(place.root, "worktree", "list").count("\n") == 0


def test_every_attempt_is_in_the_document_with_its_usage(place: Place) -> None:
    place.drive(agents())
    run = place.run
    assert [attempt.id for attempt in run.attempts] == [
        "plan.planner.1",
        "level-1.gateCritic.1",
        "level-2.gateCritic.1",
    ]
    assert [attempt.id for attempt in run.tasks[0].attempts] == [
        "1a-x.implementer.1",
        "1a-x.critic.1",
    ]
    assert {role: usage.turns for role, usage in run.usage.items()} == {
        "planner": 1,
        "implementer": 3,
        "critic": 3,
        "gateCritic": 2,
    }
    assert run.usage["implementer"].cost_usd == 1.5


def test_a_false_claim_is_refused_and_its_task_fails_while_its_sibling_is_committed(
    place: Place,
) -> None:
    """[RL-02] [RL-07] [RL-09] The unclaimed file is named; nothing of that task is committed."""
    liar = writes(x="x\n", rogue="r\n")
    works = {**WORKS, "1a-x": Work(edit=liar.edit, files=("x",))}
    players = agents(works)
    assert place.drive(players) is RunStatus.FAILED
    (problem,) = players.refused["1a-x.implementer.1"]
    assert "rogue" in problem
    run = place.run
    assert [task.status for task in run.tasks] == [
        TaskStatus.FAILED,
        TaskStatus.COMPLETED,
        TaskStatus.FAILED,
    ]
    assert run.failure is not None
    assert run.failure.kind is FailureKind.TASKS_FAILED
    assert run.tasks[2].failure is not None
    assert run.tasks[2].failure.message == "It depends on 1a-x, which failed."
    assert place.files("dispatch/r") == ["a.txt", "y"]
    assert run.tasks[0].rescue_ref == "refs/dispatch/r/rescue/1a-x"
    assert place.files("refs/dispatch/r/rescue/1a-x") == ["a.txt", "rogue", "x"]


def test_a_build_that_was_claimed_to_pass_and_does_not_is_refused(place: Place) -> None:
    claim = BuildClaim(command="false", exit_code=0, stdout_tail="ok")
    honest = WORKS["1a-x"]
    works = {**WORKS, "1a-x": Work(edit=honest.edit, files=honest.files, builds=(claim,))}
    players = agents(works)
    place.drive(players)
    (problem,) = players.refused["1a-x.implementer.1"]
    assert "false" in problem


def test_a_refused_command_s_last_words_come_with_the_refusal(place: Place) -> None:
    """Without them the agent would pay for another turn to see them."""
    plan = a_plan(planned("x", verify_commands=("echo first; echo why; exit 3",)))
    players = ScenarioAgents(plans=[plan], works=WORKS)
    place.drive(players)
    assert players.refused["1a-x.implementer.1"][1:] == (
        "The end of what `echo first; echo why; exit 3` printed:\nfirst\nwhy",
    )


def test_a_commit_s_note_says_who_made_it_at_what_cost_and_how_it_was_judged(place: Place) -> None:
    place.drive(agents())
    note = git(place.root, "notes", "--ref=dispatch/r", "show", str(place.run.tasks[0].commit_sha))
    assert note.splitlines() == [
        "implementer 1a-x.implementer.1: none (scenario), ok, 1 turns, 100 + 10 tokens, 0.5000 USD",
        "critic 1a-x.critic.1: none (scenario), ok, 1 turns, 100 + 10 tokens, 0.5000 USD",
        "critique, round 1: pass, 0 findings",
    ]


def test_what_verify_commands_leave_behind_is_not_held_against_the_agent(place: Place) -> None:
    plan = a_plan(planned("x", verify_commands=("touch litter",)))
    assert place.drive(ScenarioAgents(plans=[plan], works=WORKS)) is RunStatus.DONE
    assert place.files("dispatch/r") == ["a.txt", "x"]


def test_edits_of_one_file_by_two_tasks_are_merged(tmp_path: Path) -> None:
    """[CL-03] Three-way: both edits are in the result, each in its own task's commit."""
    place = Place(tmp_path / "repository")
    place.set_up(shared="".join(f"{number}\n" for number in range(20)))

    def replace(old: str, new: str) -> Work:
        def edit(root: Path) -> None:
            path = root / "shared"
            path.write_text(path.read_text().replace(old, new, 1))

        return Work(edit=edit, files=("shared",))

    plan = a_plan(planned("x"), planned("y"))
    works = {"1a-x": replace("0\n1\n", "0\nx\n"), "1b-y": replace("18\n", "y\n")}
    assert place.drive(ScenarioAgents(plans=[plan], works=works)) is RunStatus.DONE
    text = git(place.root, "show", "dispatch/r:shared").splitlines()
    assert (text[1], text[18]) == ("x", "y")
    for task, added in zip(place.run.tasks, ("+x", "+y"), strict=True):
        patch = git(place.root, "show", "--format=", "-U0", str(task.commit_sha)).splitlines()
        assert [line for line in patch if line[0] == "+" and line[1] != "+"] == [added]


@pytest.mark.parametrize(
    ("ruling", "status"),
    [
        (GreybeardRuling.ACCEPT, TaskStatus.COMPLETED),
        (GreybeardRuling.REJECT, TaskStatus.FAILED),
        (GreybeardRuling.ESCALATE, TaskStatus.SUBMITTED),
    ],
)
def test_a_moderate_deviation_is_the_greybeard_s(
    place: Place, ruling: GreybeardRuling, status: TaskStatus
) -> None:
    """[RL-04] [KL-02] [KL-03] [KL-08] [KL-11] Asked once; decisions are kept in order."""
    honest = WORKS["1a-x"]
    work = Work(
        edit=honest.edit,
        files=honest.files,
        severities=(DeviationSeverity.MINOR, DeviationSeverity.MODERATE),
    )
    players = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": work}, ruling=ruling)
    with contextlib.suppress(WaitingForOperator):
        place.drive(players)
    (task,) = place.run.tasks
    assert task.status is status
    assert [decision.deviation_id for decision in task.decisions] == ["1a-x-dev-1", "1a-x-dev-2"]
    assert players.asked.count("1a-x-dev-2.greybeard.1") == 1


def test_a_major_deviation_waits_for_the_operator_and_nobody_else_is_asked(place: Place) -> None:
    """[KL-06] [RL-03] The sibling still finishes."""
    honest = WORKS["1a-x"]
    work = Work(edit=honest.edit, files=honest.files, severities=(DeviationSeverity.MAJOR,))
    players = agents({**WORKS, "1a-x": work})
    with pytest.raises(WaitingForOperator):
        place.drive(players)
    run = place.run
    assert run.failure is None
    assert [(each.id, each.task_id, each.answer) for each in run.escalations] == [
        ("1a-x-dev-1", "1a-x", None)
    ]
    assert [task.status for task in run.tasks[:2]] == [TaskStatus.SUBMITTED] * 2
    assert not any("greybeard" in attempt for attempt in players.asked)


def test_minor_deviations_are_accepted_and_nobody_is_asked(place: Place) -> None:
    """[KL-01]"""
    honest = WORKS["1a-x"]
    severities = (DeviationSeverity.MINOR, DeviationSeverity.MINOR)
    work = Work(edit=honest.edit, files=honest.files, severities=severities)
    players = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": work})
    assert place.drive(players) is RunStatus.DONE
    (task,) = place.run.tasks
    assert [(each.initial, each.outcome) for each in task.decisions] == [
        (KarenAction.ACCEPT, DecisionOutcome.ACCEPTED)
    ] * 2
    assert not any("greybeard" in attempt for attempt in players.asked)
    assert place.run.escalations == ()


def test_a_level_that_passes_has_one_verdict_of_each_critic_and_of_the_gate(place: Place) -> None:
    """[GA-01] [GA-06] [GA-08] An unreviewed intern is judged by the gate alone."""
    quiet = planned("y", agent_type=AgentType.INTERN, critique_enabled=False)
    players = ScenarioAgents(plans=[a_plan(planned("x"), quiet)], works=WORKS)
    assert place.drive(players) is RunStatus.DONE
    run = place.run
    (gate,) = run.gate_verdicts
    assert (gate.round, sorted(gate.per_task)) == (1, ["1a-x", "1b-y"])
    assert [[each.round for each in task.critique_verdicts] for task in run.tasks] == [[1], []]
    assert {task.status for task in run.tasks} == {TaskStatus.COMPLETED}


def test_what_the_gate_critic_holds_to_be_beyond_repair_stops_the_run(place: Place) -> None:
    """[GA-02] [AM-06] No fix agent is started, nobody is asked."""
    players = agents(gate_findings={"1b-y": (blocking("too slow"),)}, hopeless=True)
    assert place.drive(players) is RunStatus.FAILED
    failure = place.run.failure
    assert failure is not None
    assert (failure.kind, failure.task_id) == (FailureKind.BLOCKING_FINDINGS, "1b-y")
    assert "too slow" in failure.message
    assert not any("fixAgent" in attempt for attempt in players.asked)
    assert "dispatch/r" not in git(place.root, "branch", "--list", "--format=%(refname:short)")


def test_an_unchanged_gate_passes_in_baseline_equality_without_the_operator(place: Place) -> None:
    """[PV-10] [PV-02] The gate prints its folder, which is another one each time."""
    place.gate = ("pwd; echo same",)
    plan = a_plan(planned("x"), mode=VerificationMode.BASELINE_EQUALITY)
    assert place.drive(ScenarioAgents(plans=[plan], works=WORKS)) is RunStatus.DONE
    assert [each.outcome for each in place.run.verification_rounds] == [VerificationOutcome.PASS]


@pytest.mark.parametrize(
    ("changes", "mode"),
    [
        ({"skip_baseline": True}, VerificationMode.NO_NEW_FAILURES),
        ({}, VerificationMode.SKIP_COMPARISON),
    ],
)
def test_a_skipped_comparison_runs_no_build(
    place: Place, changes: dict[str, object], mode: VerificationMode
) -> None:
    """[E2E-02] [PV-09] Verification is passed over, and the reason is in the history."""
    place.changes = changes
    plan = a_plan(planned("x"), mode=mode)
    assert place.drive(ScenarioAgents(plans=[plan], works=WORKS)) is RunStatus.DONE
    run = place.run
    assert run.verification_rounds == ()
    assert "skip" in run.history[-2].reason


def test_tasks_that_change_nothing_are_completed_without_a_commit(place: Place) -> None:
    """[CL-05] [PV-01] [GA-05] Nothing to verify either."""
    plan = a_plan(planned("look", agent_type=AgentType.EXPLORE))
    works = {"1a-look": Work(edit=lambda root: None, files=())}
    assert place.drive(ScenarioAgents(plans=[plan], works=works)) is RunStatus.DONE
    run = place.run
    assert (run.tasks[0].status, run.tasks[0].commit_sha) == (TaskStatus.COMPLETED, None)
    assert run.level_boundaries["2"] == run.base_commit
    assert run.verification_rounds == ()


def test_a_refused_plan_is_planned_again_with_the_reasons(place: Place) -> None:
    bad = a_plan(planned("x", verify_commands=(" ",)))
    players = ScenarioAgents(plans=[bad, a_plan(planned("x"))], works=WORKS)
    assert place.drive(players) is RunStatus.DONE
    refusal = place.run.plan_refusals[0]
    assert players.jobs[1].refusals == refusal.reasons  # type: ignore[attr-defined]  # a PlanJob
    assert players.asked[:2] == ["plan.planner.1", "plan.planner.2"]


def test_the_fourth_refused_plan_fails_the_run(place: Place) -> None:
    bad = a_plan(planned("x", verify_commands=(" ",)))
    players = ScenarioAgents(plans=[bad], works=WORKS)
    assert place.drive(players) is RunStatus.FAILED
    assert players.asked == [f"plan.planner.{number}" for number in (1, 2, 3, 4)]
    failure = place.run.failure
    assert failure is not None
    assert failure.kind is FailureKind.PLAN_REFUSED


def test_an_agent_that_ends_without_output_is_tried_once_afresh(place: Place) -> None:
    players = agents(broken={"1a-x.implementer.1": AttemptOutcome.NO_OUTPUT})
    assert place.drive(players) is RunStatus.DONE
    assert [attempt.outcome for attempt in place.run.tasks[0].attempts] == [
        AttemptOutcome.NO_OUTPUT,
        AttemptOutcome.OK,
        AttemptOutcome.OK,
    ]


def test_a_provider_s_failure_is_not_charged_to_the_task(place: Place) -> None:
    players = agents(broken={"1a-x.implementer.1": AttemptOutcome.PROVIDER_AUTH})
    with pytest.raises(ProviderStopped):
        place.drive(players)
    run = place.run
    assert (run.status, run.failure) == (RunStatus.EXECUTING, None)
    assert [task.status for task in run.tasks] == [
        TaskStatus.RUNNING,
        TaskStatus.SUBMITTED,
        TaskStatus.PENDING,
    ]
    assert run.paused == (
        "The run pauses: none does not work. The implementer of attempt 1a-x.implementer.1 ended "
        "with provider-auth: as scripted."
    )
    players.broken = {}
    assert place.drive(players) is RunStatus.DONE
    assert place.run.paused == ""


def test_under_isolation_level_a_file_goes_to_the_last_task_that_claims_it(place: Place) -> None:
    place.changes = {"isolation": Isolation.LEVEL}
    plan = a_plan(planned("x"), planned("y"))
    works = {
        "1a-x": Work(edit=writes(x="1\n", both="x\n").edit, files=("x", "both")),
        "1b-y": Work(edit=writes(both="y\n").edit, files=("both",)),
    }
    assert place.drive(ScenarioAgents(plans=[plan], works=works)) is RunStatus.DONE
    shown = [
        git(place.root, "show", "--format=", "--name-only", str(task.commit_sha)).split()
        for task in place.run.tasks
    ]
    assert shown == [["x"], ["both"]]


def test_under_isolation_level_unclaimed_files_stop_the_run(place: Place) -> None:
    """[RL-02] In a shared tree the level as a whole must be claimed."""
    place.changes = {"isolation": Isolation.LEVEL}
    works = {"1a-x": Work(edit=writes(x="x\n", rogue="r\n").edit, files=("x",))}
    assert place.drive(ScenarioAgents(plans=[a_plan(planned("x"))], works=works)) is (
        RunStatus.FAILED
    )
    failure = place.run.failure
    assert failure is not None
    assert "rogue" in failure.message


def test_set_up_commands_that_leave_files_are_refused_with_their_names(place: Place) -> None:
    place.changes = {"setup": ("touch litter",)}
    assert place.drive(agents()) is RunStatus.FAILED
    failure = place.run.failure
    assert failure is not None
    assert failure.kind is FailureKind.COMMAND_FAILED
    assert "litter" in failure.message
