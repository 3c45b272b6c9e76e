"""Programs that a repository, its user's settings or an agent's tree name must not be run by us.

Each vector is planted twice: ordinary git starts the planted program, which shows that the vector
works, and then everything that we do with git must not.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import frozen
from fakes.git_repos import TIME, WRITER, User, a_run, a_user, write

from dispatch.gitops.cleanup import clean, teardown
from dispatch.gitops.store import RunRepository
from dispatch.gitops.target import open_target

HOOKS = (
    *("pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "post-checkout"),
    *("post-index-change", "reference-transaction", "post-merge", "pre-merge-commit"),
)


@frozen
class Scene:
    """A user's repository with a run and its task's worktree; ``evil`` leaves a canary."""

    user: User
    run: RunRepository
    worktree: Path
    evil: Path
    canary: Path

    def script(self, path: Path) -> None:
        """Put a copy of the planted program somewhere."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.evil.read_bytes())
        path.chmod(0o755)

    def attributes(self, line: str) -> None:
        """Give the repository and the worktree an attribute for its text files."""
        for root in (self.user.root, self.worktree):
            write(root, {".gitattributes": f"*.txt {line}\n"})


def hooks_of_the_user(scene: Scene) -> None:
    for name in HOOKS:
        scene.script(scene.user.root / ".git/hooks" / name)


def hooks_path_in_the_tree(scene: Scene) -> None:
    scene.user.git("config", "core.hooksPath", ".husky")
    for root in (scene.user.root, scene.worktree):
        for name in HOOKS:
            scene.script(root / ".husky" / name)


def hooks_in_the_store(scene: Scene) -> None:
    store = scene.user.root / "dispatch/run/git"
    scene.user.git("config", "--unset", "core.hooksPath", cwd=store)
    for name in HOOKS:
        scene.script(store / "hooks" / name)


def fsmonitor_of_the_user(scene: Scene) -> None:
    scene.user.git("config", "core.fsmonitor", str(scene.evil))


def fsmonitor_in_the_store(scene: Scene) -> None:
    store = scene.user.root / "dispatch/run/git"
    scene.user.git("config", "core.fsmonitor", str(scene.evil), cwd=store)


def clean_and_smudge_filter(scene: Scene) -> None:
    scene.user.git("config", "filter.fmt.clean", str(scene.evil))
    scene.user.git("config", "filter.fmt.smudge", str(scene.evil))
    scene.attributes("filter=fmt")


def filter_with_an_equals_sign_in_its_name(scene: Scene) -> None:
    scene.user.git("config", "filter.a=b.clean", str(scene.evil))
    scene.attributes("filter=a=b")


def process_filter(scene: Scene) -> None:
    scene.user.git("config", "filter.p.process", str(scene.evil))
    scene.attributes("filter=p")


def filter_of_the_users_own_settings(scene: Scene) -> None:
    scene.user.git("config", "--global", "filter.lfs.clean", str(scene.evil))
    scene.user.git("config", "--global", "filter.lfs.required", "true")
    scene.attributes("filter=lfs")


def filter_in_an_included_file(scene: Scene) -> None:
    write(scene.user.home, {"more": f'[filter "x"]\n\tclean = {scene.evil}\n'})
    scene.user.git("config", "include.path", str(scene.user.home / "more"))
    scene.attributes("filter=x")


def filter_in_the_store(scene: Scene) -> None:
    store = scene.user.root / "dispatch/run/git"
    scene.user.git("config", "filter.fmt.clean", str(scene.evil), cwd=store)
    scene.user.git("config", "filter.fmt.smudge", str(scene.evil), cwd=store)
    scene.attributes("filter=fmt")


def textconv(scene: Scene) -> None:
    for place in (scene.user.root, scene.user.root / "dispatch/run/git"):
        scene.user.git("config", "diff.t.textconv", str(scene.evil), cwd=place)
    scene.attributes("diff=t")


def external_diff(scene: Scene) -> None:
    for place in (scene.user.root, scene.user.root / "dispatch/run/git"):
        scene.user.git("config", "diff.external", str(scene.evil), cwd=place)


def diff_command(scene: Scene) -> None:
    scene.user.git("config", "diff.t.command", str(scene.evil))
    scene.attributes("diff=t")


def merge_driver(scene: Scene) -> None:
    for place in (scene.user.root, scene.user.root / "dispatch/run/git"):
        scene.user.git("config", "merge.m.driver", f"{scene.evil} %A", cwd=place)
    scene.attributes("merge=m")


def signing_program(scene: Scene) -> None:
    for key, value in (("commit.gpgSign", "true"), ("gpg.program", str(scene.evil))):
        scene.user.git("config", key, value)


def pointer_to_a_repository_of_the_agents(scene: Scene) -> None:
    (scene.worktree / ".git").unlink()
    scene.user.git("init", "--quiet", cwd=scene.worktree)
    scene.user.git("config", "core.fsmonitor", str(scene.evil), cwd=scene.worktree)


def pointer_to_a_git_folder_in_the_tree(scene: Scene) -> None:
    folder = scene.worktree / "x.git"
    scene.user.git("init", "--quiet", "--bare", str(folder))
    scene.user.git("--git-dir", str(folder), "config", "core.bare", "false")
    scene.user.git("--git-dir", str(folder), "config", "core.fsmonitor", str(scene.evil))
    (scene.worktree / ".git").write_text("gitdir: x.git\n")


