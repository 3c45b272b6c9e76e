"""A user with a git repository: commits, branches, hooks and settings of a user's own."""

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from attrs import frozen
from dulwich.objects import Blob, ObjectID, Tree

from dispatch.gitops.objects import opened
from dispatch.gitops.program import Output, Place, git
from dispatch.gitops.store import RunRepository
from dispatch.state.records import Identity

WRITER = Identity(name="Ann Author", email="ann@example.org")
TIME = 1_700_000_000
_OURS = ("heads/dispatch", "notes/dispatch", "dispatch")
BASE_FILES = {"a.txt": "one\ntwo\nthree\n", "lib/b.txt": "b\n", ".gitignore": "*.o\ncache/\n"}


@frozen
class User:
    """Somebody at a terminal in ``root``; ``home`` holds the user's own git settings."""

    root: Path
    home: Path

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run git as a user does: hooks, filters and settings apply; stdout without the end."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "User",
            "GIT_AUTHOR_EMAIL": "user@example.org",
            "GIT_COMMITTER_NAME": "User",
            "GIT_COMMITTER_EMAIL": "user@example.org",
            "GIT_AUTHOR_DATE": f"{TIME} +0000",
            "GIT_COMMITTER_DATE": f"{TIME} +0000",
        }
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.root,
            env=environment,
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise AssertionError(f"git {arguments}: {done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace").rstrip("\n")

    def write(self, files: dict[str, str]) -> None:
        """Write files into the working tree."""
        write(self.root, files)

    def commit(self, message: str = "more") -> str:
        """Commit everything; the commit's id."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD")

    def gc(self) -> None:
        """Throw away whatever no ref of the user's holds."""
        self.git("gc", "--quiet", "--prune=now")

    def fingerprint(self) -> dict[str, str]:
        """Everything in the git folder but objects and our refs, and the working tree's files."""
        found = dict[str, str]()
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            ours = name.startswith(("dispatch/", ".git/objects/"))
            branch = name.startswith(
                tuple(f".git/{logs}refs/{ref}" for logs in ("", "logs/") for ref in _OURS)
            )
            if path.is_file() and not ours and not branch:
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def a_user(folder: Path, files: dict[str, str] | None = None) -> User:
    """A user with a repository of one commit on ``main``."""
    user = User(folder / "repo", folder / "home")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_empty_repository(), user.root)
    user.home.mkdir()
    user.write(BASE_FILES if files is None else files)
    user.commit("base")
    return user


@cache
def _empty_repository() -> Path:
    """Made once and copied: a test starts sooner."""
    folder = Path(tempfile.mkdtemp(prefix="dispatch-test-"))
    atexit.register(shutil.rmtree, folder)
    user = User(folder / "repo", folder)
    user.root.mkdir()
    user.git("init", "--quiet", "--initial-branch=main")
    user.git("config", "gc.auto", "0")
    return user.root


def a_run(user: User, name: str = "run") -> RunRepository:
    """The repository of a run, its store made at the user's HEAD."""
    run = RunRepository(user.root, user.root / "dispatch" / name, name)
    run.ensure_store(user.head, f"dispatch/{name}")
    return run


def write(root: Path, files: dict[str, str]) -> None:
    """Write files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def in_store(user: User, *arguments: str, run: str = "run") -> Output:
    """Run a git command in a run's store."""
    return git(Place(user.root / "dispatch" / run / "git"), *arguments)


def store_text(user: User, *arguments: str, run: str = "run") -> str:
    """The text that a git command prints in a run's store."""
    return in_store(user, *arguments, run=run).stdout.decode().rstrip("\n")


def make_tree(store: Path, files: dict[str, str]) -> str:
    """A tree of a store made from paths and texts; its id."""
    with opened(store) as objects:

        def made(level: dict[str, str]) -> ObjectID:
            tree, folders = Tree(), dict[str, dict[str, str]]()
            for path, text in level.items():
                first, _, rest = path.partition("/")
                if rest:
                    folders.setdefault(first, {})[rest] = text
                else:
                    blob = Blob.from_string(text.encode())
                    objects.add_object(blob)
                    tree.add(first.encode(), 0o100644, blob.id)
            for name, below in folders.items():
                tree.add(name.encode(), 0o040000, made(below))
            objects.add_object(tree)
            return tree.id

        return made(files).decode()


def read_tree(store: Path, tree: str) -> dict[str, str]:
    """The paths and texts of a tree."""
    names = git(Place(store), "ls-tree", "-r", "-z", "--name-only", tree).stdout.decode()
    return {
        name: git(Place(store), "cat-file", "blob", f"{tree}:{name}").stdout.decode()
        for name in names.split("\0")[:-1]
    }
