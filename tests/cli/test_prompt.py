"""Questions at the user's own terminal: a real one, with the real program in front of it."""

import signal
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.terminal_seat import Seat, seated

from dispatch.state.enums import RunStatus, TaskStatus

PROMPT = "1a-x-dev-1> "
SECOND = "1b-y-dev-1> "


@pytest.fixture
def one(tmp_path: Path) -> Asking:
    """A run of one task, which asks."""
    return asking(tmp_path)


def test_a_question_is_asked_with_its_words_and_answered_in_a_line(one: Asking) -> None:
    """Bad input is told what is allowed, an empty line shows the question again."""
    with seated(one.program, "run", "r") as seat:
        seat.see(PROMPT)
        assert (
            "dispatch: question 1a-x-dev-1: May task 1a-x keep its major deviation from the plan: "
            "The file x is shorter than planned.\n"
        ) in _question(seat)
        assert (
            "  continue          the deviation is accepted and the task goes on\n"
            "  accept-with-note  the same, and your note stands in the decision\n"
        ) in _question(seat)
        seat.type("yes please\n")
        seat.see(PROMPT, 2)
        assert (
            "  'yes' is no answer to this. "
            "Allowed: continue, accept-with-note, fail-task, abort.\n" + PROMPT
        ) in seat.screen
        seat.type("\n")
        seat.see(PROMPT, 3)
        assert seat.screen.count("  continue          the deviation is accepted") == 2
        seat.type("accept-with-note short is fine\n")
        assert seat.leave() == 0
    answer = one.question("1a-x-dev-1").answer
    assert answer is not None
    assert (answer.verb, answer.note) == ("accept-with-note", "short is fine")
    assert one.run.status is RunStatus.DONE


def test_several_are_asked_one_at_a_time_while_the_others_work(tmp_path: Path) -> None:
    """The trace of the others runs by above; what was typed for one is not taken for the next."""
    several = asking(tmp_path, ("x", "y", "z"))
    with seated(several.program, "run", "r") as seat:
        seat.until(lambda: len(several.open()) == 2)
        seat.until(lambda: PROMPT in seat.screen or SECOND in seat.screen)
        first, second = (PROMPT, SECOND) if PROMPT in seat.screen else (SECOND, PROMPT)
        assert second not in seat.screen
        seat.type("continue\ncontinue\n")
        seat.see(second)
        seat.until(lambda: len(several.open()) == 1)
        several.go.touch()  # z goes on, and says so
        seat.see("[implementer 1c-z] → submitOutput")
        seat.see(second, 2)  # below what ran over it
        seat.type("fail-task no\n")
        assert seat.leave() == 1
    assert first in seat.screen
    statuses = {task.id: task.status for task in several.run.tasks}
    asked_last = second.removesuffix("-dev-1> ")
    assert statuses.pop(asked_last) is TaskStatus.FAILED
    assert set(statuses.values()) == {TaskStatus.COMPLETED}


@pytest.mark.parametrize("way", ["verb", "file"])
def test_the_prompt_goes_when_the_question_is_answered_elsewhere(one: Asking, way: str) -> None:
    """[OE-01] What is typed afterwards is not read."""
    with seated(one.program, "run", "r") as seat:
        seat.see(PROMPT)
        seat.type("abo")
        if way == "verb":
            ended = one.program.run("answer", "r", "1a-x-dev-1", "continue", "--note", "from afar")
            assert (ended.code, ended.err) == (0, "")
        else:
            one.edit("1a-x-dev-1", "(?m)^answer: null$", "answer: continue")
        assert seat.leave() == 0
    assert "abo\ndispatch: question 1a-x-dev-1 is answered: continue" in seat.screen


def test_the_end_of_the_input_leaves_the_question_open(one: Asking) -> None:
    """No answer is never an answer."""
    with seated(one.program, "run", "r") as seat:
        seat.see(PROMPT)
        seat.type("\x04")
        seat.see("nothing more is read from here; waiting for an answer: dispatch answer r")
        assert one.program.run("answer", "r", "1a-x-dev-1", "continue").code == 0
        assert seat.leave() == 0


def test_ctrl_c_at_the_prompt_ends_the_run_which_asks_again_when_it_goes_on(one: Asking) -> None:
    """[RS-12] Saved, 130, and the terminal is as it was."""
    with seated(one.program, "run", "r") as seat:
        seat.see(PROMPT)
        seat.type("\x03")
        assert seat.leave() == 130
    assert seat.screen.endswith(
        "dispatch: Interrupted; what was done is kept. Continue it: dispatch r\n"
    )
    assert one.open() == ["1a-x-dev-1"]
    with seated(one.program, "run", "r") as seat:
        seat.see(PROMPT)
        seat.type("continue\n")
        assert seat.leave() == 0
    assert [each.id for each in one.run.escalations] == ["1a-x-dev-1"]


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    """[W-42] Also with an agent at work that has an hour of grace."""
    several = asking(tmp_path, ("x", "z"))
    with seated(several.program, "run", "r", "--grace", "3600") as seat:
        seat.see(PROMPT)
        seat.see("[implementer 1b-z] → run_shell")
        seat.type("\x03")
        seat.see("\ndispatch: stopping: 1 agent gets 3600 seconds to hand in")
        seat.popen.send_signal(signal.SIGTERM)
        assert seat.leave() == 130
    assert several.survivors() == []
    assert several.open() == ["1a-x-dev-1"]


def test_nobody_is_asked_at_the_terminal_who_is_not_waited_for(one: Asking) -> None:
    with seated(one.program, "run", "r", "--no-wait") as seat:
        assert seat.leave() == 3
    assert "> " not in seat.screen
    assert "  continue          the deviation is accepted and the task goes on\n" in seat.screen


def _question(seat: Seat) -> str:
    return seat.screen[seat.screen.index("dispatch: question") : seat.screen.index(PROMPT)]
