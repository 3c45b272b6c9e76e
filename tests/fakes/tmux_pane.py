"""A person's shell in a terminal that shows what really stands on it: a pane of tmux."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen
from fakes.child_program import LIMIT_SECONDS, Program, until

needs_tmux = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="SKIPPED: tmux is not installed (apt-get install tmux)"
)


@frozen
class Pane:
    """A shell of its own tmux server; ``program`` is what ``dispatch`` runs in it."""

    socket: Path
    program: Program

    def type(self, text: str) -> None:
        """Type a line."""
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def press(self, key: str) -> None:
        """Press a key, such as ``C-c``."""
        self._tmux("send-keys", key)

    def dispatch(self, *arguments: str) -> None:
        """Type a command line of the program."""
        words = [sys.executable, "-P", "-m", "dispatch", *arguments]
        self.type(shlex.join([*words, "--repo", str(self.program.user.root)]))

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self, *, colours: bool = False) -> str:
        """What stands on the screen, without the empty end."""
        options = ["-e"] if colours else []
        return self._tmux("capture-pane", "-p", *options).rstrip()

    def history(self) -> str:
        """All that was ever shown and what stands on the screen, broken lines joined."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-").rstrip()

    def see(self, pattern: str) -> re.Match[str]:
        """Look until a pattern is on the screen; the match.  Raises AssertionError."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            found.extend(re.finditer(pattern, self.screen()))
            return bool(found)

        try:
            until(look)
        except TimeoutError:
            raise AssertionError(f"{pattern!r} is not in:\n{self.screen()}") from None
        return found[0]

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), *words],
            check=True,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
        )
        return done.stdout


@contextmanager
def pane(program: Program, columns: int = 110, rows: int = 30) -> Iterator[Pane]:
    """A pane of that size whose shell has the user's environment; all in it ends with it."""
    socket = program.user.home / "tmux.sock"
    shell = ["env", "PS1=at-home% ", "sh", "-i"]
    size = ["-x", str(columns), "-y", str(rows)]
    subprocess.run(
        ["tmux", "-S", str(socket), "-f", "/dev/null", "new-session", "-d", *size, *shell],
        check=True,
        cwd=program.user.home,
        env={**program.environment(), "LC_ALL": "C.UTF-8"},
        timeout=LIMIT_SECONDS,
    )
    seat = Pane(socket, program)
    try:
        seat.see("at-home%")
        yield seat
    finally:
        subprocess.run(["tmux", "-S", str(socket), "kill-server"], timeout=LIMIT_SECONDS)
