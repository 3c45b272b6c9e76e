"""What the user's repository is told by: everything of his, nothing of the run's, no other file."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import TIME, WRITER, User, a_run, a_user, write

from dispatch.gitops.tripwire import Tripwire
from dispatch.gitops.user_git import locate
from dispatch.state.git_values import Fingerprint


def differences(before: Fingerprint, after: Fingerprint) -> set[str]:
    """The names of what is not as it was."""
    found = set[str]()
    for kind in ("settings", "refs", "files"):
        old, new = getattr(before, kind), getattr(after, kind)
        found |= {key for key in {*old, *new} if old.get(key) != new.get(key)}
    return found


def _set(key: str, value: str) -> Callable[[User], object]:
    return lambda user: user.git("config", key, value)


def _hook(user: User) -> None:
    write(user.root, {".git/hooks/pre-commit": "#!/bin/sh\n"})


def _included(user: User) -> None:
    write(user.root, {".git/more": "[alias]\n\tx = !y\n"})


def _in_place(user: User) -> None:
    """As a program does that is no git: the folder is not touched, nor is the size."""
    ref = user.root / ".git/refs/heads/side"
    ref.write_text("1" * 40 + "\n")
    os.utime(ref, ns=(0, 0))


def _torn(user: User) -> None:
    write(user.root, {".git/config": "[core\n"})


@pytest.mark.parametrize(
    ("act", "names"),
    [
        (lambda user: None, set()),
        (lambda user: user.gc(), set()),
        (lambda user: user.git("pack-refs", "--all", "--prune"), set()),
        (lambda user: user.git("rm", "--cached", "a.txt"), {"index"}),
        (_set("core.hooksPath", "x"), {"core.hookspath"}),
        (_set("remote.origin.url", "y"), {"remote.origin.url"}),
        (_set("Alias.MINE", "!z"), {"alias.mine"}),
        (_hook, {"hooks/pre-commit"}),
        (_included, {"alias.x"}),
        (_in_place, {"refs/heads/side"}),
        (lambda user: user.git("branch", "-D", "side"), {"refs/heads/side"}),
        (lambda user: user.git("tag", "v1"), {"refs/tags/v1"}),
        (lambda user: user.git("symbolic-ref", "HEAD", "refs/heads/side"), {"HEAD"}),
        (lambda user: write(user.root, {".git/info/attributes": "* x\n"}), {"info/attributes"}),
    ],
)
def test_each_change_is_seen_by_its_name(
    tmp_path: Path, act: Callable[[User], object], names: set[str]
) -> None:
    user = a_user(tmp_path)
    user.git("branch", "side")
    user.git("config", "include.path", "more")
    write(user.root, {".git/more": ""})
    tripwire = Tripwire(locate(user.root))
    before = tripwire.look()
    act(user)
    assert differences(before, tripwire.look()) == names
    fresh = Tripwire(locate(user.root)).look()
    assert fresh == tripwire.look()


def test_a_configuration_that_cannot_be_read_and_pipes_are_seen_and_wait_for_nobody(
    tmp_path: Path,
) -> None:
    user = a_user(tmp_path)
    tripwire = Tripwire(locate(user.root))
    before = tripwire.look()
    os.mkfifo(user.root / ".git/refs/heads/pipe")
    os.mkfifo(user.root / ".git/hooks-pipe")
    (user.root / ".git/packed-refs").mkdir()
    assert differences(before, tripwire.look()) == {"refs/heads/pipe"}
    _torn(user)
    assert "unreadable" in tripwire.look().settings


def test_nothing_that_a_run_does_is_the_users(tmp_path: Path) -> None:
    """Making a worktree, publishing and cleaning up leave him as he was."""
    user = a_user(tmp_path)
    write(user.root, {".git/info/exclude": "/dispatch/\n"})
    run = a_run(user)
    before = run.fingerprint()
    path = run.ensure_worktree("1a", user.head, None)
    write(path, {"a.txt": "ONE\n"})
    snapshot = run.snapshot(path, user.head)
    commit = run.commit(snapshot.tree, user.head, "one", WRITER, TIME)
    run.note(commit, "note", WRITER, TIME)
    run.publish_ref("refs/dispatch/run/rescue/1a", commit)
    run.publish("dispatch/run", commit, None)
    assert run.fingerprint() == before
