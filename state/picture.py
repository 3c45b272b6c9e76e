"""A picture of several lines that stands below everything that is written to a terminal.

The terminal stays as the user has it: no other screen, no hidden cursor, nothing to put back.  So
whatever ends the program, what was written stays and the next prompt stands below it.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import define, field, frozen

from .streams import Stream, is_in_front

FEWEST_COLUMNS: Final = 20
FEWEST_ROWS: Final = 4
DUMB: Final = ("", "dumb", "unknown")  # terminals whose cursor does not go up

_NO_WRAP: Final = "\x1b[?7l"
_WRAP: Final = "\x1b[?7h"
_CLEAR_BELOW: Final = "\x1b[J"


@frozen
class Row:
    """A line of the picture with its colours, and how many columns it takes."""

    text: str
    cells: int


@define(eq=False)
class Picture:
    """Writes what others write to ``stream``, and keeps the rows that are shown below it.

    Without a terminal whose cursor goes up, by ``environ``'s TERM, nothing is ever shown.
    Thread-safe.
    """

    stream: Stream
    environ: Mapping[str, str] = field(factory=lambda: os.environ)
    _rows: tuple[Row, ...] = ()
    _drawn: tuple[Row, ...] = ()  # what stands on the screen, the cursor in the line below it
    _aside: int = 0  # how many want the last lines for themselves
    _one_at_a_time: threading.RLock = field(factory=threading.RLock)

    def can_show(self) -> bool:
        """Whether the stream is a terminal that pictures can be drawn on."""
        with contextlib.suppress(OSError, ValueError):
            return self.stream.isatty() and self.environ.get("TERM", "") not in DUMB
        return False

    def size(self) -> tuple[int, int]:
        """Columns and rows that a picture may have now; (0, 0) when there is no room for one."""
        try:
            columns, rows = os.get_terminal_size(self.stream.fileno())
        except (OSError, ValueError):
            return 0, 0
        # The last column stays free: a terminal may go on to the next line behind it.
        fits = columns > FEWEST_COLUMNS and rows > FEWEST_ROWS
        return (columns - 1, rows - 1) if fits else (0, 0)

    def show(self, rows: Sequence[Row]) -> None:
        """Have these rows below everything from now on; none: nothing."""
        with self._one_at_a_time, contextlib.suppress(OSError, ValueError):
            if not self.can_show():
                return
            self._rows = tuple(rows)
            if self._rows != self._drawn:
                self._put("")

    @property
    def is_aside(self) -> bool:
        """Whether the last lines are somebody else's now."""
        return self._aside > 0

    def forget(self) -> None:
        """Somebody else wrote below the picture: it stays there, and is drawn again further down.

        To be called when the program was stopped and goes on.
        """
        with self._one_at_a_time:
            self._drawn = ()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Inside of it the last lines are the caller's; what stood there stays above them."""
        with self._one_at_a_time:
            self._aside += 1
            self._drawn = ()
        try:
            yield
        finally:
            with self._one_at_a_time:
                self._aside -= 1

    def write(self, text: str, /) -> int:
        """Write whole lines; the picture stands below them afterwards."""
        with self._one_at_a_time:
            return self._put(text)

    def flush(self) -> None:
        """Bring out what was written."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is one."""
        return self.stream.isatty()

    def fileno(self) -> int:
        """The stream's."""
        return self.stream.fileno()

    def _put(self, text: str) -> int:
        """Write text where the picture was, and the picture below it, in one piece."""
        if not (self._drawn or self._rows):
            return self.stream.write(text)
        # A background job has no place on the screen: what stands there is another's.
        in_front = is_in_front(self.stream.fileno())
        rows = self._rows if in_front and not self._aside else ()
        erase = self._erased() if in_front else ""
        picture = "".join(f"{row.text}\r\n" for row in rows)
        drawn = f"{_NO_WRAP}{picture}{_WRAP}" if rows else ""
        self.stream.write(f"{erase}{text}{drawn}")
        self.stream.flush()
        self._drawn = rows
        return len(text)

    def _erased(self) -> str:
        """What takes the picture off the screen, also where a narrower one broke its rows."""
        if not self._drawn:
            return ""
        try:
            columns = max(1, os.get_terminal_size(self.stream.fileno()).columns)
        except (OSError, ValueError):
            columns = max(row.cells for row in self._drawn) + 1
        lines = sum(max(1, -(-row.cells // columns)) for row in self._drawn)
        return f"\r\x1b[{lines}A{_CLEAR_BELOW}"
