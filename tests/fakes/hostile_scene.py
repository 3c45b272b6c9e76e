"""A repository, a run and a worktree into which somebody plants programs for git to start.

``careless`` is what a program does that trusts git; ``dispatch`` is everything that we do with it.
"""

import os
import subprocess
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import frozen
from fakes import git_repos
from fakes.git_repos import TIME, WRITER, User, a_run, a_user, write

from dispatch.gitops import rescue
from dispatch.gitops.cleanup import clean, teardown
from dispatch.gitops.store import RunRepository
from dispatch.gitops.target import open_target

NOBODY: Final = 65534
_PATIENCE: Final = 20.0  # seconds for one careless command
EVERYDAY: Final = (
    "git status",
    "git diff",
    "git add --all",
    "git commit --quiet -m work",
    "git log -p -1",
    "git merge --no-edit side",
    "git checkout --quiet -f HEAD~ -- a.txt",
)


@frozen
class Scene:
    """A user's repository with a run and its task's worktree; ``evil`` leaves a canary."""

    user: User
    run: RunRepository
    worktree: Path
    evil: Path
    canary: Path

    @property
    def store(self) -> Path:
        """The run's own git store."""
        return self.user.root / "dispatch/run/git"

    @property
    def git_dir(self) -> Path:
        """The user's git folder."""
        return self.user.root / ".git"

    def script(self, path: Path) -> None:
        """Put a copy of the planted program somewhere."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.evil.read_bytes())
        path.chmod(0o755)

    def set(self, key: str, value: str = "", cwd: Path | None = None) -> None:
        """Set what git is configured to do; by default it is to start the planted program."""
        self.user.git("config", key, value or str(self.evil), cwd=cwd)

    def attributes(self, line: str) -> None:
        """Give the repository and the worktree an attribute for its text files."""
        for root in (self.user.root, self.worktree):
            write(root, {".gitattributes": f"*.txt {line}\n"})

    def repository(self, path: Path) -> Path:
        """A repository of the agent's that starts the planted program, with a file in it."""
        self.user.git("init", "--quiet", str(path))
        write(path, {"f": "x"})
        self.user.git("add", "f", cwd=path)
        self.user.git("commit", "--quiet", "-m", "x", cwd=path)
        self.set("core.fsmonitor", cwd=path)
        write(path, {"f": "y"})
        return path


def a_scene(folder: Path) -> Scene:
    """A repository with a side branch that merges by content, and a run with a worktree."""
    user = a_user(folder)
    user.git("checkout", "--quiet", "-b", "side")
    user.write({"a.txt": "ONE\ntwo\nthree\n"})
    user.commit("side")
    user.git("checkout", "--quiet", "main")
    user.write({"cache/installed": "i\n"})
    run = a_run(user)
    evil, canary = folder / "evil.sh", folder / "canary"
    # A filter hands its text on; who talks both ways would otherwise wait for ever.
    end = "[ -t 0 ] || /usr/bin/timeout 1 /bin/cat\nexit 0\n"
    evil.write_text(f'#!/bin/sh\necho "$0" >> {canary}\n{end}')
    evil.chmod(0o755)
    return Scene(user, run, run.ensure_worktree("1a", user.head, None), evil, canary)


def planted(scene: Scene, plant: Callable[[Scene], None]) -> None:
    """Plant something, and give git a reason to look at files."""
    plant(scene)
    for root in (scene.user.root, scene.worktree):
        if not (root.is_symlink() or (root / "a.txt").is_symlink()):
            write(root, {"a.txt": "one\ntwo\nTHREE changed\n"})
    scene.canary.unlink(missing_ok=True)


def careless(scene: Scene, commands: tuple[str, ...]) -> None:
    """Give the commands to a shell, in the worktree and in the repository."""
    environment = {**os.environ, "HOME": str(scene.user.home), "TERM": "dumb"}
    environment["GIT_CONFIG_NOSYSTEM"] = "1"
    environment |= {
        f"GIT_{who}_{what}": "user@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    for root in (scene.worktree, scene.user.root):
        for command in commands:
            if scene.canary.exists():
                return
            subprocess.run(
                ["/bin/sh", "-c", command],
                cwd=root,
                env=environment,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_PATIENCE,
            )


def dispatch(scene: Scene) -> None:
    """Everything that a run does, on the planted repository and worktree."""
    user, run, folder = scene.user, scene.run, scene.user.root / "dispatch/run"
    target = open_target(user.root)
    base, side_tip = target.head, target.branch_tip("side")
    assert side_tip is not None
    target.uncommitted()
    target.identity()
    target.checked_out_at("main")
    run.ensure_store(base, "dispatch/run")
    if run.existing_worktree("1a") is not None:
        run.snapshot(scene.worktree, base)
        run.shadow(scene.worktree)
        run.restore(scene.worktree, run.tree_of(base))
    run.ensure_worktree("1a", base, None)
    run.share(scene.worktree, ("cache",))
    write(scene.worktree, {"a.txt": "one\ntwo\nTHREE changed\n", "new.txt": "n\n"})
    snapshot = run.snapshot(scene.worktree, base)
    one = run.commit(snapshot.tree, base, "work", WRITER, TIME)
    side = run.tree_of(side_tip)
    two = run.commit(run.merge(one, side, base).tree, one, "merged", WRITER, TIME)
    run.pick(two, side, ("a.txt",))
    run.note(two, "note", WRITER, TIME)
    assert run.patch(two)
    assert run.diff(base, two)
    assert run.changes(base, two)
    run.keep("refs/dispatch/submitted/1a", snapshot.tree, base, WRITER, TIME)
    run.ensure_worktree("level-1", two, "dispatch/run-level-1")
    run.publish_ref("refs/dispatch/run/rescue/1a", one)
    run.publish("dispatch/run", two, None)
    rescue.restore(user.root, "run", "1a", "mine")
    run.ensure_worktree("1a", two, None)
    run.remove_worktree("1a")
    assert teardown(folder) == 1
    clean(user.root, "run", force=True)


def in_child(work: Callable[[Path], None], uid: int) -> str:
    """Have work done by a child of its own, as that user, in a folder of its own.

    What it raised as text, else empty: variables, folder and user stay what they were here.
    """
    with tempfile.TemporaryDirectory(prefix="hostile-") as made:
        folder = Path(made)
        os.chown(folder, uid, -1)
        child = os.fork()
        if child == 0:
            try:
                git_repos._empty_repository.cache_clear()  # another user's cannot be read
                if os.getuid() != uid:
                    os.setgroups([])
                    os.setgid(uid)
                    os.setuid(uid)
                for name in [*filter(_is_gits, os.environ)]:
                    del os.environ[name]
                os.chdir(folder)
                tempfile.tempdir = made
                os.environ["TMPDIR"] = made
                work(folder)
            except BaseException:  # of a child, which has nobody else to tell
                (folder / "raised").write_text(traceback.format_exc())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        raised = folder / "raised"
        return raised.read_text() if raised.exists() else ""


def _is_gits(name: str) -> bool:
    return name.startswith("GIT_") or name in ("EDITOR", "PAGER", "VISUAL")
