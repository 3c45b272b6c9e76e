"""The user's repository as a run meets it: what is refused, what is warned of, what is recorded."""

import os
from pathlib import Path
from typing import Final

from attrs import frozen

from ..state.errors import RefMoved, UsageError
from ..state.records import Identity
from .names import RUN_FOLDER, branch_ref
from .program import check_git_version, shown
from .user_git import UserGit, locate

UNCOMMITTED_LIMIT: Final = 1000  # paths that are named; a warning needs no more
_STATUS_LIMIT: Final = 4 * 1024 * 1024  # bytes of status output that are read
_ATTRIBUTES_LIMIT: Final = 1024 * 1024  # bytes of one .gitattributes that are read
_RUNS: Final = f"?? {RUN_FOLDER}/".encode()  # as git's status tells of it
_UNFINISHED: Final = (
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply", "rebase or `git am`"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer", "cherry-pick or revert"),
    ("BISECT_LOG", "bisect"),
)


@frozen
class Target:
    """The user's repository; ``branch`` is null when HEAD is detached."""

    git: UserGit
    head: str
    branch: str | None
    warnings: tuple[str, ...]

    @property
    def root(self) -> Path:
        """The top folder of the working tree."""
        return self.git.root

    @property
    def git_dir(self) -> Path:
        """The git folder of this working tree."""
        return self.git.git_dir

    @property
    def common_dir(self) -> Path:
        """The git folder that all working trees of the repository share."""
        return self.git.common_dir

    def identity(self) -> Identity:
        """Whose name git would put on commits here, or ours where nobody is configured."""
        return self.git.identity()

    def uncommitted(self) -> tuple[str, ...]:
        """Paths that differ from HEAD or are untracked, sorted; at most ``UNCOMMITTED_LIMIT``.

        Folders of runs are none: git is told to ignore them only after the first one is made.
        """
        output = self.git.run(
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
            "--untracked-files=normal",
            "--ignore-submodules=all",
            cut=_STATUS_LIMIT,
        )
        records = output.stdout.split(b"\0")
        # The last record is empty, or was cut in the middle.
        paths = sorted(shown(each[3:]) for each in records[:-1] if each != _RUNS)
        return tuple(paths)[:UNCOMMITTED_LIMIT]

    def branch_tip(self, name: str) -> str | None:
        """Where a branch of the user's points; null when it does not exist."""
        return self.git.tip(branch_ref(name))

    def reuses_branch(self, name: str, expected: str) -> bool:
        """Whether a branch is there already, at ``expected``; raises RefMoved when elsewhere."""
        tip = self.branch_tip(name)
        if tip not in (None, expected):
            raise RefMoved(
                f"Branch {name} already exists at {tip}, not at {expected}: "
                "refusing to clobber it.",
                "Rename or delete the branch, or give the run another name.",
            )
        return tip is not None

    def checked_out_at(self, branch: str) -> Path | None:
        """The working tree of the user's that has a branch checked out."""
        return checked_out_at(self.git, branch)

    def exclude_run_folder(self) -> None:
        """Make git ignore ``/dispatch/`` through ``info/exclude``; harmless when repeated.

        Raises UsageError when the repository tracks files there or the folder is a link.
        """
        check_run_folder(self.git)
        exclude = self.common_dir / "info" / "exclude"
        line = f"/{RUN_FOLDER}/".encode()
        text = exclude.read_bytes() if exclude.exists() else b""
        if line in (each.strip() for each in text.split(b"\n")):
            return
        exclude.parent.mkdir(exist_ok=True)
        with exclude.open("ab") as file:
            file.write((b"\n" if text and not text.endswith(b"\n") else b"") + line + b"\n")


def open_target(path: Path) -> Target:
    """The repository at ``path``, fit for a run; raises UsageError before anything is made."""
    check_git_version()
    user = locate(path)
    _check_kind(user)
    _check_nothing_unfinished(user)
    head = user.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not head:
        raise UsageError(f"{user.root} has no commits.", "Make a first commit.")
    check_run_folder(user)
    branch = user.text("symbolic-ref", "--quiet", "--short", "HEAD")
    return Target(user, head, branch or None, _warnings(user, head))


