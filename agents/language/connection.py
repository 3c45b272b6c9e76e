"""The talk with one language server: its process, our requests and its own, until its end."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from attrs import define, field

from ...state.config import LanguageServer
from ...state.redact import Redactor
from ..sandbox import CommandRunner, Sandbox
from ..sandbox.line import Line
from ..sandbox.process import Talk
from ..sandbox.runner import Program
from .known import name_of
from .shapes import MAX_ITEMS, one_line
from .wire import Frames, Garbage, Message, framed

MAX_ANSWERS: Final = 1000  # of ours to its own requests

_PUBLISH: Final = "textDocument/publishDiagnostics"
_NOT_FOUND: Final = -32601  # of JSON-RPC: there is no such method


class ServerGone(Exception):
    """A server that is no help any more; the text ends a sentence on it."""


class Declined(Exception):
    """What a server says to a request that it cannot fulfil."""


@define(eq=False)
class Connection:
    """A server that was started in a sandbox; ``folder`` gets what it writes.

    ``redactor`` takes secrets out of what it says, before anything is cut.  ``published`` gets the
    parameters of each publication, ``ended`` is told of the end.  Requests raise ServerGone once it
    has ended, by itself or because it said what no server says; their waits have no bound of their
    own.
    """

    server: LanguageServer
    commands: CommandRunner
    sandbox: Sandbox
    root: Path
    folder: Path
    redactor: Redactor
    published: Callable[[object], None]
    ended: Callable[[], None]
    why_over: str = field(default="", init=False)  # why it is no help any more; empty: it is
    _pending: dict[int, "asyncio.Future[object]"] = field(factory=dict, init=False)
    _answers: set["asyncio.Task[None]"] = field(factory=set, init=False)
    _asked: int = field(default=0, init=False)
    _answered: int = field(default=0, init=False)
    _telling: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _line: Line = field(factory=Line, init=False)
    _life: "asyncio.Task[None] | None" = field(default=None, init=False)

    def start(self) -> None:
        """Begin; requests may be made at once."""
        self._life = asyncio.ensure_future(self._live())

    async def aclose(self) -> None:
        """End it and everything that it started."""
        self.end("it was ended")
        tasks = (*self._answers, *(() if self._life is None else (self._life,)))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._line.close()

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

    def require(self) -> None:
        """Raise ServerGone once it has ended."""
        if self.why_over:
            raise ServerGone(self.why_over)

    def end(self, why: str) -> None:
        """Have it ended; only the first reason is one."""
        self.why_over = self.why_over or why
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(ServerGone(self.why_over))
        self.ended()

    async def _live(self) -> None:
        name = name_of(self.server)
        loop, frames = asyncio.get_running_loop(), Frames()

        def heard(data: bytes) -> None:  # in the thread that runs it
            if self.why_over:
                return
            try:
                for message in frames.feed(data):
                    if _matters(message):
                        redacted = self.redactor.mapping(message)
                        loop.call_soon_threadsafe(self._take, redacted)
            except RecursionError:
                loop.call_soon_threadsafe(self.end, "a message of it is too deep")
            except Garbage as error:
                loop.call_soon_threadsafe(self.end, str(error))

        build = self.commands.inside(self.sandbox).temporary / "target"
        program = Program(
            words=self.server.argv,
            # It cannot write into the tree.
            variables={**Line.VARIABLES, "CARGO_TARGET_DIR": str(build)},
            talk=Talk(
                stdin=self._line,
                heard=heard,
                errors=self.folder / f"{name}.err",
                stop=lambda: self.why_over,
            ),
        )
        output = self.folder / f"{name}.out"
        why = "it was ended"
        try:
            ended = await self.commands.start(
                self.sandbox, program, self.root, output, is_server=True
            )
            how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.exit_code}"
            why = f"it ended with {how}"
        except Exception as error:  # whatever goes wrong, there is one help less
            why = f"it could not be started: {one_line(str(error))}"
        finally:
            self.end(why)

    async def _send(self, message: Message) -> None:
        async with self._telling:
            self.require()
            is_whole = False
            try:
                await self._line.tell(framed({"jsonrpc": "2.0", **message}))
                is_whole = True
            except OSError as error:
                raise ServerGone(f"it does not listen: {error.strerror}") from None
            finally:
                if not is_whole:  # what would come next could not be understood
                    self.end("it does not listen")

    def _take(self, message: Mapping[str, object]) -> None:
        method, number = message.get("method"), message.get("id")
        if method == _PUBLISH:
            self.published(message.get("params"))
        elif isinstance(method, str):
            self._reply(method, number, message.get("params"))
        elif isinstance(number, int) and number in self._pending:
            self._settle(self._pending[number], message)

    def _reply(self, method: str, number: object, params: object) -> None:
        """What a server asks us has one of a few answers, none of which changes anything."""
        self._answered += 1
        if self._answered > MAX_ANSWERS:
            return self.end("it asks without end")
        reply: Message = {"id": number}
        items = params.get("items") if isinstance(params, dict) else None
        items = items if isinstance(items, list) else []
        match method:
            case "workspace/configuration":
                reply["result"] = [None] * min(len(items), MAX_ITEMS)
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


def _matters(message: Mapping[str, object]) -> bool:
    """Whether it says something of a file, asks, or answers; logs and progress are nobody's."""
    return message.get("method") == _PUBLISH or message.get("id") is not None
