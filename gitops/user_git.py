"""Git in the user's own repository: read with care, written only where a run's own refs are."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from ..state.errors import UsageError
from .program import Output, Place, git

if TYPE_CHECKING:
    from ..state.records import Identity

_SWITCHES: Final[Mapping[str, Mapping[str, str]]] = {
    "filter": {"clean": "", "smudge": "", "process": "", "required": "false"},
    "diff": {"textconv": "", "command": ""},
    "merge": {"driver": "false"},
    "trailer": {"cmd": "", "command": ""},
}
# They read and write names and objects, and no content that a driver would see.
_DRIVERLESS: Final = frozenset(
    {"cat-file", "for-each-ref", "ls-tree", "rev-list", "rev-parse", "symbolic-ref", "update-ref"}
)
# What a power cut must not tear: git by itself syncs neither refs nor loose objects.
SYNCED: Final[Mapping[str, str]] = {"core.fsync": "all"}
FALLBACK_NAME: Final = "dispatch"
FALLBACK_EMAIL: Final = "dispatch@localhost"
_NOT_BARE: Final = "Use a clone with a working tree."


@frozen
class UserGit:
    """The user's repository: working tree, its git folder, and the folder of objects and refs."""

    root: Path
    git_dir: Path
    common_dir: Path

    def run(
        self, *arguments: str, stdin: bytes = b"", accept: Sequence[int] = (0,), cut: int = 0
    ) -> Output:
        """Run a git command there with every driver of the repository's configuration off.

        ``cut`` is the number of bytes after which output is dropped; 0: not at all.
        """
        place = Place(self.git_dir, self.common_dir, self.root)
        drivers = {} if arguments[0] in _DRIVERLESS else self._switched_off()
        settings = {**drivers, **SYNCED}
        if cut:
            return git(place, *arguments, stdin=stdin, settings=settings, limit=cut, cut=True)
        return git(place, *arguments, stdin=stdin, accept=accept, settings=settings)

    def text(self, *arguments: str) -> str:
        """The first line that a command prints; empty when it exits 1."""
        output = self.run(*arguments, accept=(0, 1))
        return output.stdout.decode("utf-8", "backslashreplace").split("\n", 1)[0]

    def identity(self) -> "Identity":
        """Whose name git would put on commits here, or ours where nobody is configured."""
        from ..state.records import Identity  # only here: who finds a repository needs no records

        return Identity(
            name=self._configured("user.name") or FALLBACK_NAME,
            email=self._configured("user.email") or FALLBACK_EMAIL,
        )

    def hooks_folder(self) -> str:
        """``core.hooksPath`` relative to the root, if it is a folder of the tree, else empty."""
        # The last is ours, by which our own git runs no hook; the user's is the one before it.
        *known, _ = ("", *self._configured("core.hooksPath", "--get-all").splitlines())
        configured = known[-1] if known else ""
        if not configured:
            return ""
        folder = os.path.relpath(self.root / Path(configured).expanduser(), self.root)
        is_inside = folder != "." and folder.split("/")[0] not in ("..", ".git")
        return folder if is_inside else ""

    def tip(self, ref: str) -> str | None:
        """Where a full ref name points; null when it does not exist."""
        return self.text("rev-parse", "--verify", "--quiet", "--end-of-options", ref) or None

    def _configured(self, key: str, how: str = "--get") -> str:
        place, variables = Place(self.git_dir, self.common_dir), user_variables()
        output = git(place, "config", how, key, accept=(0, 1), variables=variables)
        return output.stdout.decode("utf-8", "replace").strip()

    def _switched_off(self) -> dict[str, str]:
        place = Place(self.git_dir, self.common_dir)
        listed = git(place, "config", "--list", "--name-only", "-z", "--includes").stdout
        settings = dict[str, str]()
        for raw in listed.split(b"\0"):
            section, _, rest = os.fsdecode(raw).partition(".")
            driver = rest.rpartition(".")[0]
            for key, value in _SWITCHES.get(section, {}).items() if driver else ():
                settings[f"{section}.{driver}.{key}"] = value
        return settings


def locate(path: Path) -> UserGit:
    """The repository whose working tree holds ``path``; raises UsageError, each with a hint."""
    asked = git(
        None,
        "rev-parse",
        "--path-format=absolute",
        "--is-bare-repository",
        "--git-dir",
        "--git-common-dir",
        cwd=_folder(path),
        accept=(0, 128),
        variables=user_variables(),
    )
    if asked.code:
        if "bare repository" in asked.stderr:
            raise UsageError(f"{path.absolute()} is a bare repository.", _NOT_BARE)
        if "not a git repository" in asked.stderr:
            hint = "Run `git init` there and make a first commit, or name another folder."
            raise UsageError(f"{path.absolute()} is not a git repository.", hint)
        raise UsageError(f"Git cannot open the repository at {path}: {asked.stderr}")
    bare, git_dir, common_dir, *_ = os.fsdecode(asked.stdout).split("\n")
    if bare == "true":
        raise UsageError(f"{path.absolute()} is a bare repository.", _NOT_BARE)
    top = git(
        None,
        "rev-parse",
        "--path-format=absolute",
        "--show-toplevel",
        cwd=_folder(path),
        accept=(0, 128),
        variables=user_variables(),
    )
    root = os.fsdecode(top.stdout).rstrip("\n")
    if not root:
        raise UsageError(f"{path} is inside a git folder.", "Name the folder of the working tree.")
    return UserGit(Path(root), Path(git_dir), Path(common_dir))


def user_variables() -> dict[str, str | None]:
    """What lets git read the user's own configuration; only for commands that run nothing."""
    names = ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")
    return {name: os.environ.get(name) for name in names}


def _folder(path: Path) -> Path:
    try:
        str(path.absolute()).encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            f"The path {path!r} is not UTF-8.", "Move the repository to a plain path."
        ) from None
    if not str(path.absolute()).isprintable():
        raise UsageError(
            f"The path {str(path)!r} has control characters.",
            "Move the repository to a plain path.",
        )
    if not path.is_dir():
        raise UsageError(f"{path} is not a folder.", "Name the folder of a git repository.")
    return path
