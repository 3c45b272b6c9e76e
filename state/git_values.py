"""What git tells the lifecycle, as values; they travel between folders and are never stored."""

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
