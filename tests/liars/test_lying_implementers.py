"""Each lying implementer alone beside an honest one: typed end, nothing of it committed."""

from pathlib import Path

import pytest
from attrs import evolve
from fakes.casting import Cast, Seat, a_task
from fakes.liars import IMPLEMENTERS, TWICE, Liar
from fakes.proof import falsehoods, lies_in
from fakes.run_harness import Place, git
from fakes.scenario_agents import a_plan

from dispatch.fsm.report import render_report
from dispatch.policy.plan import materialise
from dispatch.state.enums import AttemptOutcome, FailureKind, Role, RunStatus, TaskStatus

REPENTANT = tuple(each for each in IMPLEMENTERS if each.undo)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with a file to spoil and a rule to hide behind."""
    place = Place(tmp_path / "repository")
    place.set_up(a__txt="a\n", __gitignore="*.log\n")
    return place


@pytest.mark.parametrize("liar", IMPLEMENTERS, ids=lambda liar: liar.name)
def test_a_stubborn_liar_ends_typed_and_its_sibling_is_committed(place: Place, liar: Liar) -> None:
    """[RL-02] [RL-05] [RL-07] Bounded turns, the reason told and reported, no lie in a commit."""
    place.config_changes = {"limits": liar.limits}
    plan = (evolve(a_task("liar"), **liar.task), a_task("honest"))
    cast = Cast(plan=plan, parts={"implementer 1a-liar": liar.lies})
    assert place.drive(cast.agents(place)) is RunStatus.FAILED
    run = place.run
    first, second = run.tasks
    assert [(each.outcome, each.usage.turns) for each in first.attempts] == [
        (liar.outcome, liar.turns)
    ] * liar.attempts
    assert (first.status, first.output, first.commit_sha) == (TaskStatus.FAILED, None, None)
    assert first.failure is not None
    assert first.failure.kind is FailureKind.AGENT_FAILED
    assert liar.told in first.failure.message
    assert run.failure is not None
    assert run.failure.kind is FailureKind.TASKS_FAILED
    # The honest sibling lost nothing and was asked once.
    assert (second.status, [each.outcome for each in second.attempts]) == (
        TaskStatus.COMPLETED,
        ["ok", "ok"],
    )
    assert place.files("dispatch/r") == [".gitignore", "a.txt", "honest.txt"]
    assert git(place.root, "show", "dispatch/r:honest.txt") == "honest"
    assert git(place.root, "rev-list", "main..dispatch/r") == second.commit_sha
    assert (lies_in(place, "dispatch/r"), falsehoods(place)) == ([], [])
    report = render_report(run, gate_diff="", now=run.history[-1].at)
    (line,) = (
        each
        for each in report.splitlines()
        if each.startswith(f"- `1a-liar.implementer.{liar.attempts}` implementer, ")
    )
    assert f": {liar.outcome}, " in line


def test_liars_that_are_told_and_repent_are_not_held_to_have_lied(place: Place) -> None:
    """All at a time: what is committed afterwards is the honest work alone, nobody is set aside."""
    liars = {f"liar{number}": liar for number, liar in enumerate(REPENTANT, 1)}
    plan = tuple(evolve(a_task(name), **liar.task) for name, liar in liars.items())
    ids = {task.id: liars[task.id.partition("-")[2]] for task in materialise(a_plan(*plan))}
    cast = Cast(
        plan=(*plan, a_task("honest")),
        parts={f"implementer {task_id}": liar.repents for task_id, liar in ids.items()},
    )
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    tasks = {task.id: task for task in place.run.tasks}
    for task_id, liar in ids.items():
        first, *critics = tasks[task_id].attempts
        turns = len(liar.repents(Seat(role=Role.IMPLEMENTER, task_id=task_id)))
        assert (liar.name, first.outcome, first.usage.turns) == (liar.name, "ok", turns)
        assert [each.role for each in critics] == ["critic"]
        told = "\n".join(cast.told(f"implementer {task_id}"))
        assert liar.told in told or liar.outcome is AttemptOutcome.NO_OUTPUT
    written = sorted(f"{name}.txt" for name in (*liars, "honest"))
    assert place.files("dispatch/r") == [".gitignore", "a.txt", *written]
    assert git(place.root, "rev-list", "--count", "main..dispatch/r") == str(len(written))
    assert (lies_in(place, "dispatch/r"), falsehoods(place)) == ([], [])


def test_a_second_submission_changes_nothing_about_the_first(place: Place) -> None:
    """It is answered, recorded nowhere but in the transcript, and nobody is set aside."""
    plan = (a_task("liar"), a_task("honest"))
    cast = Cast(plan=plan, parts={"implementer 1a-liar": TWICE.lies})
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    first = place.run.tasks[0]
    assert (first.attempts[0].outcome, first.attempts[0].usage.turns) == (
        TWICE.outcome,
        TWICE.turns,
    )
    assert first.output is not None
    assert (first.output.summary, first.output.files_modified) == ("Done.", ("liar.txt",))
    transcript = place.folder / "attempts" / "1a-liar.implementer.1" / "transcript.jsonl"
    assert TWICE.told in transcript.read_text(encoding="utf-8")
    assert place.files("dispatch/r") == [".gitignore", "a.txt", "honest.txt", "liar.txt"]
    assert (lies_in(place, "dispatch/r"), falsehoods(place)) == ([], [])
