"""Questions to the operator, with his files; he answers as `dispatch answer` does or by hand."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.run_harness import Place
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, planned, writes

from dispatch.state.enums import (
    DecisionOutcome,
    DeviationSeverity,
    FailureKind,
    KarenAction,
    RunStatus,
    TaskStatus,
    VerificationMode,
    VerificationOutcome,
)
from dispatch.state.errors import WaitingForOperator
from dispatch.state.escalation_file import Reply, question_path, write_reply
from dispatch.state.judgements import Escalation
from dispatch.state.operator_channel import OperatorChannel


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A repository whose operator answers through files, and is not waited for."""
    place = Place(tmp_path / "repository")
    place.set_up()
    with (tmp_path / "stderr").open("a", encoding="utf-8") as stream:
        place.operator = OperatorChannel(
            place.folder, stream=stream, now=lambda: "2026-01-01T00:00:00.000Z", wait=False
        )
        yield place


def major(*names: str) -> Work:
    edit = writes(**dict.fromkeys(names, "1\n")).edit
    return Work(edit=edit, files=names, severities=(DeviationSeverity.MAJOR,))


def three() -> ScenarioAgents:
    """Two tasks that ask, and one that does not."""
    plan = a_plan(planned("x"), planned("y"), planned("z"))
    works = {"1a-x": major("x"), "1b-y": major("y"), "1c-z": writes(z="z\n")}
    return ScenarioAgents(plans=[plan], works=works)


def question(place: Place, name: str) -> Escalation:
    return next(each for each in place.run.escalations if each.id == name)


def answered(place: Place, name: str, verb: str, note: str = "") -> None:
    assert write_reply(place.folder, question(place, name), Reply(verb, note)) is None


def waits(place: Place, players: ScenarioAgents) -> None:
    with pytest.raises(WaitingForOperator):
        place.drive(players)


def test_two_questions_are_answered_apart_and_the_others_go_on(place: Place) -> None:
    """[OE-01] [OE-07] [KL-04] [KL-06] [W-24] Answered in the other order, one start apart."""
    place.config_changes = {"max_parallel": 1}
    players = three()
    waits(place, players)
    assert [task.status for task in place.run.tasks] == [TaskStatus.SUBMITTED] * 3
    answered(place, "1b-y-dev-1", "accept-with-note", "as agreed")
    waits(place, players)
    assert [each.answer is None for each in place.run.escalations] == [True, False]
    answered(place, "1a-x-dev-1", "continue")
    assert place.drive(players) is RunStatus.DONE
    second = place.run.tasks[1].decisions[0]
    assert (second.outcome, second.operator_answer, second.greybeard, second.final) == (
        DecisionOutcome.ACCEPTED,
        "accept-with-note",
        None,
        KarenAction.ESCALATE_TO_OPERATOR,
    )
    folder = place.folder / "escalations"
    assert list(folder.glob("*.yaml")) == []
    assert len(list((folder / "answered").iterdir())) == 2
    assert "as agreed" in (place.folder / "report.md").read_text()
    assert sum("implementer" in attempt for attempt in players.asked) == 3


def test_an_abort_stops_the_run_and_is_in_the_decision(place: Place) -> None:
    """[OE-02] [RL-03] [RL-07] [KL-05]"""
    players = three()
    waits(place, players)
    answered(place, "1a-x-dev-1", "abort")
    assert place.drive(players) is RunStatus.FAILED
    run = place.run
    assert run.failure is not None
    assert (run.failure.kind, run.failure.task_id) == (FailureKind.ABORTED, "1a-x")
    assert [each.outcome for each in run.tasks[0].decisions] == [DecisionOutcome.ABORTED]
    assert (place.folder / "report.md").exists() is False  # the command writes it, not the engine


def test_a_task_that_is_to_fail_is_set_aside_and_its_siblings_are_committed(place: Place) -> None:
    """[RL-09]"""
    players = three()
    waits(place, players)
    answered(place, "1a-x-dev-1", "fail-task")
    answered(place, "1b-y-dev-1", "continue")
    assert place.drive(players) is RunStatus.FAILED
    statuses = [task.status for task in place.run.tasks]
    assert statuses == [TaskStatus.FAILED, TaskStatus.COMPLETED, TaskStatus.COMPLETED]
    assert place.run.tasks[0].rescue_ref is not None
    assert place.files("dispatch/r") == ["a.txt", "y", "z"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("(?m)^answer: null$", "answer: [cont", ""),
        ("(?m)^answer: null$", "answer: maybe", "'maybe', which is none of continue"),
        ("(?s)\nid: .*", "\nid: 1b-y-dev-1\nanswer: continue\n", "repeat the question's id"),
    ],
)
def test_what_is_no_answer_is_not_taken(place: Place, old: str, new: str, said: str) -> None:
    """[OE-04] [OE-06] Half-written, wrong and foreign; a valid one is taken afterwards."""
    plan = a_plan(planned("x"))
    players = ScenarioAgents(plans=[plan], works={"1a-x": major("x")})
    waits(place, players)
    path = question_path(place.folder, "1a-x-dev-1")
    asked = path.read_text()
    path.write_text(re.sub(old, new, asked))
    assert path.read_text() != asked
    waits(place, players)
    assert said in (place.root.parent / "stderr").read_text()
    path.write_text(asked.replace("answer: null", "answer: continue"))
    assert place.drive(players) is RunStatus.DONE


def test_a_file_that_others_may_write_is_not_taken_and_a_deleted_one_comes_back(
    place: Place,
) -> None:
    players = ScenarioAgents(plans=[a_plan(planned("x"))], works={"1a-x": major("x")})
    waits(place, players)
    path = question_path(place.folder, "1a-x-dev-1")
    answered(place, "1a-x-dev-1", "continue")
    path.chmod(0o666)
    waits(place, players)
    path.unlink()
    waits(place, players)
    assert (path.stat().st_mode & 0o777, "answer: null" in path.read_text()) == (0o600, True)


def test_a_difference_that_the_operator_accepts_is_verified(place: Place) -> None:
    place.gate = ("cat x 2>/dev/null || true",)
    plan = a_plan(planned("x"), mode=VerificationMode.BASELINE_EQUALITY)
    players = ScenarioAgents(plans=[plan], works={"1a-x": writes(x="x\n")})
    waits(place, players)
    answered(place, "verification-1", "retry")
    waits(place, players)
    answered(place, "verification-2", "accept-with-note", "meant")
    assert place.drive(players) is RunStatus.DONE
    rounds = place.run.verification_rounds
    assert [each.outcome for each in rounds] == [
        VerificationOutcome.ESCALATED,
        VerificationOutcome.PASS,
    ]
    assert "with the note: meant" in rounds[1].reason
