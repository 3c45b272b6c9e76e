"""Writing the document of a run: whole and durably at each change.

The text is kept in blocks, one per record in a list, cached by the identity of the (frozen) record:
a change costs the blocks it touches and one sequential write, however large the run is.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self, get_args, get_origin

from attrs import evolve, fields, frozen

from . import yaml_text
from .codec import Problem, ShapeError, key_of, structure, unstructure
from .document import DOCUMENT, PREVIOUS, load_run
from .durable import make_folder, replace, sync_file_system
from .errors import DocumentError, UsageError
from .free_text import without_secrets
from .invariants import problems
from .record import Record
from .records import Run
from .redact import Redactor

_INDENT: Final = 2
_BUG: Final = "This is a mistake in dispatch, please report it; the run is as it was before."


class DocumentStore:
    """The one writer of a run's document; whoever makes one holds the run's lock.

    Thread-safe: changes are applied one after the other, each to the result of the one before.
    ``redactor`` takes secrets out of the free texts that come in.
    """

    def __init__(self, folder: Path, run: Run, redactor: Redactor | None = None) -> None:
        self._path = folder / DOCUMENT
        self._run = run
        self._redactor = redactor or Redactor()
        self._blocks = _Blocks()
        self._one_at_a_time = threading.Lock()

    @classmethod
    def create(cls, folder: Path, run: Run, redactor: Redactor | None = None) -> Self:
        """Write the first document of a run; raises UsageError when there is one already."""
        if os.path.lexists(folder / DOCUMENT):
            raise UsageError(f"{folder} already holds a run.", "Choose another name for the run.")
        make_folder(folder)
        store = cls(folder, run, redactor)
        store._save(run, None)
        return store

    @classmethod
    def open(cls, folder: Path, redactor: Redactor | None = None) -> Self:
        """Read the document of a run; raises DocumentError."""
        return cls(folder, load_run(folder / DOCUMENT), redactor)

    @property
    def run(self) -> Run:
        """The document as it was last saved."""
        return self._run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Apply a change, save it durably, and only then return it.

        Raises DocumentError for a change that would make the document illegal, StorageError when
        the disk refuses; in both cases ``run`` and the file stay as they were.
        """
        with self._one_at_a_time:
            run = change(self._run)
            if run is not self._run:
                run = without_secrets(run, self._run, self._redactor)
                self._save(run, self._run)
                self._run = run
            return run

    def _save(self, run: Run, known: Run | None) -> None:
        try:
            data = self._blocks.text(run)  # first: what has the wrong type cannot be judged
            if found := problems(run, known):
                raise DocumentError("The change would make the document illegal:", found, _BUG)
            if len(data) > yaml_text.MAX_BYTES:
                raise ValueError(f"it is larger than {yaml_text.MAX_BYTES // 1024**2} MiB")
        except ShapeError as error:
            found = tuple(str(one) for one in error.found)
            raise DocumentError("A record of the document is wrong:", found, _BUG) from error
        except ValueError as error:
            raise DocumentError(f"The document cannot be written: {error}.", (), _BUG) from error
        # What the document is about to claim must be on the disk before it.
        sync_file_system(self._path.parent)
        replace(self._path, data, previous=PREVIOUS)


def dump_run(run: Run) -> bytes:
    """The document of a run as it is written to disk; raises ShapeError."""
    return _Blocks().text(run)


class _Blocks:
    """The text of each list of records, kept per record as long as the record is in the list."""

    def __init__(self) -> None:
        self._sections: dict[str, _Section] = {}

    def text(self, run: Run) -> bytes:
        """The whole document; only records that were not in the last one are written anew."""
        header = unstructure(evolve(run, **_NO_RECORDS))
        structure(header, Run)
        return b"".join(
            self._section(_LISTS[key], getattr(run, _LISTS[key]))
            if key in _LISTS
            else yaml_text.entry(key, value).encode()
            for key, value in header.items()
        )

    def _section(self, name: str, records: tuple[Record, ...]) -> bytes:
        key = key_of(name)
        old = self._sections.get(name)
        if old is not None and old.records is records:
            return old.text
        blocks: dict[int, tuple[Record, bytes]] = {}
        for place, record in enumerate(records):
            kept = old.blocks.get(id(record)) if old else None
            blocks[id(record)] = kept or (record, _block(key, place, record, _KINDS[name]))
        text = b"".join((f"{key}:\n".encode(), *(blocks[id(each)][1] for each in records)))
        if not records:
            text = f"{key}: []\n".encode()
        self._sections[name] = _Section(records, text, blocks)
        return text


@frozen
class _Section:
    """One list of the document.

    Each block holds its record: as long as that lives, no other record can have its identity.
    """

    records: tuple[Record, ...]
    text: bytes
    blocks: dict[int, tuple[Record, bytes]]


def _block(key: str, place: int, record: Record, kind: type[Record]) -> bytes:
    """The text of one record, which is first held against its class as if it were read."""
    raw = unstructure(record)
    try:
        structure(raw, kind)
    except ShapeError as error:
        found = (Problem((key, place, *one.path), one.what) for one in error.found)
        raise ShapeError(found) from error
    return yaml_text.item(raw, _INDENT).encode()


def _record_lists() -> dict[str, type[Record]]:
    """The fields of a run that hold lists of records, and what they hold."""
    found = {}
    for field in fields(Run):
        kinds = get_args(field.type) if get_origin(field.type) is tuple else ()
        if kinds and issubclass(kinds[0], Record):
            found[field.name] = kinds[0]
    return found


_KINDS: Final = _record_lists()
_NO_RECORDS: Final[dict[str, Any]] = dict.fromkeys(_KINDS, ())
_LISTS: Final = {key_of(name): name for name in _KINDS}
