"""One language server: a process in the sandbox, its documents, and what it said of them."""

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import define, field, frozen

from ...state.config import LanguageServer
from ...state.redact import Redactor
from ..sandbox import CommandRunner, Sandbox
from ..sandbox.line import Line
from ..sandbox.process import Talk
from ..sandbox.runner import Program
from .known import language_of, name_of
from .shapes import Diagnostic, diagnostics_of, one_line, path_of
from .wire import Frames, Garbage, Message, framed

START_SECONDS: Final = 60.0  # to answer that it is there
SETTLE_SECONDS: Final = 0.1  # some servers say first what is cheap to find, then the rest
MAX_DOCUMENTS: Final = 64  # that are open at a time
MAX_PUBLISHED: Final = 2000  # files of which it said something
MAX_ANSWERS: Final = 1000  # of ours to its own requests

_PUBLISH: Final = "textDocument/publishDiagnostics"
_NOT_FOUND: Final = -32601  # of JSON-RPC: there is no such method
_CHANGED: Final = 2
# Without "diagnostic", by which some servers wait to be asked and say nothing by themselves.
_CAPABILITIES: Final[Message] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "definition": {"linkSupport": True},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
        "hover": {"contentFormat": ["plaintext", "markdown"]},
        "publishDiagnostics": {"versionSupport": True},
        "references": {},
        "synchronization": {"didSave": True},
    },
    "workspace": {
        "configuration": True,
        "didChangeWatchedFiles": {"dynamicRegistration": True},
        "workspaceFolders": True,
    },
}


class ServerGone(Exception):
    """A server that is no help any more; the text ends a sentence on it."""


class Declined(Exception):
    """What a server says to a request that it cannot fulfil."""


@frozen
class Publication:
    """What a server said of a file; ``number`` counts its publications."""

    number: int
    version: int | None
    diagnostics: tuple[Diagnostic, ...]


@define
class _Document:
    version: int
    text: str
    after: int  # the number of the last publication before the server was told the text


