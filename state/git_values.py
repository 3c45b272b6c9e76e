"""What git tells the lifecycle, as values; they travel between folders and are never stored."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from .work import FileChange


@frozen
class Snapshot:
    """A worktree's content as a git tree, and how it differs from the commit it started from.

    ``problems`` are sentences about things that must not leave a task (nested repositories,
    links out of the tree); with any, the snapshot must not be accepted.
    """

    tree: str
    changes: tuple[FileChange, ...]
    problems: tuple[str, ...] = ()


@frozen
class Merge:
    """A three-way merge in object space; ``conflicts`` names the paths, sorted; none: clean."""

    tree: str
    conflicts: tuple[str, ...]


@frozen
class Shadow:
    """A throw-away git folder in which agents may commit, stash and branch as they like.

    ``folder`` is writable for them; ``borrowed`` are folders of objects that it reads, at these
    very paths.  Git finds it by ``pointer``, a file to lie over ``<worktree>/.git``, or by
    ``variables``.
    """

    worktree: Path
    folder: Path
    pointer: Path
    borrowed: tuple[Path, ...]

    @property
    def variables(self) -> dict[str, str]:
        """What leads git there where nothing can lie over the worktree's own pointer."""
        return {"GIT_DIR": str(self.folder), "GIT_WORK_TREE": str(self.worktree)}


@frozen
class Fingerprint:
    """What git holds of the user's own, as it is now: names with what tells one value from another.

    ``settings`` are git's settings and hooks, ``<key>`` or ``hooks/<name>``; ``refs`` are HEAD and
    the refs but those of runs; ``files`` are the index and what is below ``info``.
    """

    settings: Mapping[str, str]
    refs: Mapping[str, str]
    files: Mapping[str, str]
