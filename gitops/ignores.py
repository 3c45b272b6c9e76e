"""The ignore rules of a commit as one list of patterns, whatever a worktree's own files say.

An agent may write ``.gitignore`` files; they must not hide what it did, so git is given the rules
of the commit the agent started from and told to read no others.
"""

from functools import lru_cache
from pathlib import Path
from typing import Final

from .program import Place, git

_FILE: Final = b".gitignore"
_SPECIAL: Final = b"\\*?["
_BOM: Final = b"\xef\xbb\xbf"
_KEPT_COMMITS: Final = 64  # every turn asks for the one its agent began from


def rules_of(store: Path, commit: str) -> bytes:
    """The store's own exclusions and every ``.gitignore`` of a commit id, as one exclude file."""
    exclude = store / "info" / "exclude"
    own = exclude.read_bytes() if exclude.is_file() else b""
    return b"\n".join((own, *_committed(store, commit))) + b"\n"


@lru_cache(maxsize=_KEPT_COMMITS)
def _committed(store: Path, commit: str) -> tuple[bytes, ...]:
    rules = list[bytes]()
    found = list[tuple[bytes, str]]()
    for record in git(Place(store), "ls-tree", "-r", "-z", commit).stdout.split(b"\0")[:-1]:
        details, _, path = record.partition(b"\t")
        mode, _, object_id = details.decode().split(" ")
        folder, _, name = path.rpartition(b"/")
        if name == _FILE and mode.startswith("100"):
            found.append((folder, object_id))
    # The last match decides, and deeper files decide over those above them.
    for folder, object_id in sorted(found, key=lambda each: (each[0].count(b"/"), each[0])):
        text = git(Place(store), "cat-file", "blob", object_id).stdout
        rules.append(anchored(text, folder))
    return tuple(rules)


def anchored(text: bytes, folder: bytes) -> bytes:
    """The patterns of a ``.gitignore`` in ``folder`` rewritten to mean the same at the root."""
    lines = (line.removesuffix(b"\r") for line in text.removeprefix(_BOM).split(b"\n"))
    patterns = [line for line in lines if line and not line.startswith(b"#")]
    if not folder:
        return b"\n".join(patterns)
    start = b"/" + b"".join(b"\\" + bytes([c]) if c in _SPECIAL else bytes([c]) for c in folder)
    return b"\n".join(_under(start, pattern) for pattern in patterns)


def _under(start: bytes, pattern: bytes) -> bytes:
    negated = b"!" if pattern.startswith(b"!") else b""
    rest = pattern.removeprefix(negated)
    # Without a slash before its end a pattern holds at any depth.
    deep = b"/" not in rest.rstrip(b" ").removesuffix(b"/")
    return negated + start + (b"/**/" if deep else b"/") + rest.removeprefix(b"/")
