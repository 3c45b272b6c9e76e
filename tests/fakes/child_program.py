"""The program as users have it: a process of its own, in a repository of theirs."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from attrs import field, frozen
from fakes.git_repos import TIME, User

from dispatch.agents.sandbox.probe import PROBE
from dispatch.state import yaml_text
from dispatch.state.marks import MARKER, OWN

LIMIT_SECONDS = 120.0  # for one process, and for whatever is waited for
LOOK_SECONDS = 0.02

_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_MEASURED = (
    (re.compile(r"(?m)^( *(?:duration|active)Seconds: ).*$"), r"\1<SECONDS>"),
    (re.compile(r"(?m)^( *outputBytes: )[1-9]\d*$"), r"\1<BYTES>"),
    (re.compile(r"(?m)^(- Duration: ).*$"), r"\1<SECONDS>"),
    (re.compile(r"\b\d+\.\ds, (?=`builds/)"), "<SECONDS>, "),
    (re.compile(r": ok, (?:\d+h)?(?:\d+m)?\d+s, "), ": ok, <SECONDS>, "),
)


@frozen
class Ended:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str


@frozen
class Process:
    """A running program; ``folder`` keeps what it says, so that no full pipe can stop it."""

    popen: "subprocess.Popen[bytes]"
    folder: Path

    def wait(self) -> Ended:
        """Its end; raises TimeoutExpired."""
        code = self.popen.wait(LIMIT_SECONDS)
        return Ended(code, *(self._said(name) for name in ("out", "err")))

    def kill(self) -> None:
        """What a power cut or the kernel's out-of-memory killer does to it."""
        self.popen.kill()
        self.popen.wait(LIMIT_SECONDS)

    def _said(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@frozen
class Program:
    """The program in the hands of a user; ``variables`` are the user's own.

    ``prefix`` are words in front of it, such as those of ``prlimit``.  ``is_inside``: it is started
    in the repository, as most people do, and not told where that is.
    """

    user: User
    variables: dict[str, str] = field(factory=dict)
    prefix: tuple[str, ...] = ()
    is_inside: bool = False

    def run(self, *arguments: str) -> Ended:
        """Start it and wait for its end."""
        with self.started(*arguments) as process:
            return process.wait()

    @contextmanager
    def started(self, *arguments: str) -> Iterator[Process]:
        """Start it, outside of the repository by default; what is left at the end is killed."""
        # Of its own: another one may be at work at the same time.
        folder = Path(tempfile.mkdtemp(prefix="said-", dir=self.user.home))
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            popen = subprocess.Popen(
                [
                    *self.prefix,
                    sys.executable,
                    "-P",
                    "-m",
                    "dispatch",
                    *arguments,
                    *(() if self.is_inside else ("--repo", self.user.root)),
                ],
                cwd=self.user.root if self.is_inside else self.user.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        try:
            yield Process(popen, folder)
        finally:
            popen.kill()
            popen.wait(LIMIT_SECONDS)

    def environment(self) -> dict[str, str]:
        """What the program is started with: the path, a home of its own, a pinned time."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.user.home),
            "LOGNAME": "una",
            "GIT_CONFIG_NOSYSTEM": "1",
            "SOURCE_DATE_EPOCH": str(TIME),
            **self.variables,
        }


def document(user: User, name: str) -> dict[str, object]:
    """The document of a run as plain data; empty while there is none."""
    path = user.root / "dispatch" / name / "run-state.yaml"
    found = yaml_text.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    assert isinstance(found, dict)
    return found


def task_of(document: dict[str, object], task_id: str) -> dict[str, object]:
    """One task of a document; empty while there is none."""
    tasks = document.get("tasks", [])
    assert isinstance(tasks, list)
    return next((task for task in tasks if task["id"] == task_id), {})


def until(holds: Callable[[], bool]) -> None:
    """Return once it holds; raises TimeoutError."""
    end = time.monotonic() + LIMIT_SECONDS
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{holds} does not hold after {LIMIT_SECONDS:g} seconds")
        time.sleep(LOOK_SECONDS)


def normal(text: str, user: User) -> str:
    """A document or a report without what differs from run to run: place, times, sizes."""
    text = _TIMES.sub("<TIME>", text.replace(str(user.root), "<ROOT>"))
    for pattern, name in _MEASURED:
        text = pattern.sub(name, text)
    return text


def survivors_of(folder: Path) -> list[str]:
    """The command lines of processes that still carry the mark of a run's folder."""
    return [" ".join(line) for _, line, _ in _marked(folder)]


def commands_of(folder: Path) -> list[int]:
    """The numbers of those that run a command of an agent or a build, no git or probe of ours."""
    ours = (f"/{OWN}", f"/{PROBE}.")
    return [pid for pid, _, mark in _marked(folder) if not any(each in mark for each in ours)]


def _marked(folder: Path) -> Iterator[tuple[int, list[str], str]]:
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARKER, "")
            if str(folder) in mark:
                yield process.pid, process.cmdline(), mark
        except (psutil.Error, OSError):
            continue
