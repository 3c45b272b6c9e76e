"""Brings commits and refs of the run into the user's repository, and nothing else.

The objects arrive as one pack that a ``.keep`` file protects from the user's ``gc`` until a ref
holds them; then the ref is compared and swapped.  Both are brought to the disk: the user's
repository may lie on another file system than the run.  Locks that others hold are waited for,
never removed (what a killed git of the run's own left is put away by ``left_locks``).
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Final

from ..state.alive import alive_seconds
from ..state.durable import sync_file_system
from ..state.errors import GitError, RefMoved, StorageError
from .objects import holds
from .program import Place, git
from .refs import moved
from .target import checked_out_at
from .user_git import SYNCED, UserGit

PATIENCE_SECONDS: Final = 5.0  # how long a lock of the user's repository is waited for
_PAUSE_SECONDS: Final = 0.05
_EMPTY_PACK: Final = 32  # bytes: header and checksum
_NOT_THERE: Final = "0" * 40
_TRIES: Final = 5  # when the user's gc runs at the same time


class Publication:
    """The user's repository as far as one run writes to it."""

    def __init__(
        self, user: UserGit, store: Path, run_name: str, patience: float = PATIENCE_SECONDS
    ) -> None:
        self._user = user
        self._store = store
        self._prefix = f"refs/dispatch/{run_name}"
        self._mark = f"dispatch {run_name}\n".encode()
        self._patience = patience
        self._lock = Lock()  # one pack at a time: the next must not lose its mark

    def pin(self, base: str) -> None:
        """Keep the base commit alive; raises RefMoved when the name stands for another."""
        ref = f"{self._prefix}/base"
        tip = self._user.tip(ref)
        if tip not in (None, base):
            raise moved(ref, tip, base)
        self._swap(ref, base, tip)

    def branch(
        self, ref: str, commit: str, expected: str | None, replaced: Sequence[str] = ()
    ) -> None:
        """Bring a branch from ``expected`` to ``commit``; at ``commit`` already is fine.

        Raises RefMoved when it is elsewhere, or ``expected`` is neither an ancestor nor one of
        ``replaced``, which is first made reachable beside the branch; GitError when a
        working tree of the user's has it checked out.
        """
        tip = self._user.tip(ref)
        if tip != commit:
            self._check_branch(ref, tip, commit, expected, replaced)
            if tip is not None and not is_ancestor(self._store, tip, commit):
                self._keep_superseded(tip)
        self._bring(ref, commit, tip)

    def ref(self, ref: str, commit: str) -> None:
        """Make a ref of the run's own; where it pointed stays reachable beside it."""
        if not ref.startswith(f"{self._prefix}/"):
            raise GitError(f"{ref} is not below {self._prefix}/.")
        tip = self._user.tip(ref)
        if tip not in (None, commit):
            self._keep_superseded(str(tip))
        self._bring(ref, commit, tip)

    def notes(self, ref: str, commit: str) -> None:
        """Bring the run's notes; raises RefMoved when somebody else wrote some."""
        tip = self._user.tip(ref)
        known = holds(self._store, (tip,) if tip else ())
        if tip and not (known and is_ancestor(self._store, tip, commit)):
            raise moved(ref, tip, commit)
        self._bring(ref, commit, tip)

    def _keep_superseded(self, tip: str) -> None:
        """Keep where a ref of ours pointed; a repetition changes nothing."""
        ref = f"{self._prefix}/superseded/{tip}"
        self._swap(ref, tip, self._user.tip(ref))

    def _check_branch(
        self,
        ref: str,
        tip: str | None,
        commit: str,
        expected: str | None,
        replaced: Sequence[str],
    ) -> None:
        if tip != expected:
            raise moved(ref, tip, expected)
        ours = expected is None or expected in replaced
        if not ours and not is_ancestor(self._store, expected or "", commit):
            raise RefMoved(
                f"{ref} is at {expected}, which is not an ancestor of {commit}: "
                "refusing to clobber it.",
                "Rename the branch, then repeat the command.",
            )
        at = checked_out_at(self._user, ref)
        if at is not None:
            raise GitError(
                f"{ref} is checked out at {at}, where it must not move.",
                "Check out another branch there, then repeat the command.",
            )

    def _bring(self, ref: str, commit: str, old: str | None) -> None:
        with self._lock:
            if old != commit:
                self._receive(commit, old)
                self._swap(ref, commit, old)
            self._release()

    def _receive(self, commit: str, old: str | None) -> None:
        """Have everything that ``commit`` needs in the user's repository, whatever its gc does."""
        for left in reversed(range(_TRIES)):
            try:
                self._send(commit, old)
                self._check_whole(commit)
                break
            except GitError:
                if not left:
                    raise

    def _send(self, commit: str, old: str | None) -> None:
        """Put the objects that ``commit`` needs into the user's repository, marked to be kept."""
        theirs = (old, self._user.tip(f"{self._prefix}/base"))
        there = holds(self._store, tuple(each for each in theirs if each))
        wanted = "".join([f"{commit}\n", *(f"^{each}\n" for each in there)]).encode()
        with tempfile.TemporaryDirectory(prefix="publish-", dir=self._store) as folder:
            pack = f"{folder}/pack"
            options = ("--revs", "--quiet", "--delta-base-offset")
            made = git(Place(self._store), "pack-objects", *options, pack, stdin=wanted)
            name = made.stdout.decode().strip()
            packed = Path(f"{pack}-{name}.pack")
            if packed.stat().st_size == _EMPTY_PACK:
                return
            with packed.open("rb") as file:
                mark = self._mark.decode().strip()
                place = Place(self._user.common_dir)
                arguments = ("index-pack", "--stdin", f"--keep={mark}")
                git(place, *arguments, stdin=file, settings=SYNCED)

    def _check_whole(self, commit: str) -> None:
        """Raise GitError unless the user's repository has everything that ``commit`` needs."""
        base = self._user.tip(f"{self._prefix}/base")
        known = ("--not", base) if base else ()
        place = Place(self._user.common_dir)
        git(place, "rev-list", "--objects", "--quiet", commit, *known)

    def _swap(self, ref: str, new: str, old: str | None) -> None:
        swap_ref(self._user, ref, new, old, self._patience)

    def _release(self) -> None:
        """Let the user's gc have the packs again, also those of a publication that was killed."""
        for keep in sorted((self._user.common_dir / "objects" / "pack").glob("*.keep")):
            try:
                if keep.read_bytes() == self._mark:
                    keep.unlink()
            except FileNotFoundError:
                continue


