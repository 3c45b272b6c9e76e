"""Reads and makes git objects, through dulwich's object layer: no index, hook, filter or config.

What git itself writes may be left out of our store because the user's repository happens to have
it, where nothing but chance keeps it; ``adopt`` brings such objects home.
"""

import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from threading import Lock
from typing import Final

from dulwich.object_store import DiskObjectStore
from dulwich.objects import S_ISGITLINK, Blob, Commit, ObjectID, ShaFile, Tree

from ..state.disk import disk_errors
from ..state.errors import GitError
from ..state.records import Identity
from .names import check_commit
from .program import Place, git

_LINK_TO_REPOSITORY: Final = "160000"
_NOTHING: Final = "0" * 40
_FILE: Final = 0o100644
_CHUNK: Final = 1024**2  # bytes of an object that are looked at at a time
_WRITING: Final = Lock()  # dulwich takes a second writer of the same object for a foreign lock


@contextmanager
def opened(store: Path) -> Iterator[DiskObjectStore]:
    """The objects of a store and of those it borrows from, fresh: others repack theirs any time."""
    objects = DiskObjectStore(store / "objects")
    try:
        yield objects
    finally:
        objects.close()


def tree_of(store: Path, commit: str) -> str:
    """The tree id of a commit; raises GitError."""
    with opened(store) as objects:
        return str(_commit(objects, commit).tree.decode())


def content(store: Path, tree: str, path: str, limit: int) -> bytes | None:
    """At most ``limit`` bytes of a file or link of a commit or tree; null: there is none.

    Raises GitError for an object that is not there.
    """
    with opened(store) as objects:
        try:
            found = objects[ObjectID(tree.encode())]
            if isinstance(found, Commit):
                found = objects[found.tree]
            for name in path.encode().split(b"/"):
                if not isinstance(found, Tree) or name not in found:
                    return None
                mode, object_id = found[name]
                if S_ISGITLINK(mode):
                    return None
                found = objects[object_id]
        except KeyError as error:
            raise GitError(f"Object {error.args[0]!r} of {tree} does not exist.") from None
        return found.data[:limit] if isinstance(found, Blob) else None


def commit_time(store: Path, commit: str) -> int:
    """When a commit was made, in seconds since 1970."""
    with opened(store) as objects:
        return int(_commit(objects, commit).commit_time)


def make_commit(
    store: Path,
    tree: str,
    parents: tuple[str, ...],
    message: str,
    identity: Identity,
    time: int,
) -> str:
    """Make a commit object; the same arguments always give the same id."""
    text = message.replace("\0", "").strip()
    if not text:
        raise GitError("git commit: the message is empty.")
    commit = Commit()
    commit.tree = ObjectID(check_commit(tree).encode())
    commit.parents = [ObjectID(check_commit(parent).encode()) for parent in parents]
    commit.author = commit.committer = _signature(identity)
    commit.author_time = commit.commit_time = time
    commit.author_timezone = commit.commit_timezone = 0
    commit.message = f"{text}\n".encode("utf-8", "replace")
    with opened(store) as objects:
        for needed in (tree, *parents):
            if ObjectID(needed.encode()) not in objects:
                raise GitError(f"git commit: object {needed} does not exist.")
        return _add(objects, commit)


def with_note(
    store: Path, notes: str | None, commit: str, text: str, identity: Identity, time: int
) -> str:
    """The notes commit that follows ``notes`` and gives a commit its note; ``notes`` if it has."""
    name = check_commit(commit).encode()
    blob = Blob.from_string(text.encode("utf-8", "replace"))
    with opened(store) as objects:
        tree = Tree()
        if notes is not None:
            before = objects[_commit(objects, notes).tree]
            assert isinstance(before, Tree)
            if name in before and before[name] == (_FILE, blob.id):
                return notes
            tree = before
        tree[name] = (_FILE, blob.id)
        _add(objects, blob)
        changed = _add(objects, tree)
    parents = () if notes is None else (notes,)
    return make_commit(store, changed, parents, f"note on {commit}", identity, time)


def adopt(store: Path, old: str, new: str) -> None:
    """Make every object of tree ``new`` that tree ``old`` lacks lie in the store itself.

    Raises GitError when one has vanished from the repository that lent it.
    """
    output = git(
        Place(store),
        "diff-tree",
        "-r",
        "-t",
        "-z",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        old,
        new,
    )
    wanted = {new}
    fields = iter(output.stdout.split(b"\0")[:-1])
    for head, _ in zip(fields, fields, strict=True):
        _, mode, _, object_id, _ = head.decode().split(" ")
        if mode != _LINK_TO_REPOSITORY and object_id != _NOTHING:
            wanted.add(object_id)
    with opened(store) as objects:
        for object_id in sorted(wanted):
            name = ObjectID(object_id.encode())
            if objects.contains_loose(name) or objects.contains_packed(name):
                continue
            try:
                _add(objects, objects[name])
            except KeyError:
                raise GitError(f"Object {object_id} vanished while it was being copied.") from None


def holds(store: Path, object_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the objects that can be read."""
    with opened(store) as objects:
        return tuple(each for each in object_ids if ObjectID(each.encode()) in objects)


def remove_torn(store: Path) -> None:
    """Remove the store's loose objects that are not what their names say.

    A power cut leaves such files where nothing had claimed them yet; git would take one for the
    object when the same content is written again, and every reader would stop at it.
    """
    for folder in sorted((store / "objects").glob("??")):
        for entry in sorted(os.scandir(folder), key=attrgetter("name")):
            name = folder.name + entry.name
            if entry.is_file(follow_symlinks=False) and _is_torn(entry.path, name):
                Path(entry).unlink()


def _is_torn(file: str, name: str) -> bool:
    digest, inflate = hashlib.sha1(usedforsecurity=False), zlib.decompressobj()
    try:
        with open(file, "rb", buffering=0) as source:  # noqa: PTH123 # there are many
            while chunk := source.read(_CHUNK):
                while chunk:
                    digest.update(inflate.decompress(chunk, _CHUNK))
                    chunk = inflate.unconsumed_tail
        digest.update(inflate.flush())
    except zlib.error:
        return True
    if inflate.unused_data or not inflate.eof:
        return True
    return digest.hexdigest() != name


def _commit(objects: DiskObjectStore, commit: str) -> Commit:
    try:
        found = objects[ObjectID(check_commit(commit).encode())]
    except KeyError:
        raise GitError(f"Commit {commit} does not exist.") from None
    if not isinstance(found, Commit):
        raise GitError(f"Object {commit} is not a commit.")
    return found


def _add(objects: DiskObjectStore, made: ShaFile) -> str:
    with _WRITING, disk_errors(Path(objects.path)):
        objects.add_object(made)
    return made.id.decode()


def _signature(identity: Identity) -> bytes:
    name, email = (
        "".join(char for char in text if char not in "<>" and char.isprintable()).strip(" .,;:'\"")
        for text in (identity.name, identity.email)
    )
    return f"{name or 'dispatch'} <{email.replace(' ', '')}>".encode("utf-8", "replace")
