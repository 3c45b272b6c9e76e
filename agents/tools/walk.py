"""The files of a tree in one stable order, without what git ignores, within stated bounds."""

from collections.abc import Iterator
from typing import Final

from ...state.alive import alive_seconds
from ...state.disk import refusal
from . import ignore
from .paths import Refused
from .tree import MAX_ENTRIES, Tree

MAX_DEPTH: Final = 64
MAX_SECONDS: Final = 15.0  # less than a pattern has, so that a long walk ends with what it found
ALWAYS_LEFT_OUT: Final = frozenset({"node_modules"})

_MAX_IGNORE_BYTES: Final = 1 << 20

Names = tuple[str, ...]


class Walk:
    """One pass over the files beneath a path; ``stopped`` says why it ended early, if it did.

    A path that is ignored is searched all the same when it is the starting point itself.
    """

    def __init__(self, tree: Tree, raw: str) -> None:
        self.stopped = ""
        self._tree = tree
        self.start, self.is_folder = tree.start(raw)
        self._entries = 0
        self._end = alive_seconds() + MAX_SECONDS

    def __iter__(self) -> Iterator[Names]:
        """Plain files as names from the root, sorted by name in every folder."""
        if not self.is_folder:
            yield self.start
            return
        files: list[ignore.IgnoreFile] = [ignore.parse(self._tree.exclude_file(), 0)]
        for depth in range(len(self.start)):
            files.append(self._ignore_file(self.start[:depth]))
        yield from self._folder(self.start, files)

    def _folder(self, names: Names, above: list[ignore.IgnoreFile]) -> Iterator[Names]:
        try:
            listing = self._tree.listing(names, MAX_ENTRIES + 1)
        except OSError as error:
            if refusal(error):
                raise
            return  # removed, replaced by a link, or not ours to read: nothing to find there
        files = above
        if any(name == ".gitignore" for name, _ in listing):
            files = [*above, self._ignore_file(names)]
        for name, is_folder in listing:
            self._entries += 1
            if self._over():
                return
            here = (*names, name)
            if name in ALWAYS_LEFT_OUT or ignore.ignored(files, here, is_folder):
                continue
            if not is_folder:
                yield here
            elif len(here) > MAX_DEPTH:
                self.stopped = f"folders more than {MAX_DEPTH} deep were left out"
            else:
                yield from self._folder(here, files)

    def _over(self) -> bool:
        if self._entries > MAX_ENTRIES:
            self.stopped = f"stopped after {MAX_ENTRIES:,} entries; search a narrower path"
            return True
        if alive_seconds() > self._end:
            self.stopped = f"stopped after {MAX_SECONDS:.0f} seconds; search a narrower path"
            return True
        return False

    def _ignore_file(self, names: Names) -> ignore.IgnoreFile:
        try:
            text = self._tree.read_names((*names, ".gitignore"), _MAX_IGNORE_BYTES)
        except (OSError, Refused):
            text = b""
        return ignore.parse(text, len(names))
