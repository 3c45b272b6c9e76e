"""The picture below the trace: exactly what is sent to the terminal."""

import os
import termios
from collections.abc import Iterator

import pytest
from attrs import define

from dispatch.state.picture import Picture, Row

ONE = (Row("one", 3), Row("two", 3))
OTHER = (Row("three", 5),)
SHOWN_ONE = "\x1b[?7lone\r\ntwo\r\n\x1b[?7h"
SHOWN_OTHER = "\x1b[?7lthree\r\n\x1b[?7h"
GONE_ONE = "\r\x1b[2A\x1b[J"


@define
class Screen:
    """A terminal of 40 columns, and what was sent to it since it was last looked at."""

    terminal: int
    sent: str = ""

    def write(self, text: str, /) -> int:
        """Take text."""
        self.sent += text
        return len(text)

    def flush(self) -> None:
        """It is there already."""

    def isatty(self) -> bool:
        """It is one."""
        return os.isatty(self.terminal)

    def fileno(self) -> int:
        """The terminal's."""
        return self.terminal

    def resize(self, columns: int, rows: int = 10) -> None:
        """Give it another size."""
        termios.tcsetwinsize(self.terminal, (rows, columns))

    def taken(self) -> str:
        """What was sent since the last look."""
        sent, self.sent = self.sent, ""
        return sent


@pytest.fixture
def screen() -> Iterator[Screen]:
    ours, theirs = os.openpty()
    screen = Screen(theirs)
    screen.resize(40)
    yield screen
    os.close(ours)
    os.close(theirs)


def a_picture(screen: Screen, term: str = "xterm") -> Picture:
    return Picture(screen, {"TERM": term})


def test_lines_are_written_above_and_a_changed_picture_takes_the_place_of_the_old(
    screen: Screen,
) -> None:
    picture = a_picture(screen)
    picture.show(ONE)
    assert screen.taken() == SHOWN_ONE
    picture.write("a line\n")
    assert screen.taken() == f"{GONE_ONE}a line\n{SHOWN_ONE}"
    picture.show(OTHER)
    assert screen.taken() == f"{GONE_ONE}{SHOWN_OTHER}"
    picture.show(())
    assert screen.taken() == "\r\x1b[1A\x1b[J"
    picture.write("the last line\n")
    assert screen.taken() == "the last line\n"


def test_what_stands_there_already_is_not_drawn_again(screen: Screen) -> None:
    picture = a_picture(screen)
    picture.show(ONE)
    screen.taken()
    picture.show(ONE)
    assert screen.taken() == ""


def test_rows_that_a_narrower_terminal_broke_are_taken_away_whole(screen: Screen) -> None:
    picture = a_picture(screen)
    picture.show((Row("x" * 39, 39), Row("y" * 20, 20)))
    screen.taken()
    screen.resize(15)
    picture.show(())
    assert screen.taken() == "\r\x1b[5A\x1b[J"


def test_a_question_has_the_last_lines_and_what_stood_there_stays(screen: Screen) -> None:
    picture = a_picture(screen)
    picture.show(ONE)
    screen.taken()
    with picture.aside():
        assert picture.is_aside
        picture.write("answer> ")
        picture.show(OTHER)
        assert screen.taken() == "answer> "
    assert not picture.is_aside
    picture.show(OTHER)
    assert screen.taken() == SHOWN_OTHER


def test_after_a_stop_it_is_drawn_again_below_what_the_shell_said(screen: Screen) -> None:
    picture = a_picture(screen)
    picture.show(ONE)
    screen.taken()
    picture.forget()
    picture.show(ONE)
    assert screen.taken() == SHOWN_ONE


@pytest.mark.parametrize("term", ["", "dumb", "unknown"])
def test_a_terminal_whose_cursor_does_not_go_up_gets_lines_only(screen: Screen, term: str) -> None:
    picture = a_picture(screen, term)
    picture.show(ONE)
    picture.write("a line\n")
    assert screen.taken() == "a line\n"


def test_a_pipe_gets_lines_only(screen: Screen) -> None:
    reading, writing = os.pipe()
    try:
        screen.terminal, terminal = writing, screen.terminal
        picture = a_picture(screen)
        picture.show(ONE)
        picture.write("a line\n")
        assert (screen.taken(), picture.size()) == ("a line\n", (0, 0))
    finally:
        screen.terminal = terminal
        os.close(reading)
        os.close(writing)


def test_the_last_row_and_column_stay_free_and_a_tiny_terminal_has_no_room(
    screen: Screen,
) -> None:
    picture = a_picture(screen)
    assert picture.size() == (39, 9)
    screen.resize(20)
    assert picture.size() == (0, 0)
    screen.resize(40, 4)
    assert picture.size() == (0, 0)
