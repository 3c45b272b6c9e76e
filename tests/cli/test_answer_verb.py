"""Questions and their answers from outside: the real program, its files and ``dispatch answer``."""

import json
import re
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import Process, until

from dispatch.state.enums import DecisionOutcome, FailureKind, RunStatus, TaskStatus
from dispatch.state.yaml_text import loads

X, Y = "1a-x-dev-1", "1b-y-dev-1"


@pytest.fixture
def one(tmp_path: Path) -> Asking:
    """A run of one task, which asks."""
    return asking(tmp_path)


@pytest.fixture
def stopped(one: Asking) -> Asking:
    """The run of one task, not waited for: its question is open and no process is there."""
    ended = one.program.run("run", "r", "--no-wait")
    assert (ended.code, ended.out) == (3, ""), ended.err
    return one


def says(process: Process, text: str) -> None:
    """Wait until a running program has said something."""
    until(lambda: text in (process.folder / "err").read_text(encoding="utf-8"))


def test_a_question_is_shown_answered_once_and_acted_on(one: Asking) -> None:
    """[OE-01] [OE-05] [KL-06] [W-24] Listed with words and consequences; the first one counts."""
    with one.program.started("run", "r") as process:
        says(process, f"waiting for an answer: dispatch answer r {X} continue|accept-with-note|")
        listed = one.program.run("answer", "r")
        data = json.loads(one.program.run("answer", "r", "--json").out)
        wrong = one.program.run("answer", "r", X, "maybe")
        foreign = one.program.run("answer", "r", "1z-q-dev-1", "continue")
        nothing = one.program.run("answer", "r", X)
        first = one.program.run("answer", "r", X, "accept-with-note", "--note", "fine \x1b[1mby me")
        ended = process.wait()
    assert listed.out == (
        f"{X}: May task 1a-x keep its major deviation from the plan: "
        "The file x is shorter than planned.\n"
        "  why: A major deviation is the operator's to decide.\n"
        "  continue          the deviation is accepted and the task goes on\n"
        "  accept-with-note  the same, and your note stands in the decision\n"
        "  fail-task         the task is set aside with its work kept; what depends on it fails\n"
        "  abort             the whole run stops; everything finished is kept\n"
        f"  dispatch answer r {X} continue|accept-with-note|fail-task|abort\n"
    )
    assert ([each["id"] for each in data["open"]], data["run"]) == ([X], "r")
    assert (wrong.code, wrong.err) == (
        2,
        f"dispatch: 'maybe' is no answer to {X}. "
        "Allowed: continue, accept-with-note, fail-task, abort.\n",
    )
    assert (foreign.code, foreign.err) == (
        2,
        f"dispatch: Run r has no question '1z-q-dev-1'. Open questions: {X}.\n",
    )
    assert (nothing.code, "no answer to" in nothing.err) == (2, True)
    went_on = "The run goes on with it in a moment.\n"
    assert (first.code, first.out) == (0, f"{X} is answered: accept-with-note. {went_on}")
    assert ended.code == 0
    (decision,) = one.run.tasks[0].decisions
    assert (decision.operator_answer, decision.outcome, decision.greybeard) == (
        "accept-with-note",
        DecisionOutcome.ACCEPTED,
        None,
    )
    assert decision.reason.endswith("said accept-with-note: fine by me")
    kept = loads((one.folder / "escalations" / "answered" / f"{X}.yaml").read_text())
    assert isinstance(kept, dict)
    assert (kept["answer"], kept["note"]) == ("accept-with-note", "fine by me")
    assert not one.path(X).exists()


def test_an_answer_that_comes_too_late_is_told_and_changes_nothing(stopped: Asking) -> None:
    """[OE-04] To an answered question, while it waits to be taken up and when the run is over."""
    given = stopped.program.run("answer", "r", X, "continue")
    assert (given.code, given.out) == (
        0,
        f"{X} is answered: continue. Continue the run: dispatch r\n",
    )
    assert "  answered continue; the run has not taken it up yet\n" in (
        stopped.program.run("answer", "r").out
    )
    too_late = f"dispatch: {X} was answered continue already. The first answer counts.\n"
    second = stopped.program.run("answer", "r", X, "abort")
    assert (second.code, second.out, second.err) == (2, "", too_late)
    assert stopped.program.run("answer", "r", X, "continue").code == 0
    ended = stopped.program.run("run", "r")
    assert ended.code == 0, ended.err
    assert stopped.run.status is RunStatus.DONE
    before = (stopped.folder / "run-state.yaml").read_bytes()
    again = stopped.program.run("answer", "r", X, "continue")
    assert (again.code, again.out) == (0, f"{X} was answered continue already.\n")
    late = stopped.program.run("answer", "r", X, "abort")
    assert (late.code, late.err) == (2, too_late)
    assert stopped.program.run("answer", "r").out == "Run r has no open question.\n"
    assert (stopped.folder / "run-state.yaml").read_bytes() == before
    assert not stopped.path(X).exists()


