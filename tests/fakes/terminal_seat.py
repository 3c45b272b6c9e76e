"""The program in front of a person: its terminal is a real one, and Ctrl-C is the terminal's."""

import os
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define
from fakes.child_program import LIMIT_SECONDS, Program

# The child makes the terminal its own; nothing of that runs between fork and exec.
_SIT_DOWN = (
    "import os, sys; os.login_tty(0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)


@define
class Seat:
    """A running program, and what its screen has shown so far."""

    popen: "subprocess.Popen[bytes]"
    terminal: int  # the other end
    screen: str = ""

    def see(self, text: str, times: int = 1) -> None:
        """Look until the screen has shown a text so often; raises AssertionError."""
        self.until(lambda: self.screen.count(text) >= times)

    def until(self, holds: Callable[[], bool]) -> None:
        """Look at the screen until something holds; raises AssertionError."""
        end = time.monotonic() + LIMIT_SECONDS
        while not holds():
            assert time.monotonic() < end, self.screen
            assert self._look(0.05) or holds(), self.screen

    def type(self, text: str) -> None:
        """Type on the keyboard; a line ends with a line feed."""
        os.write(self.terminal, text.encode())

    def leave(self) -> int:
        """Wait for the program's end; its exit code."""
        end = time.monotonic() + LIMIT_SECONDS
        while self._look(0.05):
            assert time.monotonic() < end, self.screen
        return self.popen.wait(LIMIT_SECONDS)

    def _look(self, seconds: float) -> bool:
        """Take in what is shown; false: nobody has the terminal open any more."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.terminal, 65536)
        except OSError:  # how Linux says that the other side is closed
            return False
        self.screen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)


@contextmanager
def seated(program: Program, *arguments: str) -> Iterator[Seat]:
    """Start the program at a terminal; what is left of it at the end is killed."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    try:
        words = [sys.executable, "-c", _SIT_DOWN, "-P", "-m", "dispatch", *arguments]
        popen = subprocess.Popen(
            [*words, "--repo", str(program.user.root)],
            cwd=program.user.home,
            env=program.environment(),
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
    finally:
        os.close(theirs)
    try:
        yield Seat(popen, ours)
    finally:
        popen.kill()
        popen.wait(LIMIT_SECONDS)
        os.close(ours)
