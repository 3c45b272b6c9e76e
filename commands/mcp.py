"""``dispatch mcp``: other programs start, watch and answer runs, by MCP on the standard streams.

Each tool is a verb of the command line, started as a child, so that what it refuses and how it says
so is the same; a run that was started goes on when its starter has gone.
"""

import asyncio
import json
import os
import stat
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final, TextIO

from ..agents.delegated.mcp import MAX_LINE_BYTES, serve
from ..agents.delegated.run_requests import (
    AnswerArguments,
    EventsArguments,
    ReportArguments,
    StartArguments,
    StatusArguments,
)
from ..agents.roles.base import FunctionTool
from ..agents.tools import ToolResult
from ..gitops.names import check_run_name
from ..gitops.user_git import locate
from ..policy.names import default_run_name
from ..state.clock import SystemClock
from ..state.document import DOCUMENT
from ..state.errors import ExitCode, UsageError
from ..state.event_log import EVENTS
from ..state.lock import holder
from .folders import folder_of, runs_folder

MAX_EVENTS: Final = 200  # of one call; the next asks for those after the last
MAX_TEXT_CHARACTERS: Final = 400_000  # of one reply
VERB_SECONDS: Final = 120.0  # for a verb that looks at a run
START_SECONDS: Final = 60.0  # for a run to have its document
LOOK_SECONDS: Final = 0.1

_PROGRAM: Final = (sys.executable, "-P", "-m", "dispatch")


def run(args: Namespace) -> int:
    """Serve until the standard input ends; runs that were started go on."""
    root = locate(args.repo).root
    asyncio.run(_serve(RunTools(root)))
    return ExitCode.DONE