def test_a_start_that_waits_for_nobody_takes_up_what_was_answered_meanwhile(
    stopped: Asking,
) -> None:
    """[OE-03] 3 as long as nobody answered, then it goes on; no agent is asked twice."""
    again = stopped.program.run("run", "r", "--no-wait")
    assert again.code == 3
    assert again.err.splitlines()[-1] == (
        f"dispatch: Run r waits for an answer to {X}: May task 1a-x keep its major deviation from "
        "the plan: The file x is shorter than planned. Answer with `dispatch answer r "
        f"{X} continue|accept-with-note|fail-task|abort`, then start it again."
    )
    assert stopped.program.run("answer", "r", X, "continue").code == 0
    assert stopped.program.run("run", "r", "--no-wait").code == 0
    assert [each.role for each in stopped.run.tasks[0].attempts] == ["implementer"]


def test_the_file_is_an_answer_once_it_is_whole_and_fits(one: Asking) -> None:
    """[OE-04] [OE-06] Half-written, wrong and foreign content is told once each and not taken."""
    with one.program.started("run", "r") as process:
        says(process, "waiting for an answer")
        asked = one.path(X).read_text()
        half = f"{one.path(X)} is not whole YAML; it is read again when it is saved again."
        one.edit(X, "(?m)^answer: null$", "answer: [cont")
        says(process, half)
        one.edit(X, r"(?m)^answer: \[cont$", "answer: [contin")
        one.path(X).write_text(asked.replace("answer: null", "answer: yes please"))
        says(process, f"{one.path(X)} answers 'yes please', which is none of continue, ")
        one.path(X).write_text(f"id: {Y}\nanswer: continue\n")
        says(process, f"{one.path(X)} does not repeat the question's id {X}.")
        one.path(X).unlink()
        until(lambda: one.path(X).exists())
        assert one.open() == [X]
        one.edit(X, "(?m)^answer: null$", "answer: continue")
        ended = process.wait()
    assert ended.code == 0
    assert ended.err.count(half) == 1
    assert f"question {X} is answered: continue\n" in ended.err


def test_two_are_open_at_once_the_siblings_go_on_and_each_is_answered_alone(
    tmp_path: Path,
) -> None:
    """[OE-07] [KL-04] [W-24] In the other order; nobody's answer resolves another's question."""
    run = asking(tmp_path, ("x", "y", "z"))
    run.go.touch()
    with run.program.started("run", "r") as process:
        until(lambda: sorted(run.open()) == [X, Y] and _status(run, "1c-z") == "submitted")
        assert run.program.run("answer", "r", Y, "continue").code == 0
        until(lambda: run.open() == [X])
        assert run.question(X).answer is None
        assert run.program.run("answer", "r", X, "accept-with-note", "--note", "n").code == 0
        assert process.wait().code == 0
    answers = {each.id: each.answer.verb for each in run.run.escalations if each.answer}
    assert answers == {X: "accept-with-note", Y: "continue"}


def test_an_editor_that_saves_a_question_after_it_was_answered_is_told(tmp_path: Path) -> None:
    """Neither taken nor passed over in silence."""
    run = asking(tmp_path, ("x", "y"))
    with run.program.started("run", "r") as process:
        until(lambda: run.path(X).exists() and run.path(Y).exists())
        in_the_editor = run.path(X).read_text()
        assert run.program.run("answer", "r", X, "continue").code == 0
        until(lambda: not run.path(X).exists())
        run.path(X).write_text(in_the_editor.replace("answer: null", "answer: abort"))
        run.path(X).chmod(0o600)
        assert run.program.run("answer", "r", Y, "continue").code == 0
        ended = process.wait()
    assert ended.code == 0
    assert f"question {X} was answered continue before; abort came too late\n" in ended.err
    assert not run.path(X).exists()


def test_what_the_greybeard_leaves_to_the_operator_is_asked_and_goes_on(tmp_path: Path) -> None:
    """[KL-04] The greybeard's verdict and the operator's answer stand side by side."""
    run = asking(tmp_path, severity="moderate")
    assert run.program.run("run", "r", "--no-wait").code == 3
    question = run.question(X)
    assert (question.reason, question.details["greybeard"]) == (
        "The greybeard said escalate: That is not for me to say.",
        {"verdict": "escalate", "rationale": "That is not for me to say."},
    )
    assert run.program.run("answer", "r", X, "continue").code == 0
    assert run.program.run("run", "r").code == 0
    (decision,) = run.run.tasks[0].decisions
    assert decision.greybeard is not None
    assert (decision.greybeard.verdict, decision.final, decision.operator_answer) == (
        "escalate",
        "escalateToOperator",
        "continue",
    )
    assert decision.outcome is DecisionOutcome.ACCEPTED