def is_ancestor(store: Path, old: str, new: str) -> bool:
    """Whether ``old`` is reachable from ``new`` in the store; raises GitError for unknown ones."""
    arguments = ("merge-base", "--is-ancestor", old, new)
    return git(Place(store), *arguments, accept=(0, 1)).code == 0


def swap_ref(
    user: UserGit, ref: str, new: str | None, old: str | None, patience: float = PATIENCE_SECONDS
) -> None:
    """Compare and swap, or with null delete, a ref of the user's; waits ``patience`` seconds.

    What it points to is on the disk before it is set, and it is when this returns.
    Raises RefMoved when it is not at ``old``, StorageError when somebody holds its lock all the
    time: nothing failed then, and nobody but the user knows whether that somebody lives.
    """
    deadline = alive_seconds() + patience
    expected = old or _NOT_THERE
    change = ("-d", ref, expected) if new is None else (ref, new, expected)
    sync_file_system(user.common_dir)
    while True:
        # Never through a symbolic ref: it could lead to a branch of the user's.
        output = user.run("update-ref", "--no-deref", *change, accept=(0, 1, 128))
        tip = new if output.code == 0 else user.tip(ref)
        if tip == new:
            sync_file_system(user.common_dir)
            return
        if tip != old:
            raise moved(ref, tip, old)
        if alive_seconds() >= deadline:
            raise StorageError(
                f"{ref} of {user.root} could not be changed: {output.stderr}",
                "Another git process may hold the lock; when none runs, remove the lock file. "
                "Then run the same command again.",
            )
        time.sleep(_PAUSE_SECONDS)