class RunTools:
    """The tools over the runs of one repository; see ``agents.delegated.mcp.Offer``."""

    changes_nothing = False

    def __init__(self, root: Path) -> None:
        self._root = root
        self._started: list[subprocess.Popen[bytes]] = []  # kept, so that none becomes a zombie
        tools: tuple[FunctionTool[Any], ...] = (
            FunctionTool(
                "start",
                "Start a run, or go on with one that stopped. It returns once the run is there; "
                "the run goes on by itself, spends money, and never touches the operator's branch.",
                StartArguments,
                self._start,
            ),
            FunctionTool(
                "status",
                "Where a run stands, as JSON, with its open questions; or all runs.",
                StatusArguments,
                self._status,
            ),
            FunctionTool(
                "events",
                f"What happened in a run, one JSON object a line, at most {MAX_EVENTS} at a time.",
                EventsArguments,
                self._events,
            ),
            FunctionTool(
                "answer",
                "Answer a question of a run, or show those that are open. Answers are a person's "
                "to give.",
                AnswerArguments,
                self._answer,
            ),
            FunctionTool(
                "report", "The report of a run that ended, as Markdown.", ReportArguments,
                self._report,
            ),
        )  # fmt: skip
        self._tools: Mapping[str, FunctionTool[Any]] = {each.spec.name: each for each in tools}
        self.specs = tuple(each.spec for each in tools)

    async def call(self, name: str, arguments: Mapping[str, object]) -> ToolResult:
        """Carry out one call."""
        try:
            return await self._tools[name].call(arguments)
        except UsageError as error:
            return ToolResult(str(error), is_error=True)

    async def _start(self, given: StartArguments) -> ToolResult:
        name = given.run or default_run_name(SystemClock(os.environ).now())
        check_run_name(name)  # a word that looks like an option is none
        with tempfile.TemporaryDirectory(prefix="dispatch-mcp-") as folder:
            words = ["run", name, "--no-wait"]
            if given.spec is not None:
                path = Path(folder, "spec.md")
                path.write_text(given.spec, encoding="utf-8", errors="replace")
                words += ["--spec", str(path)]
            with tempfile.TemporaryFile() as said:
                process = self._child(words, said)
                self._started = [each for each in self._started if each.poll() is None]
                self._started.append(process)
                return await self._begun(process, name, said)

    async def _begun(
        self, process: "subprocess.Popen[bytes]", name: str, said: IO[bytes]
    ) -> ToolResult:
        """What became of a start; a run that needs longer to begin goes on all the same."""
        folder = runs_folder(self._root) / name
        for _ in range(int(START_SECONDS / LOOK_SECONDS)):
            code = process.poll()
            if code not in (None, ExitCode.DONE, ExitCode.WAITING):
                said.seek(0)
                text = said.read(MAX_TEXT_CHARACTERS).decode("utf-8", "replace")
                return ToolResult(f"{text.strip()}\n(exit code {code})", is_error=True)
            is_there = (folder / DOCUMENT).exists() and f"{process.pid}" in (holder(folder) or "")
            if is_there or code is not None:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return ToolResult(json.dumps({"run": name, "pid": process.pid}))

    async def _status(self, given: StatusArguments) -> ToolResult:
        return await self._verb("status", *_named(given.run), "--json")

    async def _answer(self, given: AnswerArguments) -> ToolResult:
        words = [word for word in (given.id, given.answer) if word is not None]
        if any(word.startswith("-") for word in words):
            return ToolResult("That is no question and no answer.", is_error=True)
        note = [f"--note={given.note}"] if given.note else []
        return await self._verb("answer", *_named(given.run), *words, *note, "--json")

    async def _report(self, given: ReportArguments) -> ToolResult:
        return await self._verb("report", *_named(given.run), "--format", "md")

    async def _events(self, given: EventsArguments) -> ToolResult:
        path = folder_of(self._root, given.run) / EVENTS
        lines = await asyncio.to_thread(_after, path, given.since)
        return ToolResult("\n".join(lines))

    async def _verb(self, *words: str) -> ToolResult:
        """What a verb says, or why it refuses."""

        def work() -> ToolResult:
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                process = self._child(words, err, out)
                try:
                    code = process.wait(VERB_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    return ToolResult(f"{words[0]} took too long.", is_error=True)
                chosen = out if code == ExitCode.DONE else err
                chosen.seek(0)
                text = chosen.read(MAX_TEXT_CHARACTERS).decode("utf-8", "replace").strip()
                return ToolResult(text, is_error=code != ExitCode.DONE)

        return await asyncio.to_thread(work)

    def _child(
        self, words: Sequence[str], said: IO[bytes], out: IO[bytes] | None = None
    ) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            (*_PROGRAM, *words, "--repo", str(self._root)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if out is None else out,
            stderr=said,
            start_new_session=True,
        )


def _named(name: str | None) -> tuple[str, ...]:
    """A run's name as an argument; a word that looks like an option is none."""
    return () if name is None else (check_run_name(name),)


def _after(path: Path, since: int) -> list[str]:
    """Whole lines of events after a number; a last one that is torn is left for the next call."""
    with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
        whole = (line.rstrip("\n") for line in file if line.endswith("\n"))
        return list(islice((line for line in whole if _number(line) > since), MAX_EVENTS))
    return []


def _number(line: str) -> int:
    try:
        seq = json.loads(line)["seq"]
    except (ValueError, KeyError, TypeError):
        return 0
    return seq if isinstance(seq, int) else 0


async def _serve(tools: RunTools) -> None:
    if not all(_carries_talk(stream) for stream in (sys.stdin, sys.stdout)):
        raise UsageError(
            "`dispatch mcp` speaks to a program through pipes, and there are none here.",
            "Name it as a server of tools in the settings of that program.",
        )
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    # Duplicates: what asyncio is given it closes, and the last flush of our output comes later.
    given, taken = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), given)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, taken)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    await serve(reader, writer, tools, version("dispatch"))


def _carries_talk(stream: TextIO) -> bool:
    """Whether one can wait for words on it: not on a file, and not on ``/dev/null``."""
    mode = os.fstat(stream.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stream.isatty()
