"""Which texts of a document people and models write, and those texts without secrets.

The others are names, commands and paths: they are carried out and compared, so they stay.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from attrs import evolve, fields

from .record import Record
from .records import Run
from .redact import Redactor

# The fields of all records that hold free text, and those of texts that mean something as they are.
FREE: Final = frozenset(
    (
        "basis",
        "consequences",
        "description",
        "details",
        "message",
        "note",
        "notes",
        "objective",
        "operator_answer",
        "paused",
        "plan_markdown",
        "problem",
        "question",
        "rationale",
        "raw_text",
        "reason",
        "reasons",
        "stdout_tail",
        "summary",
        "verification_mode_rationale",
        "why",
    )
)

R = TypeVar("R", bound=Record)


def without_secrets(run: Run, known: Run | None, redactor: Redactor) -> Run:
    """A run whose free texts hold no secrets; records that ``known`` has, too, are not looked at.

    A run that holds none is given back itself.
    """
    return _record(run, known, redactor)


def record_without_secrets(record: R, redactor: Redactor) -> R:
    """The same for one record."""
    return _record(record, None, redactor)


def _record(record: R, known: R | None, redactor: Redactor) -> R:
    changes: dict[str, Any] = {}
    for each in fields(type(record)):
        old = getattr(record, each.name)
        before = None if known is None else getattr(known, each.name)
        if old is before or isinstance(old, int | float | None):
            continue
        new = _value(old, before, redactor, each.name in FREE)
        if new is not old:
            changes[each.name] = new
    return evolve(record, **changes) if changes else record


def _value(value: Any, known: Any, redactor: Redactor, free: bool) -> Any:
    """The value itself when nothing in it has to go."""
    if isinstance(value, str):
        text = redactor.text(value) if free else value
        return value if text == value else text
    if isinstance(value, Record):
        return _record(value, None, redactor)
    if isinstance(value, tuple | list):
        kept = {id(each) for each in known} if isinstance(known, tuple) else set[int]()
        made = [x if id(x) in kept else _value(x, None, redactor, free) for x in value]
        same = all(new is old for new, old in zip(made, value, strict=True))
        return value if same else type(value)(made)
    if isinstance(value, Mapping):
        pairs = {key: _value(part, None, redactor, free) for key, part in value.items()}
        return value if all(pairs[key] is value[key] for key in value) else pairs
    return value
