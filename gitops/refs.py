"""The refs of the run's store: read, compared and swapped, through dulwich.

A ref is a claim: what it points to is brought to the disk before it, so that after a power cut no
ref leads to an object that is torn.

Only one process owns a store (the run's lock), so a lock file that is there at its start was left
by one that was killed.
"""

from pathlib import Path
from threading import RLock

from dulwich.objects import ObjectID
from dulwich.refs import DiskRefsContainer, Ref

from ..state.disk import refusal
from ..state.durable import sync_file_system
from ..state.errors import GitError, RefMoved
from .names import check_commit, check_ref


class Refs:
    """The refs of one store; safe to use from several threads."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._lock = RLock()

    def tip(self, ref: str) -> str | None:
        """Where a full ref name points; null when it does not exist."""
        with self._lock:
            found = self._container().read_ref(_name(ref))
        return found.decode() if found else None

    def move(self, ref: str, new: str, old: str | None) -> None:
        """Bring a ref from ``old`` (null: it is not there) to ``new``; at ``new`` already is fine.

        Raises RefMoved, naming both commits, when it is anywhere else.
        """
        with self._lock:
            tip = self.tip(ref)
            if tip == new:
                return
            if tip != old:
                raise moved(ref, tip, old)
            self._set(ref, new)

    def put(self, ref: str, new: str, superseded: str) -> None:
        """Set a ref; where it pointed stays reachable from ``<superseded>/<commit>``."""
        with self._lock:
            tip = self.tip(ref)
            if tip is not None and tip != new:
                self._set(f"{superseded}/{tip}", tip)
            self._set(ref, new)

    def below(self, prefix: str) -> dict[str, str]:
        """The refs whose names begin with ``prefix`` and a slash, sorted, with where they point."""
        container = self._container()
        with self._lock:
            names = sorted(container.subkeys(_name(prefix)))
            found = {
                f"{prefix}/{name.decode()}": self.tip(f"{prefix}/{name.decode()}") for name in names
            }
        return {ref: tip for ref, tip in found.items() if tip is not None}

    def remove(self, ref: str) -> None:
        """Remove a ref; none there is fine."""
        with self._lock:
            self._container().remove_if_equals(_name(ref), None)

    def _set(self, ref: str, new: str) -> None:
        sync_file_system(self._store)
        try:
            self._container().set_if_equals(_name(ref), None, ObjectID(check_commit(new).encode()))
        except OSError as error:
            if refused := refusal(error, self._store):
                raise refused from error
            raise GitError(f"Ref {ref} of the run's store cannot be set: {error}.") from error

    def _container(self) -> DiskRefsContainer:
        return DiskRefsContainer(str(self._store))


def moved(ref: str, tip: str | None, expected: str | None) -> RefMoved:
    """The refusal for a ref that is not where it should be."""
    return RefMoved(
        f"{ref} already exists at {tip}, expected it {_where(expected)}: refusing to clobber it."
        if tip
        else f"{ref} does not exist, expected it {_where(expected)}: refusing to make it again.",
        "Find out who moved it and put it back, or start a run with another name.",
    )


def _where(commit: str | None) -> str:
    return f"at {commit}" if commit else "not to exist"


def _name(ref: str) -> Ref:
    return Ref(check_ref(ref).encode())
