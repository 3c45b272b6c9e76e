"""The lines that show what an agent is doing; every cap is in characters."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final

from ..state.clean_text import clean
from ..state.redact import Redactor
from .model import Delta, ModelError

VALUE_LIMIT: Final = 80
OBJECT_LIMIT: Final = 60
ARGUMENTS_LIMIT: Final = 200
FLUSH_LIMIT: Final = 240
TAIL_LIMIT: Final = 600
ERROR_LIMIT: Final = 300
BUFFER_LIMIT: Final = 64_000  # of one turn's text held back; what goes beyond is not shown
ITEMS_SHOWN: Final = 3

MARKERS: Final[Mapping[str, str]] = {"thinking": "🧠", "text": "💬"}

_SPACE = re.compile(r"\s+")


class Trace:
    """Turns one agent's stream into lines; ``write`` takes one line without its label."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        verbose: bool = False,
        redactor: Redactor | None = None,
    ) -> None:
        self._write = write
        self._verbose = verbose
        # Before anything is cut: half a secret would no longer be recognised.
        self._redacted = (redactor or Redactor()).text
        self._held = {"thinking": "", "text": ""}

    def delta(self, delta: Delta) -> None:
        """Take a piece of a turn; verbose: every line that it completes is shown."""
        held = self._held[delta.kind] + delta.text
        if self._verbose:
            *lines, held = held.split("\n")
            for line in lines:
                self._show(delta.kind, line.rstrip())
        self._held[delta.kind] = held[:BUFFER_LIMIT]

    def turn_ended(self) -> None:
        """Show what is held back of the turn: its beginning, or in verbose its last line."""
        for kind, held in self._held.items():
            self._held[kind] = ""
            if self._verbose:
                self._show(kind, one_line(held, TAIL_LIMIT))
            elif line := one_line(self._redacted(held), FLUSH_LIMIT):
                self._write(f"{kind}: {line}")

    def tool(self, name: str, arguments: Mapping[str, object] | None) -> None:
        """Show a call; null arguments are those that could not be read."""
        shown = "?" if arguments is None else call_arguments(arguments, self._redacted)
        self._write(f"→ {clean(name) or '?'}({shown})")

    def refused(self, text: str) -> None:
        """Show what a call was answered with when it did not succeed."""
        self._write(f"✗ {one_line(self._redacted(text), ARGUMENTS_LIMIT)}")

    def error(self, error: ModelError) -> None:
        """Show why the model gave no turn."""
        payload = json.dumps(
            {"kind": error.kind.value, "message": self._redacted(error.message)},
            ensure_ascii=False,
        )
        self._write(f"ERROR: {one_line(payload, ERROR_LIMIT)}")

    def note(self, text: str) -> None:
        """Show a sentence of ours."""
        self._write(one_line(self._redacted(text), ERROR_LIMIT))

    def _show(self, kind: str, line: str) -> None:
        if line.strip():
            self._write(f"{MARKERS[kind]} {clean(self._redacted(line))}")


def call_arguments(
    arguments: Mapping[str, object], redact: Callable[[str], str] = lambda text: text
) -> str:
    """``key=value`` pairs on one line; values at most 80, objects 60, the whole 200 characters."""
    pairs = (f"{key}={_value(value, redact)}" for key, value in arguments.items())
    return one_line(", ".join(pairs), ARGUMENTS_LIMIT)


def one_line(text: str, limit: int) -> str:
    """The text with runs of white space as one blank, cut to ``limit`` with an ellipsis."""
    line = _SPACE.sub(" ", clean(text[: limit * 20])).strip()
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _value(value: object, redact: Callable[[str], str]) -> str:
    match value:
        case str():
            return f'"{one_line(redact(value[:BUFFER_LIMIT]), VALUE_LIMIT)}"'
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case list() | tuple():
            if len(value) <= ITEMS_SHOWN:
                return f"[{', '.join(_value(each, redact) for each in value)}]"
            return f"[{_value(value[0], redact)}, …+{len(value) - 1}]"
        case _:
            try:
                text = json.dumps(value, ensure_ascii=False)
            except (TypeError, ValueError):
                return "{…}"
            return one_line(redact(text), OBJECT_LIMIT)