def nested_repository(scene: Scene) -> None:
    sub = scene.worktree / "sub"
    scene.user.git("init", "--quiet", str(sub))
    write(sub, {"f": "x"})
    scene.user.git("add", "f", cwd=sub)
    scene.user.git("commit", "--quiet", "-m", "x", cwd=sub)
    scene.user.git("add", "sub", cwd=scene.worktree)
    scene.user.git("config", "core.fsmonitor", str(scene.evil), cwd=sub)
    write(sub, {"f": "y"})


def variable_for_an_external_diff(scene: Scene) -> None:
    os.environ["GIT_EXTERNAL_DIFF"] = str(scene.evil)


def variables_that_are_settings(scene: Scene) -> None:
    os.environ["GIT_CONFIG_COUNT"] = "1"
    os.environ["GIT_CONFIG_KEY_0"] = "core.fsmonitor"
    os.environ["GIT_CONFIG_VALUE_0"] = str(scene.evil)


def a_program_named_git(scene: Scene) -> None:
    scene.script(scene.evil.parent / "bin/git")
    os.environ["PATH"] = f"{scene.evil.parent / 'bin'}:{os.environ['PATH']}"


VECTORS = (
    hooks_of_the_user,
    hooks_path_in_the_tree,
    hooks_in_the_store,
    fsmonitor_of_the_user,
    fsmonitor_in_the_store,
    clean_and_smudge_filter,
    filter_with_an_equals_sign_in_its_name,
    process_filter,
    filter_of_the_users_own_settings,
    filter_in_an_included_file,
    filter_in_the_store,
    textconv,
    external_diff,
    diff_command,
    merge_driver,
    signing_program,
    pointer_to_a_repository_of_the_agents,
    pointer_to_a_git_folder_in_the_tree,
    nested_repository,
    variable_for_an_external_diff,
    variables_that_are_settings,
    a_program_named_git,
)


@pytest.mark.parametrize("plant", VECTORS)
def test_planted_programs_run_under_ordinary_git_and_never_under_ours(
    tmp_path: Path, plant: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """[GT-05, GT-06, W-60] Hooks and drivers are nobody's business but the user's."""
    for name in ("GIT_EXTERNAL_DIFF", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_0", "GIT_CONFIG_VALUE_0"):
        monkeypatch.setenv(name, "0")  # so that what a vector sets is taken back
        monkeypatch.delenv(name)
    control, ours = a_scene(tmp_path / "control"), a_scene(tmp_path / "ours")
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setenv("HOME", str(ours.user.home))
    planted(control, plant)
    everything_with_ordinary_git(control)
    assert control.canary.exists()
    planted(ours, plant)
    everything_with_our_git(ours)
    assert not ours.canary.exists()


def planted(scene: Scene, plant: Callable[[Scene], None]) -> None:
    """Plant something, and give git a reason to look at files."""
    plant(scene)
    for root in (scene.user.root, scene.worktree):
        write(root, {"a.txt": "one\ntwo\nTHREE changed\n"})
    scene.canary.unlink(missing_ok=True)


def a_scene(folder: Path) -> Scene:
    """A repository with a side branch that merges by content, and a run with a worktree."""
    user = a_user(folder)
    user.git("checkout", "--quiet", "-b", "side")
    user.write({"a.txt": "ONE\ntwo\nthree\n"})
    user.commit("side")
    user.git("checkout", "--quiet", "main")
    run = a_run(user)
    evil, canary = folder / "evil.sh", folder / "canary"
    evil.write_text(f'#!/bin/sh\necho "$0" >> {canary}\n[ -t 0 ] || cat\nexit 0\n')
    evil.chmod(0o755)
    return Scene(user, run, run.ensure_worktree("1a", user.head, None), evil, canary)


def everything_with_ordinary_git(scene: Scene) -> None:
    """What a careless program would do, in the repository and in the worktree."""
    environment = {**os.environ, "HOME": str(scene.user.home), "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {
        f"GIT_{who}_{what}": "user@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    for root in (scene.worktree, scene.user.root):
        for command in (
            "status",
            "diff",
            "add --all",
            "commit --quiet -m work",
            "log -p -1",
            "merge --no-edit side",
            "checkout --quiet -f HEAD~ -- a.txt",
        ):
            if scene.canary.exists():
                return
            subprocess.run(
                ["git", *command.split()],
                cwd=root,
                env=environment,
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=20,
            )


def everything_with_our_git(scene: Scene) -> None:
    """Everything that a run does, on the planted repository and worktree."""
    user, run = scene.user, scene.run
    target = open_target(user.root)
    base, side_tip = target.head, target.branch_tip("side")
    assert side_tip is not None
    assert "a.txt" in target.uncommitted()
    target.identity()
    target.checked_out_at("main")
    run.snapshot(scene.worktree, base)
    run.restore(scene.worktree, run.tree_of(base))
    write(scene.worktree, {"a.txt": "one\ntwo\nTHREE changed\n", "new.txt": "n\n"})
    snapshot = run.snapshot(scene.worktree, base)
    one = run.commit(snapshot.tree, base, "work", WRITER, TIME)
    side = run.tree_of(side_tip)
    two = run.commit(run.merge(one, side, base).tree, one, "merged", WRITER, TIME)
    run.note(two, "note", WRITER, TIME)
    assert run.patch(two)
    assert run.diff(base, two)
    run.keep("refs/dispatch/submitted/1a", snapshot.tree, base, WRITER, TIME)
    run.ensure_worktree("level-1", two, "dispatch/run-level-1")
    run.publish_ref("refs/dispatch/run/rescue/1a", one)
    run.publish("dispatch/run", two, None)
    run.ensure_worktree("1a", two, None)
    run.remove_worktree("1a")
    assert teardown(user.root / "dispatch/run") == 1
    clean(user.root, "run", force=True)
