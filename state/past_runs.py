"""What the user's past runs taught, in an SQLite file of his data folder: best effort, bounded.

Whoever loses the file loses only advice.  It holds no path, name or text of any repository.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import platformdirs

from .codec import ShapeError, structure, unstructure
from .durable import make_folder
from .errors import DispatchError
from .records import Run
from .routes import Experience

FILE: Final = "past-runs.sqlite3"
VERSION: Final = 1
MAX_ROWS: Final = 20_000  # the oldest go; some hundred runs of some dozen attempts
WAIT_SECONDS: Final = 5.0  # for another run that is writing
MODE: Final = 0o600

# ``experience`` is an ``Experience`` as JSON, with the keys that a document would have.
_TABLE: Final = """\
CREATE TABLE IF NOT EXISTS attempts (
    run TEXT NOT NULL, attempt TEXT NOT NULL, ended_at TEXT NOT NULL, experience TEXT NOT NULL,
    PRIMARY KEY (run, attempt)
)"""


class PastRunsError(DispatchError):
    """The file cannot be read or written; nothing depends on it."""


def default_past_runs() -> Path:
    """Where a user's file is."""
    return platformdirs.user_data_path("dispatch") / FILE


def read_past_runs(path: Path) -> tuple[Experience, ...]:
    """Everything that is known, in an order that does not change; raises PastRunsError."""
    if not path.exists():
        return ()
    with _opened(path) as connection:
        rows = connection.execute(
            "SELECT experience FROM attempts ORDER BY ended_at, run, attempt"
        ).fetchall()
    return tuple(each for (text,) in rows if (each := _experience(text)) is not None)


def note_past_run(
    path: Path, run: Run, found: Sequence[tuple[str, Experience]], most: int = MAX_ROWS
) -> None:
    """Put down what a run taught, in place of what was put down of it; raises PastRunsError.

    Of all runs together the newest ``most`` attempts are kept.
    """
    key = hashlib.sha256(f"{run.target_repo_path}\0{run.name}\0{run.created_at}".encode())
    name = key.hexdigest()
    rows = [
        (name, attempt, each.ended_at, json.dumps(unstructure(each))) for attempt, each in found
    ]
    try:
        make_folder(path.parent)
    except DispatchError as error:
        raise PastRunsError(error.message) from None
    with _opened(path) as connection:
        connection.execute("DELETE FROM attempts WHERE run = ?", (name,))
        connection.executemany("INSERT INTO attempts VALUES (?, ?, ?, ?)", rows)
        connection.execute(
            "DELETE FROM attempts WHERE rowid NOT IN "
            "(SELECT rowid FROM attempts ORDER BY ended_at DESC, run, attempt LIMIT ?)",
            (most,),
        )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file with its table, inside one transaction."""
    try:
        with contextlib.closing(
            sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        ) as connection:
            path.chmod(MODE)
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise PastRunsError(f"{path} was written by a newer version of dispatch.")
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            yield connection
            connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        raise PastRunsError(f"{path} cannot be used: {error}.") from error


def _experience(text: object) -> Experience | None:
    """A row as a record; null for one that another program spoiled."""
    try:
        return structure(json.loads(str(text)), Experience)
    except (ValueError, ShapeError):
        return None
