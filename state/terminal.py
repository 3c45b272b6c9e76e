"""The user's terminal during a run: the trace runs by, one question at a time stands below it.

The terminal stays as the user has it: lines are edited and echoed by the kernel and come whole.
So nothing has to be put back, whatever ends the program, and Ctrl-C is the signal it always is.
"""

import asyncio
import contextlib
import errno
import os
import signal
import termios
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, TypeVar

from attrs import define, field, frozen

from .clean_text import clean
from .pager import pager, pager_environment
from .streams import Stream, is_in_front

T = TypeVar("T")

MAX_HELD: Final = 10_000  # pieces of the trace that are held while the pager has the screen
REDRAW_SECONDS: Final = 1.0  # after the trace ran over a prompt: it is shown again below
LOOK_SECONDS: Final = 0.5  # whether the program is in the foreground again
MAX_LINE_BYTES: Final = 4096  # a terminal gives no longer line

_JOB_CONTROL: Final = (signal.SIGTTIN, signal.SIGTTOU)


@frozen
class Refused:
    """What was typed is no answer; ``text`` says what would be one."""

    text: str


@define(eq=False)
class Terminal:
    """Writes what others write to ``stream``, and asks questions below it.

    ``keyboard`` is the descriptor that lines are read from; inside of ``aside()`` nothing else
    stands at the end of the screen.  Writing is thread-safe; asking belongs to one event loop, in
    the main thread.
    """

    stream: Stream
    keyboard: int
    aside: Callable[[], AbstractContextManager[object]] = nullcontext
    gone: bool = False  # nobody is at the keyboard any more
    _turn: asyncio.Lock = field(factory=asyncio.Lock)
    _writing: threading.Lock = field(factory=threading.Lock)
    _prompt: str = ""  # of the question whose turn it is
    _drawn: bool = False  # the cursor stands behind the prompt
    _loop: asyncio.AbstractEventLoop | None = None
    _redraw: asyncio.TimerHandle | None = None
    _typed: bytes = b""  # of a line that has not come whole
    _held: deque[str] | None = None  # written while the pager has the screen

    def write(self, text: str, /) -> int:
        """Write whole lines; those that run over a prompt begin below it."""
        with self._writing:
            if self._held is not None:
                self._held.append(text)
                return len(text)
            if self._drawn:
                self._drawn = False
                self.stream.write("\n")  # what was typed so far stays in sight
                assert self._loop is not None  # who drew it has one
                self._loop.call_soon_threadsafe(self._draw_later)
            return self.stream.write(text)

    def flush(self) -> None:
        """Bring out what was written."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is one."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """The stream's."""
        return self.stream.fileno()

    def is_free(self) -> bool:
        """Whether a question that is asked now is shown at once."""
        return not (self.gone or self._turn.locked()) and is_in_front(self.keyboard)

    async def ask(self, text: str, prompt: str, understand: Callable[[str], T | Refused]) -> T:
        """What ``understand`` makes of the first line that is an answer; one question at a time.

        A line that is none is told why not; an empty one shows ``text`` again.  What was typed
        before the question was shown is dropped: it was not meant for it.  Raises EOFError when
        nobody is at the keyboard.  Cancelled, the question leaves the screen's last line.
        """
        async with self._turn:
            with self.aside():
                return await self._asked(text, prompt, understand)

    async def _asked(self, text: str, prompt: str, understand: Callable[[str], T | Refused]) -> T:
        self._loop = asyncio.get_running_loop()
        await self._in_front()
        self._forget_typed()
        self._prompt = prompt
        self._loop.add_signal_handler(signal.SIGCONT, self._came_back)
        found: T | Refused = Refused(text)
        try:
            while isinstance(found, Refused):
                self._show(found.text)
                line = (await self._line()).strip()
                found = understand(line) if line else Refused(text)
            return found
        finally:
            self._loop.remove_signal_handler(signal.SIGCONT)
            self._leave()

    async def page(self, path: Path) -> None:
        """Show a file in the user's pager, which has the screen alone; the trace follows after it.

        Where there is no pager, the file's text is written like any other.
        """
        async with self._turn:
            with self.aside():
                await self._paged(path)

    async def _paged(self, path: Path) -> None:
        await self._in_front()
        words = pager()
        if not words:
            self.write(await asyncio.to_thread(path.read_text, encoding="utf-8"))
            return
        with self._writing:
            self._held = deque(maxlen=MAX_HELD)
        process = None
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                str(path),
                stdin=self.keyboard,
                stdout=self.stream.fileno(),
                env=pager_environment(),
            )
            await process.wait()
        except OSError as error:
            self.write(f"{words[0]} could not be started: {error.strerror}\n")
        finally:
            if process is not None and process.returncode is None:
                process.terminate()
                await process.wait()
            with self._writing:
                held, self._held = self._held, None
            for text in held or ():
                with contextlib.suppress(OSError, ValueError):
                    self.write(text)

    def _came_back(self) -> None:
        """Show the prompt again after a job was stopped and continued."""
        if is_in_front(self.keyboard):
            self._drawn = False
            self._draw()

    def _show(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # the terminal is gone: nobody to tell
            self.write(f"{text.rstrip()}\n")
        self._draw()

    def _draw(self) -> None:
        with self._writing, contextlib.suppress(OSError, ValueError):
            if self._prompt and not self._drawn:
                self.stream.write(self._prompt)
                self.stream.flush()
                self._drawn = True

    def _draw_later(self) -> None:
        def draw() -> None:
            self._redraw = None
            self._draw()

        if self._redraw is None and self._loop is not None:
            self._redraw = self._loop.call_later(REDRAW_SECONDS, draw)

    def _leave(self) -> None:
        with self._writing:
            if self._redraw is not None:
                self._redraw.cancel()
                self._redraw = None
            self._prompt = ""
            if self._drawn:
                self._drawn = False
                with contextlib.suppress(OSError, ValueError):
                    self.stream.write("\n")
                    self.stream.flush()

    async def _line(self) -> str:
        """The next whole line; raises EOFError."""
        while b"\n" not in self._typed:
            if self.gone:
                raise EOFError
            await self._in_front()
            await _readable(self.keyboard)
            self._typed = (self._typed + self._read())[-MAX_LINE_BYTES:]
        line, _, self._typed = self._typed.partition(b"\n")
        with self._writing:
            self._drawn = False  # the end of the line was echoed
        return clean(line.decode("utf-8", "replace"))

    def _read(self) -> bytes:
        try:
            with _undisturbed():
                data = os.read(self.keyboard, MAX_LINE_BYTES)
        except OSError as error:
            if error.errno == errno.EIO and not is_in_front(self.keyboard):
                return b""  # sent to the background a moment ago
            data = b""
        self.gone = not data
        return data

    def _forget_typed(self) -> None:
        self._typed = b""
        with _undisturbed(), contextlib.suppress(termios.error):
            termios.tcflush(self.keyboard, termios.TCIFLUSH)

    async def _in_front(self) -> None:
        """Wait while the program is in the background, where the lines are another's."""
        while not is_in_front(self.keyboard):
            await asyncio.sleep(LOOK_SECONDS)


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def arrived() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, arrived)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Get an error instead of being stopped where only the foreground may touch the terminal."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _JOB_CONTROL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
