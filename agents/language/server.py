"""One language server at work: the documents that it was shown, and what it said of them."""

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import define, frozen

from ...state.config import LanguageServer
from ...state.redact import Redactor
from ..sandbox import CommandRunner
from .connection import Connection, Declined, ServerGone
from .known import language_of, name_of
from .shapes import Diagnostic, diagnostics_of, path_of
from .wire import Message

START_SECONDS: Final = 60.0  # to answer that it is there
SETTLE_SECONDS: Final = 0.1  # some servers say first what is cheap to find, then the rest
MAX_DOCUMENTS: Final = 64  # that are open at a time
MAX_PUBLISHED: Final = 2000  # files of which it said something

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


class RunningServer:
    """A server from its start to its end; ``folder`` gets what it writes.

    Methods raise ServerGone once it is no help any more.  Waits have no bound of their own: the
    caller's holds.
    """

    def __init__(
        self,
        server: LanguageServer,
        commands: CommandRunner,
        root: Path,
        folder: Path,
        redactor: Redactor,
    ) -> None:
        """Start it; ``ready`` tells when it is there."""
        self.server = server
        self.published: dict[str, Publication] = {}
        self.missed = 0  # edits in a row after which it said nothing
        self._root = root
        self._roots = tuple(dict.fromkeys((root, root.resolve())))
        self._documents: dict[str, _Document] = {}
        self._count = 0  # of publications
        self._news = asyncio.Event()
        self._talk = Connection(
            server=server,
            commands=commands,
            sandbox=commands.onlooker(root),
            root=root,
            folder=folder,
            redactor=redactor,
            published=self._publish,
            ended=self._tell_news,
        )
        self._talk.start()
        self._greeting = asyncio.ensure_future(self._greet())

    @property
    def name(self) -> str:
        """Its name for a sentence."""
        return name_of(self.server)

    @property
    def why_over(self) -> str:
        """Why it is no help any more; empty: it is."""
        return self._talk.why_over

    @property
    def documents(self) -> Mapping[str, str]:
        """The text of each open document, as the server knows it."""
        return {path: document.text for path, document in self._documents.items()}

    async def ready(self) -> None:
        """Wait until it has answered that it is there."""
        await asyncio.shield(self._greeting)
        self._talk.require()

    async def aclose(self) -> None:
        """End it and everything that it started."""
        self._greeting.cancel()
        await asyncio.gather(self._greeting, return_exceptions=True)
        await self._talk.aclose()
        scratch = self._talk.sandbox.scratch
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
            await self._talk.tell("textDocument/didOpen", {"textDocument": document})
        else:
            known.version += 1
            known.text = text
            known.after = self._count
            await self._talk.tell(
                "textDocument/didChange",
                {
                    "textDocument": {"uri": uri, "version": known.version},
                    "contentChanges": [{"text": text}],
                },
            )
        changes = [{"uri": uri, "type": _CHANGED}]
        await self._talk.tell("workspace/didChangeWatchedFiles", {"changes": changes})
        await self._talk.tell("textDocument/didSave", {"textDocument": {"uri": uri}})

    async def close_document(self, path: str) -> None:
        """Forget a file that is gone, or that there is no more room for."""
        del self._documents[path]
        self.published.pop(path, None)
        await self._talk.tell("textDocument/didClose", {"textDocument": {"uri": self.uri(path)}})

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

    async def ask(self, method: str, path: str, params: Message) -> object:
        """The answer to a question on a document; raises Declined when there is none."""
        document: Message = {"textDocument": {"uri": self.uri(path)}}
        return await self._talk.ask(f"textDocument/{method}", {**document, **params})

    def uri(self, path: str) -> str:
        """The address of a file of the tree."""
        return (self._root / path).as_uri()

    async def _greet(self) -> None:
        """Never raises but when it is cancelled: ``ready`` asks how it went."""
        folder = {"uri": self._root.as_uri(), "name": self._root.name}
        params: Message = {
            "processId": None,  # ours is none in its sandbox
            "rootPath": str(self._root),
            "rootUri": folder["uri"],
            "workspaceFolders": [folder],
            "capabilities": _CAPABILITIES,
        }
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._talk.ask("initialize", params)
                await self._talk.tell("initialized", {})
        except TimeoutError:
            self._talk.end(f"it did not begin within {START_SECONDS:g} seconds")
        except (Declined, ServerGone) as error:
            self._talk.end(str(error))

    def _publish(self, params: object) -> None:
        if not isinstance(params, dict):
            return
        path, version = path_of(params.get("uri"), self._roots), params.get("version")
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

    def _since(self, path: str, number: int, version: int) -> Publication | None:
        """What was said of a file after that publication, of that version or a later one."""
        now = self.published.get(path)
        if now is None or now.number <= number:
            return None
        return now if now.version is None or now.version >= version else None

    async def _next_news(self) -> None:
        self._talk.require()
        await self._news.wait()
        self._talk.require()

    def _tell_news(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