def check_run_folder(user: UserGit) -> None:
    """Raise UsageError when ``dispatch/`` is a link or holds tracked files."""
    folder = user.root / RUN_FOLDER
    if folder.is_symlink():
        raise UsageError(f"{folder} is a symbolic link.", "Remove it: runs keep their files there.")
    tracked = user.run("ls-files", "-z", "--", RUN_FOLDER, cut=_STATUS_LIMIT).stdout
    if tracked:
        first = shown(tracked.split(b"\0", 1)[0])
        raise UsageError(
            f"The repository tracks {first}, and runs keep their files in {RUN_FOLDER}/.",
            "Rename that folder in the repository.",
        )


def checked_out_at(user: UserGit, branch: str) -> Path | None:
    """The existing working tree of the user's that has a branch checked out."""
    wanted = f"branch {branch_ref(branch)}".encode()
    for entry in user.run("worktree", "list", "--porcelain", "-z").stdout.split(b"\0\0"):
        fields = entry.split(b"\0")
        path = Path(os.fsdecode(fields[0].removeprefix(b"worktree ")))
        if wanted in fields and path.exists():
            return path
    return None


def _check_kind(user: UserGit) -> None:
    configured = user.run("config", "--list", "-z").stdout.decode("utf-8", "replace")
    settings = {
        key: value for key, _, value in (each.partition("\n") for each in configured.split("\0"))
    }
    if settings.get("extensions.objectformat", "sha1") != "sha1":
        raise UsageError(
            f"{user.root} uses SHA-256 object names.", "Use a repository with SHA-1 names."
        )
    if settings.get("extensions.refstorage", "files") != "files":
        raise UsageError(
            f"{user.root} keeps its refs as {settings['extensions.refstorage']}.",
            "Convert it with `git refs migrate --ref-format=files`.",
        )
    if user.text("rev-parse", "--is-shallow-repository") == "true":
        raise UsageError(f"{user.root} is a shallow clone.", "Run `git fetch --unshallow` first.")
    partial = "extensions.partialclone" in settings or any(
        key.startswith("remote.") and key.endswith((".promisor", ".partialclonefilter"))
        for key in settings
    )
    if partial:
        raise UsageError(
            f"{user.root} is a partial clone: some of its objects are only at the remote.",
            "Use a full clone.",
        )


def _check_nothing_unfinished(user: UserGit) -> None:
    for name, work in _UNFINISHED:
        if (user.git_dir / name).exists():
            raise UsageError(f"A {work} is unfinished in {user.root}.", "Finish or abort it first.")


def _warnings(user: UserGit, head: str) -> tuple[str, ...]:
    submodules, filtered = list[str](), list[str]()
    for record in user.run("ls-tree", "-r", "-z", head).stdout.split(b"\0")[:-1]:
        details, _, path = record.partition(b"\t")
        mode, _, object_id = details.decode().split(" ")
        if mode == "160000":
            submodules.append(shown(path))
        elif mode == "100644" and path.rsplit(b"/", 1)[-1] == b".gitattributes":
            text = user.run("cat-file", "blob", object_id, cut=_ATTRIBUTES_LIMIT).stdout
            if any(b"filter=" in line.split(b"#", 1)[0] for line in text.split(b"\n")):
                filtered.append(shown(path))
    warnings = list[str]()
    if submodules:
        names = ", ".join(submodules[:5])
        warnings.append(f"Submodules stay empty in the run's worktrees: {names}.")
    if filtered:
        names = ", ".join(filtered[:5])
        warnings.append(
            f"Filters (such as Git LFS) are not run; files that {names} gives one "
            "are seen as git stores them and cannot be changed by tasks."
        )
    if (user.git_dir / "info" / "sparse-checkout").exists():
        warnings.append("The checkout is sparse; the run's worktrees are full.")
    return tuple(warnings)