@define(eq=False)
class RunningServer:
    """A server from its start to its end; ``folder`` gets what it writes.

    ``redactor`` takes secrets out of what it says, before anything is cut.

    Methods raise ServerGone once it has ended, by itself or because it said what no server says.
    Waits have no bound of their own: the caller's holds.
    """

    server: LanguageServer
    commands: CommandRunner
    root: Path
    folder: Path
    redactor: Redactor
    published: dict[str, Publication] = field(factory=dict, init=False)
    missed: int = field(default=0, init=False)  # edits in a row after which it said nothing
    _documents: dict[str, _Document] = field(factory=dict, init=False)
    _pending: dict[int, "asyncio.Future[object]"] = field(factory=dict, init=False)
    _answers: set["asyncio.Task[None]"] = field(factory=set, init=False)
    _count: int = field(default=0, init=False)  # of publications
    _asked: int = field(default=0, init=False)
    _answered: int = field(default=0, init=False)
    _why: str = field(default="", init=False)
    _news: asyncio.Event = field(factory=asyncio.Event, init=False)
    _telling: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _line: Line = field(factory=Line, init=False)
    _sandbox: Sandbox = field(init=False)
    _tasks: tuple["asyncio.Task[None]", ...] = field(default=(), init=False)

    def __attrs_post_init__(self) -> None:
        self._sandbox = self.commands.onlooker(self.root)

    @property
    def name(self) -> str:
        """Its name for a sentence."""
        return name_of(self.server)

    @property
    def why_over(self) -> str:
        """Why it is no help any more; empty: it is."""
        return self._why

    @property
    def documents(self) -> Mapping[str, str]:
        """The text of each open document, as the server knows it."""
        return {path: document.text for path, document in self._documents.items()}

    def start(self) -> None:
        """Begin; ``ready`` tells when it is there."""
        self._tasks = (asyncio.ensure_future(self._live()), asyncio.ensure_future(self._greet()))

    async def ready(self) -> None:
        """Wait until it has answered that it is there."""
        await asyncio.shield(self._tasks[1])
        self._require()

    async def aclose(self) -> None:
        """End it and everything that it started."""
        self._end("it was ended")
        for task in (*self._tasks, *self._answers):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._answers, return_exceptions=True)
        self._line.close()
        scratch = self._sandbox.scratch
        await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def show(self, path: str, text: str) -> None:
        """Tell the text of a file, unless it is known."""
        known = self._documents.get(path)
        if known is not None and known.text == text:
            return
        uri = self.uri(path)
        if known is None:
            while len(self._documents) >= MAX_DOCUMENTS:
                await self.close_document(next(iter(self._documents)))
            self._documents[path] = _Document(1, text, self._count)
            item = {"uri": uri, "languageId": language_of(Path(path).suffix)}
            document: Message = {**item, "version": 1, "text": text}
            await self.tell("textDocument/didOpen", {"textDocument": document})
        else:
            known.version += 1
            known.text = text
            known.after = self._count
            await self.tell(
                "textDocument/didChange",
                {
                    "textDocument": {"uri": uri, "version": known.version},
                    "contentChanges": [{"text": text}],
                },
            )
        changes = [{"uri": uri, "type": _CHANGED}]
        await self.tell("workspace/didChangeWatchedFiles", {"changes": changes})
        await self.tell("textDocument/didSave", {"textDocument": {"uri": uri}})

    async def close_document(self, path: str) -> None:
        """Forget a file that is gone, or that there is no more room for."""
        del self._documents[path]
        self.published.pop(path, None)
        await self.tell("textDocument/didClose", {"textDocument": {"uri": self.uri(path)}})

    async def diagnostics(self, path: str, text: str) -> tuple[Diagnostic, ...]:
        """What it says of a file with that text, once it has said it."""
        await self.show(path, text)
        document = self._documents[path]
        version, after = document.version, document.after
        if (now := self._since(path, after, version)) is not None:
            return now.diagnostics
        while (now := self._since(path, after, version)) is None:
            await self._next_news()
        while now is not None:
            found, after = now.diagnostics, now.number
            with contextlib.suppress(TimeoutError, ServerGone):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._next_news()
            now = self._since(path, after, version)
        return found

    async def ask(self, method: str, params: Message) -> object:
        """The answer to a request; raises Declined when there is none."""
        self._asked += 1
        number = self._asked
        answer = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await self._send({"id": number, "method": method, "params": params})
            return await answer
        finally:
            del self._pending[number]

    async def tell(self, method: str, params: Message) -> None:
        """Send a notification."""
        await self._send({"method": method, "params": params})

    def uri(self, path: str) -> str:
        """The address of a file of the tree."""
        return (self.root / path).as_uri()

    def roots(self) -> tuple[Path, ...]:
        """The spellings of the root."""
        return tuple(dict.fromkeys((self.root, self.root.resolve())))

    async def _live(self) -> None:
        sandbox = self._sandbox
        loop, frames = asyncio.get_running_loop(), Frames()

        def heard(data: bytes) -> None:  # in the thread that runs it
            if self._why:
                return
            try:
                for message in frames.feed(data):
                    if _matters(message):
                        redacted = self.redactor.mapping(message)
                        loop.call_soon_threadsafe(self._take, redacted)
            except RecursionError:
                loop.call_soon_threadsafe(self._end, "a message of it is too deep")
            except Garbage as error:
                loop.call_soon_threadsafe(self._end, str(error))

        build = self.commands.inside(sandbox).temporary / "target"
        program = Program(
            words=self.server.argv,
            # It cannot write into the tree.
            variables={**Line.VARIABLES, "CARGO_TARGET_DIR": str(build)},
            talk=Talk(
                stdin=self._line,
                heard=heard,
                errors=self.folder / f"{self.name}.err",
                stop=lambda: self._why,
            ),
        )
        output = self.folder / f"{self.name}.out"
        why = "it ended"
        try:
            ended = await self.commands.start(sandbox, program, self.root, output, is_server=True)
            why = f"it ended with exit code {ended.exit_code}"
        except Exception as error:  # whatever goes wrong, there is one help less
            why = f"it could not be started: {one_line(str(error))}"
        finally:
            self._end(why)

    async def _greet(self) -> None:
        """Never raises but when it is cancelled: ``ready`` asks how it went."""
        folder = {"uri": self.root.as_uri(), "name": self.root.name}
        params: Message = {
            "processId": None,  # ours is none in its sandbox
            "rootPath": str(self.root),
            "rootUri": folder["uri"],
            "workspaceFolders": [folder],
            "capabilities": _CAPABILITIES,
        }
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.ask("initialize", params)
                await self.tell("initialized", {})
        except TimeoutError:
            self._end(f"it did not begin within {START_SECONDS:g} seconds")
        except (Declined, ServerGone) as error:
            self._end(str(error))

    async def _send(self, message: Message) -> None:
        async with self._telling:
            self._require()
            is_whole = False
            try:
                await self._line.tell(framed({"jsonrpc": "2.0", **message}))
                is_whole = True
            except OSError as error:
                raise ServerGone(f"it does not listen: {error.strerror}") from None
            finally:
                if not is_whole:  # what would come next could not be understood
                    self._end("it does not listen")

    def _require(self) -> None:
        if self._why:
            raise ServerGone(self._why)

    def _end(self, why: str) -> None:
        """Only the first reason is one."""
        self._why = self._why or why
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(ServerGone(self._why))
        self._tell_news()

    def _take(self, message: Mapping[str, object]) -> None:
        method, number = message.get("method"), message.get("id")
        if method == _PUBLISH:
            self._publish(message.get("params"))
        elif isinstance(method, str):
            self._reply(method, number, message.get("params"))
        elif isinstance(number, int) and number in self._pending:
            self._settle(self._pending[number], message)

    def _publish(self, params: object) -> None:
        if not isinstance(params, dict):
            return
        path, version = path_of(params.get("uri"), self.roots()), params.get("version")
        self._count += 1
        self.published.pop(path, None)  # the one that was silent longest is dropped first
        while len(self.published) >= MAX_PUBLISHED:
            del self.published[next(iter(self.published))]
        self.published[path] = Publication(
            number=self._count,
            version=version if isinstance(version, int) else None,
            diagnostics=diagnostics_of(params.get("diagnostics"), path),
        )
        self._tell_news()

    def _reply(self, method: str, number: object, params: object) -> None:
        """What a server asks us has one of a few answers, none of which changes anything."""
        self._answered += 1
        if self._answered > MAX_ANSWERS:
            return self._end("it asks without end")
        reply: Message = {"id": number}
        items = params.get("items") if isinstance(params, dict) else None
        match method:
            case "workspace/configuration":
                reply["result"] = [None] * len(items) if isinstance(items, list) else []
            case "workspace/workspaceFolders":
                reply["result"] = [{"uri": self.root.as_uri(), "name": self.root.name}]
            case "workspace/applyEdit":
                reply["result"] = {"applied": False}
            case (
                "client/registerCapability"
                | "client/unregisterCapability"
                | "window/showMessageRequest"
                | "window/workDoneProgress/create"
            ):
                reply["result"] = None
            case _:
                reply["error"] = {"code": _NOT_FOUND, "message": "There is no such method."}
        task = asyncio.ensure_future(self._answer(reply))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)
        return None

    async def _answer(self, reply: Message) -> None:
        with contextlib.suppress(ServerGone):
            await self._send(reply)

    def _settle(self, answer: "asyncio.Future[object]", message: Mapping[str, object]) -> None:
        error = message.get("error")
        if answer.done():
            return
        if isinstance(error, dict):
            said = error.get("message")
            text = one_line(said) if isinstance(said, str) else "no reason"
            answer.set_exception(Declined(text))
        else:
            answer.set_result(message.get("result"))

    def _since(self, path: str, number: int, version: int) -> Publication | None:
        """What was said of a file after that publication, of that version or a later one."""
        now = self.published.get(path)
        if now is None or now.number <= number:
            return None
        return now if now.version is None or now.version >= version else None

    async def _next_news(self) -> None:
        self._require()
        await self._news.wait()
        self._require()

    def _tell_news(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _matters(message: Mapping[str, object]) -> bool:
    """Whether it says something of a file, asks, or answers; logs and progress are nobody's."""
    return message.get("method") == _PUBLISH or message.get("id") is not None