def test_an_abort_after_the_greybeard_ends_the_run_with_a_report(tmp_path: Path) -> None:
    """[KL-05] [RL-03] [RL-07] [OE-02] One decision; exit 1; retry asks it again."""
    run = asking(tmp_path, severity="moderate")
    assert run.program.run("run", "r", "--no-wait").code == 3
    assert run.program.run("answer", "r", X, "abort", "--note", "no").code == 0
    ended = run.program.run("run", "r")
    assert (ended.code, ended.out) == (1, f"{run.folder / 'report.md'}\n")
    document = run.run
    assert document.failure is not None
    assert (document.failure.kind, document.failure.message) == (
        FailureKind.ABORTED,
        "The operator aborted the run: no.",
    )
    assert [each.outcome for each in document.tasks[0].decisions] == [DecisionOutcome.ABORTED]
    assert "The operator aborted the run: no." in (run.folder / "report.md").read_text()
    again = run.program.run("retry", "r", "--no-wait")
    assert again.code == 3, again.err
    (name,) = run.open()
    assert run.program.run("answer", "r", name, "continue").code == 0
    assert run.program.run("run", "r").code == 0


def test_a_task_that_is_to_fail_is_set_aside_and_its_work_kept(tmp_path: Path) -> None:
    """[RL-09] Its sibling is committed; what it had done can be made a branch of."""
    run = asking(tmp_path, ("x", "y"))
    assert run.program.run("run", "r", "--no-wait").code == 3
    for name, verb in ((X, "fail-task"), (Y, "continue")):
        assert run.program.run("answer", "r", name, verb).code == 0
    assert run.program.run("run", "r").code == 1
    assert [task.status for task in run.run.tasks] == [TaskStatus.FAILED, TaskStatus.COMPLETED]
    listed = run.user.git("ls-tree", "--name-only", "dispatch/r").split("\n")
    assert ("x" in listed, "y" in listed) == (False, True)
    made = run.program.run("rescue", "r", "--restore", "1a-x", "--to", "my-x")
    assert made.code == 0, made.err
    assert run.user.git("show", "my-x:x") == "x"


def test_after_the_time_limit_the_run_ends_as_waiting(one: Asking) -> None:
    """[OE-03] The question stays open, and a later start waits for it anew."""
    one.configure(escalationTimeoutSeconds=0.2)
    assert one.program.run("run", "r").code == 3
    assert one.open() == [X]
    assert one.program.run("answer", "r", X, "continue").code == 0
    assert one.program.run("run", "r").code == 0


def test_the_notify_command_gets_each_question_once_over_all_starts(tmp_path: Path) -> None:
    """[W-24] As JSON on its stdin; after a kill and a start the same question is not told again."""
    run = asking(tmp_path, ("x", "y"))
    told = tmp_path / "told"
    run.configure(notify=["sh", "-c", f"printf '%s\\n' \"$(cat)\" >> '{told}'"])
    with run.program.started("run", "r") as process:
        until(lambda: len(_notified(run)) == 2)
        process.kill()
    for code in (3, 3):
        assert run.program.run("run", "r", "--no-wait").code == code
    messages = sorted(map(json.loads, told.read_text().splitlines()), key=lambda each: each["id"])
    assert [each["id"] for each in messages] == [X, Y]
    assert messages[0] == {
        "kind": "question",
        "run": "r",
        "id": X,
        "text": "May task 1a-x keep its major deviation from the plan: "
        "The file x is shorter than planned.",
        "reason": "A major deviation is the operator's to decide.",
        "allowed": ["continue", "accept-with-note", "fail-task", "abort"],
        "file": str(run.path(X)),
    }


def test_a_notify_command_that_fails_is_told_and_tried_at_the_next_start(one: Asking) -> None:
    told = one.user.home / "told"
    one.configure(notify=["false"])
    ended = one.program.run("run", "r", "--no-wait")
    assert (ended.code, "dispatch: the notify command failed: " in ended.err) == (3, True)
    one.configure(notify=["sh", "-c", f"cat > '{told}'"])
    assert one.program.run("run", "r", "--no-wait").code == 3
    assert json.loads(told.read_text())["id"] == X


def test_a_question_of_a_failed_run_may_be_answered_before_it_is_retried(tmp_path: Path) -> None:
    """One aborts the run while another's question is open: that one stays what it is."""
    run = asking(tmp_path, ("x", "y"))
    assert run.program.run("run", "r", "--no-wait").code == 3
    assert run.program.run("answer", "r", X, "abort").code == 0
    assert run.program.run("run", "r", "--no-wait").code == 1
    given = run.program.run("answer", "r", Y, "continue")
    assert (given.code, given.out) == (
        0,
        f"{Y} is answered: continue. Continue the run: dispatch retry r\n",
    )
    assert run.program.run("retry", "r", "--no-wait").code == 3
    assert [re.sub(r"-retry-\d+$", "", name) for name in run.open()] == [X]


def _status(run: Asking, task_id: str) -> str:
    return next((task.status for task in run.run.tasks if task.id == task_id), "")


def _notified(run: Asking) -> list[Path]:
    return list((run.folder / "escalations" / "notified").glob("*"))
