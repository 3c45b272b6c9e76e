"""Regular expressions of a model, matched in a child process that can be killed."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ...state.alive import Alarm
from .paths import Refused

MAX_SECONDS: Final = 20.0

_WORKER: Final = Path(__file__).with_name("pattern_worker.py")


class Pattern:
    """One pattern while a search lasts; use as a context manager.

    Raises Refused for a pattern that is wrong, and when the time of the whole search is over.
    """

    def __init__(self, pattern: str, most: int, seconds: float = MAX_SECONDS) -> None:
        """``most`` is how many lines of one text are told by their numbers."""
        self._pattern = pattern
        self._seconds = seconds
        self._most = most

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WORKER), str(self._most)],
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._clock = Alarm(self._seconds, self._process.kill)
        try:
            problem = self._ask(self._pattern.encode(errors="surrogatepass"))
            if problem:
                raise Refused(
                    f"The pattern is not a regular expression: {problem.decode(errors='replace')}."
                )
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def lines(self, text: bytes) -> tuple[int, list[int]]:
        """How many lines match, and the numbers of the first of them, from 0."""
        total, numbers = json.loads(self._ask(text))
        return total, numbers

    def _ask(self, data: bytes) -> bytes:
        """One frame there, one back; a child that was killed has nothing to say."""
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        try:
            requests.write(len(data).to_bytes(4, "big") + data)
            requests.flush()
            head = replies.read(4)
            size = int.from_bytes(head, "big")
            reply = replies.read(size)
            if len(head) == 4 and len(reply) == size:
                return reply
        except BrokenPipeError:
            pass
        raise Refused(
            f"The search used up its {self._seconds:g} seconds or its memory. "
            "Use a simpler pattern or a narrower path."
        )

    def _close(self) -> None:
        self._clock.cancel()
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # unsent bytes of a child that is no more
        self._process.wait()
