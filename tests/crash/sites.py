"""A copy of a story's repository: the program is started there, finished, its end looked at."""

import hashlib
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import psutil
from attrs import field, frozen
from crash.stories import RUN, Story
from crash.sysfault import Outcome
from fakes.fake_cli import ACCEPTED
from fakes.legal_events import legal_events
from fakes.run_harness import comparable, git
from jsonschema import ValidationError

from dispatch import cli
from dispatch.commands import answer, retry, run
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.enums import RunStatus, Verb
from dispatch.state.errors import ExitCode
from dispatch.state.records import Run

MAX_STARTS: Final = 8  # after a fault, until the run is over
LIMIT_SECONDS: Final = 120.0  # for one start
TIME: Final = "1700000000"
GO_ON: Final = (Verb.CONTINUE, Verb.RETRY)
TEMPORARY: Final = "tmp"

_MEASURED: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|(?<=active_seconds=)[0-9.]+")
_PASSING: Final = frozenset({TEMPORARY, "lock"})  # what the next start neither reads nor needs

WARM: Final = (answer, retry, run)  # loaded now, and not again after each fork

Start = Callable[[Callable[[], NoReturn]], Outcome]


class Stuck(Exception):
    """The run does not come to its end."""


@frozen(kw_only=True)
class Site:
    """A story that is played at a place; ``said`` is the file that everything is printed into."""

    story: Story
    place: Path
    said: Path
    cold: bool = False  # each start is a new interpreter, not a fork of this one
    planted: Callable[[], None] = field(default=lambda: None)

    @property
    def root(self) -> Path:
        """The repository."""
        return self.place / RUN

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / "dispatch" / RUN

    @property
    def document(self) -> Run:
        """The run as its document says; raises DocumentError."""
        return load_run(self.folder / DOCUMENT)

    def play(self, start: Start) -> int:
        """Everything that a person does for this story; the last exit code.

        ``start`` carries out each command; after the first that a fault met there is none.
        """
        for _ in range(MAX_STARTS):
            outcome = start(self.program("run", RUN, "--no-wait"))
            if outcome.code != ExitCode.WAITING or outcome.injected:
                return outcome.code
            for words in self.answers():
                outcome = start(self.program(*words))
                if outcome.injected:
                    return outcome.code
        raise Stuck(f"not over after {MAX_STARTS} starts\n{self.tail()}")

    def finish(self) -> bool:
        """Go on without faults until the run is done; whether it had failed and was retried."""
        retried = False
        verb = "run"
        for _ in range(MAX_STARTS):
            code = self.call(verb, RUN, "--no-wait")
            if code == ExitCode.DONE:
                return retried
            verb = "run"
            if code == ExitCode.WAITING:
                for words in self.answers():
                    self.call(*words)
            elif (
                code == ExitCode.FAILED and self.document.status is RunStatus.FAILED and not retried
            ):
                retried, verb = True, "retry"
            else:
                raise Stuck(f"exit code {code}\n{self.tail()}")
        raise Stuck(f"not over after {MAX_STARTS} starts\n{self.tail()}")

    def answers(self) -> list[tuple[str, ...]]:
        """The commands by which the operator has everything go on."""
        asked = [each for each in self.document.escalations if each.answer is None]
        return [
            ("answer", RUN, each.id, next(v for v in (*GO_ON, *each.allowed) if v in each.allowed))
            for each in asked
        ]

    def call(self, *arguments: str) -> int:
        """One command without faults; its exit code.  Raises Stuck."""
        pid = os.fork()
        if pid == 0:
            self.program(*arguments)()
        try:
            return psutil.Process(pid).wait(LIMIT_SECONDS) or 0
        except psutil.TimeoutExpired:
            raise Stuck(f"{arguments} is not over after {LIMIT_SECONDS} s\n{self.tail()}") from None

    def program(self, *arguments: str) -> Callable[[], NoReturn]:
        """The program on this repository, to be carried out in a child."""
        self.said.touch()
        sys.stdout.flush()  # else a fork would say it again
        return partial(self._be, arguments)

    def tail(self) -> str:
        """The last of what was printed."""
        return self.said.read_text(encoding="utf-8", errors="replace")[-1500:]

    def _be(self, arguments: tuple[str, ...]) -> NoReturn:
        words = [*arguments, "--repo", str(self.root)]
        os.chdir(self.place)
        nothing = os.open(os.devnull, os.O_RDONLY)
        said = os.open(self.said, os.O_WRONLY | os.O_APPEND)
        for number, file in enumerate((nothing, said, said)):
            os.dup2(file, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX") if said > 1000 else 1000)
        if self.cold:
            program = [sys.executable, "-P", "-m", "dispatch", *words]
            os.execvpe(program[0], program, self._environment())
        code = 1
        variables = self._environment()
        try:
            os.environ.clear()
            os.environ.update(variables)
            self.planted()
            code = cli.main(words)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _environment(self) -> dict[str, str]:
        """Nothing of ours but the path."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.place / "home"),
            "TMPDIR": str(self.place / TEMPORARY),
            "LOGNAME": "una",
            "SOURCE_DATE_EPOCH": TIME,
        }


def end_of(site: Site) -> dict[str, Any]:
    """What must be the same at the end of each run of a story."""
    document = site.document
    worktrees = site.folder / "worktrees"
    git_folders = (site.root / ".git", site.folder / "git")
    log = git(
        site.root,
        "log",
        "--format=%H %(trailers:key=Dispatch-Task,valueonly,separator=%x2C)",
        f"dispatch/{RUN}",
        "--",
    )
    return {
        "branch": [line.partition(" ")[0] for line in log.splitlines()],
        "tasks": Counter(line.partition(" ")[2] for line in log.splitlines()),
        "answers": _answers(document),
        "accepted again": _accepted_again(site.folder),
        "tree": git(site.root, "rev-parse", f"dispatch/{RUN}^{{tree}}"),
        "document": _MEASURED.sub("", repr(comparable(document)).replace(str(site.place), "")),
        "report": (site.folder / "report.md").is_file(),
        "worktrees": {
            path.name: git(path, "rev-parse", "HEAD") for path in sorted(worktrees.iterdir())
        },
        "main": git(site.root, "rev-parse", "main"),
        "lock": (site.folder / "lock").is_file(),  # deleted, it would let in two
        "locks": sorted(str(path) for each in git_folders for path in each.rglob("*.lock")),
        "fsck": git(site.root, "fsck", "--strict", "--no-dangling"),
        "events": _events(site.folder),
    }


def content_of(place: Path) -> str:
    """A digest of all that lies at a place, but for what passes with a process."""
    digest = hashlib.sha256()
    for path in files_below(place):
        relative = path.relative_to(place)
        if _PASSING.isdisjoint(relative.parts):
            digest.update(f"{relative}\0{path.lstat().st_mode}\0".encode())
            digest.update(_bytes_of(path))
    return digest.hexdigest()


def files_below(place: Path) -> Iterator[Path]:
    """Every file, link and folder below a place, in order."""
    for folder, names, files in os.walk(place):
        names.sort()
        for name in sorted((*names, *files)):
            yield Path(folder, name)


def copy(source: Path, target: Path) -> None:
    """Copy a site."""
    shutil.copytree(source, target, symlinks=True)


def _bytes_of(path: Path) -> bytes:
    if path.is_symlink():
        return os.fsencode(path.readlink())
    return path.read_bytes() if path.is_file() else b""


def _events(folder: Path) -> str:
    """How the last process left the run by its events, or what is wrong with them."""
    try:
        last = legal_events(folder)[-1]
    except (AssertionError, OSError, ValueError, ValidationError) as error:
        return repr(error)
    return f"{last['type']} {last.get('outcome')}"


def _accepted_again(folder: Path) -> Counter[str]:
    """How often a program of a delegated attempt was asked for what was accepted before."""
    accepted = Counter[str]()
    for output in (folder / "attempts").glob("*/program-*.out"):
        replies = output.read_text(encoding="utf-8", errors="replace").splitlines()
        accepted[output.parent.name.rpartition(".")[0]] += replies.count(ACCEPTED)
    return Counter({attempt: count - 1 for attempt, count in accepted.items() if count > 1})


def _answers(run: Run) -> Counter[str]:
    """Whose answers were taken, each as often as it was: nobody is paid twice for one."""
    attempts = (*run.attempts, *(each for task in run.tasks for each in task.attempts))
    return Counter(each.id.rpartition(".")[0] for each in attempts if each.outcome == "ok")
