"""The language servers of one attempt: started when first needed, ended with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from ...state.config import LanguageServer, LanguageServers
from ...state.redact import Redactor
from ..sandbox import CommandRunner
from .connection import Declined, ServerGone
from .known import LINTERS, name_of, servers_here
from .server import RunningServer
from .shapes import Diagnostic, Place, Symbol, hover_of, places_of, symbols_of
from .wire import Message

ASK_SECONDS: Final = 20.0  # for what an agent asks; a large tree is read for longer than an edit
MAX_STARTS: Final = 3  # of one server, in one attempt
MAX_MISSED: Final = 5  # edits in a row after which none waits any more
MAX_CHARACTERS: Final = 1_000_000  # of a file that is shown to a server

FOLDER: Final = "language-servers"  # in the attempt's folder: what they wrote

Read = Callable[[str], str | None]  # the text of a file of the tree; null: there is none to show


class NoAnswer(Exception):
    """Why there is nothing to tell, as a sentence for the model."""


def servers_for(
    config: LanguageServers,
    commands: CommandRunner | None,
    root: Path,
    folder: Path,
    redactor: Redactor,
) -> "Servers | None":
    """The servers that an attempt may use; null where there are none.

    Nor are there any where commands reach the network whatever we say: a server might fetch there
    what it lacks.
    """
    if commands is None or not commands.inside(commands.onlooker(root)).is_offline:
        return None
    found = servers_here(config, commands.has)
    if not found:
        return None
    return Servers(found, commands, root, folder / FOLDER, config.wait_seconds, redactor)


class Servers:
    """Answers for the files of one tree; ``by_suffix`` has the server of each suffix.

    Paths are relative to ``root``.  ``wait_seconds`` is how long an edit waits.
    """

    def __init__(
        self,
        by_suffix: Mapping[str, LanguageServer],
        commands: CommandRunner,
        root: Path,
        folder: Path,
        wait_seconds: float,
        redactor: Redactor,
    ) -> None:
        self._by_suffix = by_suffix
        self._commands = commands
        self._root = root
        self._folder = folder
        self._wait_seconds = wait_seconds
        self._redactor = redactor
        self._running: dict[tuple[str, ...], RunningServer] = {}
        self._all: list[RunningServer] = []  # also those that ended
        self._is_closed = False

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The ends of the names of files that a server knows."""
        return tuple(sorted(self._by_suffix))

    @property
    def resolved(self) -> tuple[str, ...]:
        """Those of files whose names it can resolve; linters find errors only."""
        found = self._by_suffix.items()
        return tuple(sorted(each for each, server in found if name_of(server) not in LINTERS))

    def name(self, path: str) -> str:
        """The name of the server of a file, for a sentence."""
        return name_of(self._by_suffix[PurePosixPath(path).suffix])

    async def errors(self, path: str, read: Read) -> tuple[Diagnostic, ...]:
        """The errors of a file that was just changed; none where nobody says so in time."""
        if PurePosixPath(path).suffix not in self._by_suffix or not self._wait_seconds:
            return ()
        try:
            server = self._server(path)
            if server.missed >= MAX_MISSED:
                return ()
            server.missed += 1
            async with asyncio.timeout(self._wait_seconds):
                found = await self._checked(server, path, read)
        except (Declined, NoAnswer, ServerGone, TimeoutError):
            return ()
        return tuple(each for each in found if each.severity == "error")

    async def diagnostics(self, path: str, read: Read) -> tuple[Diagnostic, ...]:
        """Everything that is said of a file; raises NoAnswer."""
        async with _answering(self.name(path)):
            return await self._checked(self._server(path), path, read)

    async def all_diagnostics(self, read: Read) -> tuple[Diagnostic, ...]:
        """What is said of the files that were shown, and of what else a server looked at."""
        found = set[Diagnostic]()
        for server in tuple(self._running.values()):
            if server.why_over:
                continue
            async with _answering(server.name):
                await self._refresh(server, read)
                for path, text in server.documents.items():
                    await server.diagnostics(path, text)
            for path, said in server.published.items():
                if path and not path.startswith("/"):
                    found.update(said.diagnostics)
        return tuple(sorted(found))

    @property
    def has_documents(self) -> bool:
        """Whether a server was shown a file that it may be asked about."""
        return any(each.documents and not each.why_over for each in self._running.values())

    async def places(
        self, method: str, path: str, position: Message, read: Read
    ) -> tuple[Place, ...]:
        """The places that a request at a position of a file is answered with; raises NoAnswer."""
        context: Message = {"context": {"includeDeclaration": True}}
        raw = await self._asked(method, path, {"position": position, **context}, read)
        return places_of(raw, self._roots())

    async def hover(self, path: str, position: Message, read: Read) -> str:
        """What is told of a name at a position of a file; raises NoAnswer."""
        return hover_of(await self._asked("hover", path, {"position": position}, read))

    async def symbols(self, path: str, read: Read) -> tuple[Symbol, ...]:
        """What a file declares; raises NoAnswer."""
        return symbols_of(await self._asked("documentSymbol", path, {}, read))

    async def aclose(self) -> None:
        """End all of them; none is started any more."""
        self._is_closed = True
        await asyncio.gather(*(each.aclose() for each in self._all))

    async def _asked(self, method: str, path: str, params: Message, read: Read) -> object:
        async with _answering(self.name(path)):
            server = self._server(path)
            await server.ready()
            text = await _text(path, read)
            await self._refresh(server, read)
            await server.show(path, text)
            return await server.ask(method, path, params)

    async def _checked(
        self, server: RunningServer, path: str, read: Read
    ) -> tuple[Diagnostic, ...]:
        await server.ready()
        text = await _text(path, read)
        await self._refresh(server, read)
        found = await server.diagnostics(path, text)
        server.missed = 0
        return found

    async def _refresh(self, server: RunningServer, read: Read) -> None:
        """Show a server what became of its documents."""
        for path in server.documents:
            try:
                await server.show(path, await _text(path, read))
            except NoAnswer:
                await server.close_document(path)

    def _server(self, path: str) -> RunningServer:
        """The server of a file, started if it has to be."""
        wanted = self._by_suffix[PurePosixPath(path).suffix]
        running = self._running.get(wanted.argv)
        if running is not None and not running.why_over:
            return running
        starts = sum(each.server.argv == wanted.argv for each in self._all)
        if self._is_closed or starts >= MAX_STARTS:
            why = running.why_over if running is not None else "the attempt is over"
            raise NoAnswer(f"{name_of(wanted)} is not there any more: {why}.")
        server = RunningServer(
            server=wanted,
            commands=self._commands,
            root=self._root,
            folder=self._folder / str(len(self._all) + 1),
            redactor=self._redactor,
        )
        self._running[wanted.argv] = server
        self._all.append(server)
        return server

    def _roots(self) -> tuple[Path, ...]:
        return (self._root, self._root.resolve())


@contextlib.asynccontextmanager
async def _answering(name: str) -> AsyncIterator[None]:
    """Bounds a wait for a server, and puts its failures into sentences."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            yield
    except TimeoutError:
        raise NoAnswer(f"{name} said nothing within {ASK_SECONDS:g} seconds.") from None
    except ServerGone as error:
        raise NoAnswer(f"{name} is no help: {error}.") from None
    except Declined as error:
        raise NoAnswer(f"{name} declined: {error}") from None


async def _text(path: str, read: Read) -> str:
    text = await asyncio.to_thread(read, path)
    if text is None or len(text) > MAX_CHARACTERS:
        raise NoAnswer("The file is not there, or is nothing that a language server takes.")
    return text
