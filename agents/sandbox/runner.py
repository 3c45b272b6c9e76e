"""Shell commands of repositories and agents, run outside the event loop, sandboxed and bounded."""

import asyncio
import contextlib
import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from attrs import evolve, field, frozen

from ...state.disk import disk_errors, trouble
from ...state.enums import SandboxTier
from ...state.errors import StorageError
from ...state.git_values import Shadow
from ...state.redact import Redactor
from ...state.work import CommandResult
from .environment import environment, prepare, put
from .launcher import Inside, Launcher, shell
from .policy import MAX_TIMEOUT_SECONDS, CommandLimits, Sandbox
from .process import Ended, NotBegun, Talk, execute
from .proxy import Proxy
from .toolchains import Toolchains, find_toolchains

MAX_COMMANDS: Final = 64  # at a time; more wait their turn
MAX_SERVERS: Final = 16  # at a time; beside the commands, so that none waits for one
SERVER_OUTPUT_BYTES: Final = 256 * 1024  # kept of what one says, for who looks for a fault
SERVER_GRACE_SECONDS: Final = 0.5
MAX_BEGINNINGS: Final = 3  # of a command that had not begun
BEGINNING_SECONDS: Final = 0.2  # longer each time

MakeShadow = Callable[[Path], Shadow]  # of a worktree

_numbers = itertools.count(1)


@frozen(kw_only=True)
class Program:
    """What to start; ``variables`` are its own besides those of every command.

    ``files`` are made below its home first; ``talk`` is how it is listened to.
    """

    words: tuple[str, ...]
    variables: Mapping[str, str] = field(factory=dict)
    files: Mapping[str, str] = field(factory=dict)
    talk: Talk | None = None


