"""Vendors' real programs, started as their executors say, against a scripted model.

They are what ``make vendors`` (``make vendors-nightly`` for the slow ones) installed.  Where they
are not, tests skip; ``DISPATCH_VENDORS=required`` makes that a failure for those of the first.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest
from attrs import define, frozen
from fakes.hand_off_server import ACCEPTED

from dispatch.agents.executors.delegation import (
    Delegation,
    DelegationExecutor,
    Ending,
    Event,
    Exit,
    HandOff,
    Prepared,
)
from dispatch.agents.executors.table import EXECUTORS
from dispatch.agents.scripted.script import Call, Reply, Request, Script
from dispatch.agents.scripted.thread import ServerThread

ROOT = Path(__file__).parent.parent.parent
FOLDERS = (ROOT / ".ci" / "vendors", ROOT / ".ci" / "vendors" / "nightly")
SLOW = ("gemini", "opencode")
SECRET = "sk-ant-0123456789-this-is-no-key"
SESSION = "0f3d2c1b-aaaa-4bbb-8ccc-0123456789ab"
LIMIT_SECONDS = 120.0  # for one process, on a busy machine
TICK_SECONDS = 0.05


@frozen(kw_only=True)
class Dialect:
    """What a program calls things; ``base`` is what it wants below the server's address."""

    model: str
    base: str
    shell: str
    command: str  # the argument of its shell
    submit: str
    tells_of_tools: bool = True  # says when the server of tools is not there
    reads: tuple[str, ...] = ()  # files of instructions that nothing keeps it from
    asks_others: bool = False  # a registry, at its first start; it goes on without an answer

    def run(self, command: str) -> Reply:
        """The model runs a command."""
        arguments = {self.command: command}
        if self.shell != "exec_command":
            arguments["description"] = "x"
        return Reply(calls=(Call(name=self.shell, arguments=arguments),))

    def hand_in(self, **answer: object) -> Reply:
        """The model hands in an answer."""
        return Reply(calls=(Call(name=self.submit, arguments=answer),))


DIALECTS: Mapping[str, Dialect] = {
    "claude": Dialect(
        model="claude-scripted",
        base="",
        shell="Bash",
        command="command",
        submit="mcp__dispatch__submitOutput",
    ),
    "codex": Dialect(
        model="gpt-scripted",
        base="/v1",
        shell="exec_command",
        command="cmd",
        submit="mcp__dispatch__submitOutput",
    ),
    "gemini": Dialect(
        model="gemini-2.5-pro",
        base="",
        shell="run_shell_command",
        command="command",
        submit="mcp_dispatch_submitOutput",
        reads=("GEMINI.md",),
    ),
    "opencode": Dialect(
        model="scripted",
        base="/v1",
        shell="bash",
        command="command",
        submit="dispatch_submitOutput",
        tells_of_tools=False,
        asks_others=True,
    ),
}


def folder_of(name: str) -> Path:
    """Where the program is; skips the test, loudly, where it is not."""
    for folder in FOLDERS:
        place = folder / "node_modules" / ".bin"
        if (place / name).exists():
            return place
    target = "vendors-nightly" if name in SLOW else "vendors"
    why = f"SKIPPED: {name} is not installed; run `make {target}`"
    if os.environ.get("DISPATCH_VENDORS") == "required" and name not in SLOW:
        pytest.fail(why)
    pytest.skip(why)


def turns(*replies: Reply) -> Script:
    """A model that says these, one after the other; a request again is answered again."""
    script = Script()
    for number, reply in enumerate(replies):
        script.on(f"turn {number}", partial(_is_turn, number), reply, times=None)
    return _beside(script)


def until_accepted(reply: Reply) -> Script:
    """A model that says this until the server of tools has accepted it, and no more then."""
    script = Script()
    done = Reply(text="That is all.")
    script.on("again", lambda request: _is_accepted(request) is False, reply, times=None)
    script.on("done", lambda request: _is_accepted(request) is True, done, times=None)
    return _beside(script)


def _is_turn(number: int, request: Request) -> bool:
    return bool(request.tools) and request.turn == number


def _is_accepted(request: Request) -> bool | None:
    return ACCEPTED in request.text if request.tools else None


def _beside(script: Script) -> Script:
    """Makers of titles offer no tools."""
    script.on("beside", lambda request: not request.tools, Reply(text="A title"), times=None)
    return script


@frozen(kw_only=True)
class Outcome:
    """What a process came to."""

    events: tuple[Event, ...]
    ending: Ending
    answer: object
    stderr: str


