"""What the user's past runs taught, in an SQLite file of his data folder: best effort, bounded.

Whoever loses the file loses only advice.  It holds no path, name or text of any repository.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import platformdirs

from .codec import ShapeError, structure, unstructure
from .durable import make_folder
from .errors import DispatchError
from .records import Run
from .routes import Experience, Spent

FILE: Final = "past-runs.sqlite3"
VERSION: Final = 2  # 1 had no pieces
MAX_ROWS: Final = 20_000  # of each table, the oldest go; some hundred runs of some dozen attempts
WAIT_SECONDS: Final = 5.0  # for another run that is writing
MODE: Final = 0o600

# ``experience`` is an ``Experience`` and ``spent`` a ``Spent``, as JSON, with the keys that a
# document would have.
_TABLES: Final = (
    """\
CREATE TABLE IF NOT EXISTS attempts (
    run TEXT NOT NULL, attempt TEXT NOT NULL, ended_at TEXT NOT NULL, experience TEXT NOT NULL,
    PRIMARY KEY (run, attempt)
)""",
    """\
CREATE TABLE IF NOT EXISTS pieces (
    run TEXT NOT NULL, piece INTEGER NOT NULL, ended_at TEXT NOT NULL, spent TEXT NOT NULL,
    PRIMARY KEY (run, piece)
)""",
)

T = TypeVar("T")


class PastRunsError(DispatchError):
    """The file cannot be read or written; nothing depends on it."""


def default_past_runs() -> Path:
    """Where a user's file is."""
    return platformdirs.user_data_path("dispatch") / FILE


def read_past_runs(path: Path) -> tuple[Experience, ...]:
    """How attempts turned out, in an order that does not change; raises PastRunsError."""
    query = "SELECT experience FROM attempts ORDER BY ended_at, run, attempt"
    return _read(path, query, Experience)


def read_spent(path: Path) -> tuple[Spent, ...]:
    """What pieces of work took, in an order that does not change; raises PastRunsError."""
    return _read(path, "SELECT spent FROM pieces ORDER BY ended_at, run, piece", Spent)


def note_past_run(
    path: Path,
    run: Run,
    found: Sequence[tuple[str, Experience]],
    pieces: Sequence[Spent] = (),
    most: int = MAX_ROWS,
) -> None:
    """Put down what a run taught, in place of what was put down of it; raises PastRunsError.

    Of all runs together the newest ``most`` attempts are kept, and as many pieces of work.
    """
    key = hashlib.sha256(f"{run.target_repo_path}\0{run.name}\0{run.created_at}".encode())
    name = key.hexdigest()
    attempts = [(name, attempt, each.ended_at, _text(each)) for attempt, each in found]
    ended_at = run.history[-1].at if run.history else run.created_at
    spent = [(name, number, ended_at, _text(each)) for number, each in enumerate(pieces)]
    try:
        make_folder(path.parent)
    except DispatchError as error:
        raise PastRunsError(error.message) from None
    with _opened(path) as connection:
        for table, column, rows in (("attempts", "attempt", attempts), ("pieces", "piece", spent)):
            connection.execute(f"DELETE FROM {table} WHERE run = ?", (name,))
            connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)
            connection.execute(
                f"DELETE FROM {table} WHERE rowid NOT IN "
                f"(SELECT rowid FROM {table} ORDER BY ended_at DESC, run, {column} LIMIT ?)",
                (most,),
            )


def _read(path: Path, query: str, kind: type[T]) -> tuple[T, ...]:
    if not path.exists():
        return ()
    with _opened(path) as connection:
        rows = connection.execute(query).fetchall()
    return tuple(each for (text,) in rows if (each := _record(text, kind)) is not None)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file with its tables, inside one transaction."""
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        ) as connection:
            path.chmod(MODE)
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise PastRunsError(f"{path} was written by a newer version of dispatch.")
            for table in _TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            yield connection
            connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        raise PastRunsError(f"{path} cannot be used: {error}.") from error


def _text(record: Experience | Spent) -> str:
    return json.dumps(unstructure(record))


def _record(text: object, kind: type[T]) -> T | None:
    """A row as a record; null for one that another program spoiled."""
    try:
        return structure(json.loads(str(text)), kind)
    except (ValueError, ShapeError):
        return None