class CommandRunner:
    """Runs commands for one run; each worktree has a home and a temporary folder of its own."""

    def __init__(
        self,
        folder: Path,
        scratch: Path,
        *,
        launcher: Launcher,
        limits: CommandLimits | None = None,
        network: tuple[str, ...] = (),
        setup_network: tuple[str, ...] = (),
        shadow: MakeShadow | None = None,
        read_only: tuple[Path, ...] = (),
        toolchains: Toolchains | None = None,
        proxy: Proxy | None = None,
        mark: str | None = None,
        outer: Mapping[str, str] | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        """``folder`` is the run's; ``scratch`` holds the homes, best at a short path.

        ``mark`` names the run among the processes of the machine (default: its folder), ``outer``
        are the operator's variables (default: ours).  ``toolchains`` are the operator's programs
        (default: what ``outer`` leads to), ``read_only`` is what else commands may read.
        ``proxy`` leads to the hosts that commands may reach.  ``shadow`` makes the git folder that
        stands in for a worktree's in its sandbox, ``redactor`` takes secrets out of what commands
        say before it is kept.
        """
        self._folder = folder
        self._scratch = scratch
        self._launcher = launcher
        self._limits = limits or CommandLimits()
        self._network = network
        self._setup_network = setup_network
        self._shadow = shadow
        self._mark = mark or str(folder)
        self._redactor = redactor or Redactor()
        if toolchains is None:
            toolchains = find_toolchains(os.environ if outer is None else outer, hidden=(folder,))
        self._toolchains = toolchains
        self._read_only = tuple(dict.fromkeys((*toolchains.read_only, *read_only)))
        self._proxy = proxy or Proxy()
        self._threads = ThreadPoolExecutor(MAX_COMMANDS, thread_name_prefix="command")
        self._servers = ThreadPoolExecutor(MAX_SERVERS, thread_name_prefix="server")

    @property
    def tier(self) -> SandboxTier:
        """How strongly commands are held, as announced and recorded."""
        return self._launcher.tier

    @property
    def limits(self) -> CommandLimits:
        """The limits of a command that asks for no less."""
        return self._limits

    def sandbox(self, worktree: Path) -> Sandbox:
        """The world of a command that works in ``worktree``."""
        name = hashlib.sha256(os.fsencode(worktree)).hexdigest()[:12]
        return Sandbox(
            worktree=worktree,
            scratch=self._scratch / name,
            network=self._network,
            read_only=self._read_only,
            limits=self._limits,
        )

    def onlooker(self, worktree: Path) -> Sandbox:
        """The world of a program that only looks at a worktree.

        It reaches no host, has a home of its own, and is without a limit on its time: who started
        it ends it.
        """
        return evolve(
            self.sandbox(worktree),
            scratch=self._scratch / f"onlooker-{next(_numbers)}",
            network=(),
            is_writable=False,
            limits=evolve(
                self._limits,
                timeout_seconds=MAX_TIMEOUT_SECONDS,
                silence_seconds=MAX_TIMEOUT_SECONDS,
                output_bytes=SERVER_OUTPUT_BYTES,
                grace_seconds=min(self._limits.grace_seconds, SERVER_GRACE_SECONDS),
            ),
        )

    def has(self, program: str) -> bool:
        """Whether a program is where commands look for it."""
        return self._toolchains.finds(program)

    async def run(
        self, command: str, cwd: Path, output: Path, *, is_setup: bool = False
    ) -> CommandResult:
        """Run it in ``cwd``, which is also its worktree; all output goes into ``output``."""
        sandbox = self.sandbox(cwd)
        if is_setup:
            hosts = dict.fromkeys((*sandbox.network, *self._setup_network))
            sandbox = evolve(sandbox, network=tuple(hosts))
        return await self.run_in(sandbox, command, cwd, output)

    async def run_in(
        self,
        sandbox: Sandbox,
        command: str,
        cwd: Path,
        output: Path,
        timeout: float | None = None,
    ) -> CommandResult:
        """Run it in a folder of a sandbox; ``timeout`` can only shorten the sandbox's limit.

        A cancellation ends the command and everything it started before it is passed on.  Raises
        StorageError for a command that fails where there is no room: nobody could tell its reason.
        """
        if timeout is not None:
            limit = min(timeout, sandbox.limits.timeout_seconds)
            sandbox = evolve(sandbox, limits=evolve(sandbox.limits, timeout_seconds=limit))
        ended = await self.start(sandbox, Program(words=(shell(), "-c", command)), cwd, output)
        return CommandResult(
            command=command,
            exit_code=ended.exit_code,
            signal=ended.signal,
            timed_out=bool(ended.stopped),
            duration_seconds=ended.seconds,
            output_path=self._relative(output),
            output_bytes=ended.output_bytes,
            truncated=ended.truncated,
        )

    def socket(self, name: str) -> Path:
        """Where a socket of ours may be: nowhere near a worktree, and short enough."""
        return self._scratch / f"{name}-{next(_numbers)}"

    def inside(self, sandbox: Sandbox) -> Inside:
        """What a program will find in a sandbox, and where."""
        return self._launcher.inside(sandbox)

    async def start(
        self,
        sandbox: Sandbox,
        program: "Program",
        cwd: Path,
        output: Path,
        *,
        is_server: bool = False,
    ) -> Ended:
        """Start a program in a folder of a sandbox and see it to its end; see ``run_in``.

        ``is_server``: it stays, and does not count among the commands.
        """
        mark = f"{self._mark}/{os.getpid()}.{next(_numbers)}"
        cancelled = threading.Event()

        def work() -> Ended:
            prepared = self._prepared(sandbox)
            with disk_errors(prepared.home):
                put(prepared.home, program.files)
            inside = self._launcher.inside(prepared)
            with self._networked(prepared, inside) as (held, refusals):
                ended = _begun(
                    lambda: execute(
                        self._launcher.launch(program.words, cwd, held),
                        cwd,
                        environment(self._toolchains, held, inside, mark) | dict(program.variables),
                        output,
                        sandbox.limits,
                        mark,
                        cancelled,
                        self._redactor,
                        program.talk,
                    )
                )
            said = output if program.talk is None else program.talk.errors
            _append(said, [self._redactor.text(each) for each in refusals])
            if ended.exit_code != 0 and not cancelled.is_set():
                _require_room(sandbox, cwd, output)
            return ended

        job = (self._servers if is_server else self._threads).submit(work)
        future = asyncio.wrap_future(job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancelled.set()
            if not job.cancel():
                await asyncio.gather(future, return_exceptions=True)
            raise

    def close(self) -> None:
        """Give the threads back; commands that still run are seen to their end first."""
        self._servers.shutdown()
        self._threads.shutdown()
        self._proxy.close()

    def _prepared(self, sandbox: Sandbox) -> Sandbox:
        """The sandbox with its folders there, its shadow git folder among them."""
        with disk_errors(sandbox.scratch):
            prepare(sandbox, self._toolchains.links)
            if self._shadow is None:
                return sandbox
            return evolve(sandbox, shadow=self._shadow(sandbox.worktree))

    @contextlib.contextmanager
    def _networked(self, sandbox: Sandbox, inside: Inside) -> Iterator[tuple[Sandbox, list[str]]]:
        """The sandbox with a way to its hosts, and what is refused there, complete at the end."""
        if not sandbox.network or not inside.is_offline:
            yield sandbox, []
            return
        socket = sandbox.scratch / f"proxy-{next(_numbers)}"
        with self._proxy.door(sandbox.network, socket) as door:
            yield evolve(sandbox, proxy=door.address), door.refusals

    def _relative(self, output: Path) -> str:
        try:
            return output.relative_to(self._folder).as_posix()
        except ValueError:
            return output.as_posix()


def _begun(run: Callable[[], Ended]) -> Ended:
    """How a command ended.  Raises StorageError where nothing would hold it."""
    for number in range(1, MAX_BEGINNINGS + 1):
        try:
            return run()
        except NotBegun as error:
            reason = str(error)
            time.sleep(BEGINNING_SECONDS * number)
    raise StorageError(
        f"What holds a command could not be set up, {MAX_BEGINNINGS} times: {reason[:500]}",
        "No command failed and nothing is lost. `dispatch doctor` tries the sandbox; then run the "
        "same command again.",
    )


def _append(output: Path, refusals: Sequence[str]) -> None:
    """Below what a command said, why it did not get what it asked the network for."""
    if refusals:
        with disk_errors(output), output.open("a", encoding="utf-8") as file:
            file.writelines(f"[dispatch: the network refused {line}]\n" for line in refusals)


def _require_room(sandbox: Sandbox, cwd: Path, output: Path) -> None:
    found = trouble((cwd, sandbox.temporary, output.parent))
    if found is not None:
        raise found