@define(kw_only=True)
class World:
    """A repository, a home and a place for answers; ``asked`` is what the model got last."""

    name: str
    root: Path
    asked: tuple[Request, ...] = ()

    def __attrs_post_init__(self) -> None:
        for folder in (self.tree, self.home, self.temporary):
            folder.mkdir()
        subprocess.run(["git", "init", "-q", "-b", "main"], cwd=self.tree, check=True)

    @property
    def tree(self) -> Path:
        """The repository."""
        return self.root / "tree"

    @property
    def home(self) -> Path:
        """The program's."""
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        """The program's."""
        return self.root / "temporary"

    @property
    def answer(self) -> Path:
        """What the server of tools accepted."""
        return self.root / "answer.json"

    @property
    def executor(self) -> DelegationExecutor:
        """The program's."""
        return EXECUTORS[self.name]

    @property
    def dialect(self) -> Dialect:
        """The program's."""
        return DIALECTS[self.name]

    def files(self) -> list[str]:
        """What is in the repository, but for git's own."""
        found = (path.relative_to(self.tree) for path in self.tree.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in found if path.parts[0] != ".git")

    def run(
        self,
        script: Script,
        *,
        resume: str | None = None,
        prompt: str = "Create hello.txt.",
        hand_off: tuple[str, ...] | None = None,
        kill_when: Path | None = None,
        max_turns: int = 20,
        model: str | None = None,
        key_variable: str | None = None,
    ) -> Outcome:
        """One process; ``kill_when`` is the file at whose appearance it is killed.

        ``model`` is one of the vendor's own.
        """
        bin_folder = folder_of(self.name)
        with ServerThread(script) as server, socket.create_server(("127.0.0.1", 0)) as elsewhere:
            delegation = Delegation(
                model=model or self.dialect.model,
                system="You are the tested one.",
                prompt=prompt,
                worktree=self.tree,
                home=self.home,
                temporary=self.temporary,
                hand_off=HandOff(
                    name="dispatch", argv=hand_off or self._hand_off(), tools=("submitOutput",)
                ),
                writes=True,
                session=SESSION,
                base_url=server.url + self.dialect.base,
                is_provider=model is None,
                key_variable=key_variable,
                max_turns=max_turns,
            )
            prepared = (
                self.executor.prepare(delegation)
                if resume is None
                else self.executor.resume(delegation, resume)
            )
            proxy = f"http://127.0.0.1:{elsewhere.getsockname()[1]}"
            ended = self._start(prepared, self._environment(prepared, proxy, bin_folder), kill_when)
            self.asked = server.requests
            elsewhere.setblocking(False)
            if self.dialect.asks_others:
                return ended
            with pytest.raises(BlockingIOError):  # nothing tried to reach anybody else
                elsewhere.accept()
        return ended

    def _hand_off(self) -> tuple[str, ...]:
        server = Path(__file__).parent / "hand_off_server.py"
        return (sys.executable, "-I", str(server), str(self.answer), "submitOutput")

    def _environment(self, prepared: Prepared, proxy: str, programs: Path) -> dict[str, str]:
        node = Path(shutil.which("node") or "/usr/bin/node").parent
        proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), proxy)
        return {
            "PATH": os.pathsep.join((str(programs), str(node), "/usr/local/bin:/usr/bin:/bin")),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "DISPATCH_COMMAND": "the-mark",
            **proxies,
            "NO_PROXY": "127.0.0.1,localhost",
            **prepared.variables,
            prepared.key: SECRET,
        }

    def _start(
        self, prepared: Prepared, environment: Mapping[str, str], kill_when: Path | None
    ) -> Outcome:
        for name, text in prepared.files.items():
            place = self.home / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        out, err = self.root / "stdout", self.root / "stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                prepared.argv,
                cwd=self.tree,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            assert process.stdin is not None
            process.stdin.write(prepared.stdin.encode())
            process.stdin.close()
            _wait(process, kill_when)
        code = process.returncode
        errors = err.read_text(encoding="utf-8", errors="replace")
        lines = out.read_text(encoding="utf-8", errors="replace").splitlines()
        events = tuple(event for line in lines for event in self.executor.parse(line))
        exited = Exit(
            code=code if code >= 0 else None, signal=-code if code < 0 else None, stderr=errors
        )
        is_there = self.answer.exists()
        return Outcome(
            events=events,
            ending=self.executor.classify(exited, events, is_there),
            answer=json.loads(self.answer.read_text(encoding="utf-8")) if is_there else None,
            stderr=errors,
        )


def _wait(process: subprocess.Popen[bytes], kill_when: Path | None) -> None:
    until = time.monotonic() + LIMIT_SECONDS
    while process.poll() is None:
        if time.monotonic() > until or (kill_when is not None and kill_when.exists()):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert kill_when is not None, "the program did not end"
        time.sleep(TICK_SECONDS)
