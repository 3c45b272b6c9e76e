"""A program's output as events: lines put together and bounded, in the thread that hears them."""

from collections.abc import Callable
from typing import Final

from attrs import define, field

from ..executors.delegation import Event

MAX_LINE_BYTES: Final = 8 * 1024 * 1024  # a longer line is nobody's event
MAX_OUTPUT_BYTES: Final = 512 * 1024 * 1024  # of one process, on its standard output
MAX_EVENTS: Final = 4096  # of one process, kept for the judgement at its end


@define
class Lines:
    """Calls ``take`` with the events of each piece that completes a line.

    ``flooded`` once the program has written more than ``limit``, which no honest one does.
    """

    parse: Callable[[str], tuple[Event, ...]]
    take: Callable[[tuple[Event, ...]], None]
    limit: int = MAX_OUTPUT_BYTES
    flooded: bool = field(default=False, init=False)
    _held: bytearray = field(factory=bytearray, init=False)
    _is_too_long: bool = field(default=False, init=False)
    _total: int = field(default=0, init=False)

    def heard(self, data: bytes) -> None:
        """Take what the program said next."""
        self._total += len(data)
        if self._total > self.limit:
            self.flooded = True
            return
        *ends, rest = data.split(b"\n")
        events: list[Event] = []
        for end in ends:
            events += self._line(end)
        if len(self._held) + len(rest) > MAX_LINE_BYTES:
            self._held.clear()
            self._is_too_long = True
        elif not self._is_too_long:
            self._held += rest
        if events:
            self.take(tuple(events))

    def rest(self) -> tuple[Event, ...]:
        """What a last line without an end means; half a line means nothing to any parser."""
        return self._line(b"")

    def _line(self, end: bytes) -> tuple[Event, ...]:
        line, too_long = bytes(self._held) + end, self._is_too_long
        self._held.clear()
        self._is_too_long = False
        if too_long or len(line) > MAX_LINE_BYTES or not line.strip():
            return ()
        return self.parse(line.decode("utf-8", "replace"))
