"""What a worktree holds, told from the files and from nothing an agent could have prepared."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.git_repos import BASE_FILES, TIME, WRITER, User, a_run, a_user, read_tree, write

from dispatch.gitops.screening import SIZE_LIMIT
from dispatch.gitops.store import RunRepository
from dispatch.state.enums import ChangeKind
from dispatch.state.errors import GitError
from dispatch.state.git_values import Snapshot
from dispatch.state.work import FileChange


class Task:
    """A user, a run, and a task's worktree at the user's HEAD."""

    def __init__(self, tmp_path: Path, files: dict[str, str] | None = None) -> None:
        self.user: User = a_user(tmp_path, files)
        self.base = self.user.head
        self.run: RunRepository = a_run(self.user)
        self.path = self.run.ensure_worktree("1a", self.base, None)
        self.store = self.user.root / "dispatch/run/git"

    def snapshot(self) -> Snapshot:
        """What the worktree holds."""
        return self.run.snapshot(self.path, self.base)

    def changed(self) -> dict[str, ChangeKind]:
        """The changed paths of a worktree without problems."""
        snapshot = self.snapshot()
        assert snapshot.problems == ()
        return {change.path: change.kind for change in snapshot.changes}

    def problems(self) -> tuple[str, ...]:
        """The problems of the worktree."""
        return self.snapshot().problems


def test_an_untouched_worktree_is_its_commit(tmp_path: Path) -> None:
    """[UM-08]"""
    task = Task(tmp_path)
    assert task.snapshot() == Snapshot(task.run.tree_of(task.base), ())


def test_every_kind_of_change_is_told_with_its_lines(tmp_path: Path) -> None:
    """[UM-02, UM-03, UM-05, UM-10, UM-12, W-18]"""
    long = "".join(f"line {number}\n" for number in range(20))
    task = Task(tmp_path, {"edit": "1\n2\n", "gone": "x\n", "old/name": long, "run.sh": "#!\n"})
    write(task.path, {"edit": "1\ntwo\nthree\n", "made/in/it": "a\nb"})
    (task.path / "gone").unlink()
    (task.path / "old/name").rename(task.path / "new name")
    (task.path / "run.sh").chmod(0o755)
    (task.path / "link").symlink_to("edit")
    (task.path / "data.bin").write_bytes(b"\0\1\2\n\n")
    assert task.snapshot().changes == (
        FileChange(path="data.bin", kind=ChangeKind.ADDED),
        FileChange(path="edit", kind=ChangeKind.MODIFIED, added_lines=2, deleted_lines=1),
        FileChange(path="gone", kind=ChangeKind.DELETED, deleted_lines=1),
        FileChange(path="link", kind=ChangeKind.ADDED, added_lines=1, mode="120000"),
        FileChange(path="made/in/it", kind=ChangeKind.ADDED, added_lines=2),
        FileChange(path="new name", kind=ChangeKind.RENAMED, old_path="old/name"),
        FileChange(path="run.sh", kind=ChangeKind.MODIFIED, mode="100755"),
    )
    assert task.problems() == ()


@pytest.mark.parametrize(
    "name",
    ["with space", 'qu"ote', "new\nline", "tab\there", "é/ü.txt", "-dash", ":(top)x", "a\\b"],
)
def test_names_are_taken_as_they_are(tmp_path: Path, name: str) -> None:
    """[UM-11, W-19]"""
    task = Task(tmp_path)
    write(task.path, {name: "text"})
    assert task.changed() == {name: ChangeKind.ADDED}
    assert read_tree(task.store, task.snapshot().tree) == {**BASE_FILES, name: "text"}


def test_what_an_agent_did_to_its_index_changes_nothing(tmp_path: Path) -> None:
    """[UM-07, GT-09] Neither staging nor the bits that make git look away."""
    task = Task(tmp_path)
    write(task.path, {"staged.txt": "s", "unstaged.txt": "u", "a.txt": "hidden\n"})
    task.user.git("add", "staged.txt", cwd=task.path)
    task.user.git("update-index", "--assume-unchanged", "a.txt", cwd=task.path)
    task.user.git("update-index", "--skip-worktree", "lib/b.txt", cwd=task.path)
    write(task.path, {"lib/b.txt": "hidden too\n"})
    assert set(task.changed()) == {"staged.txt", "unstaged.txt", "a.txt", "lib/b.txt"}
    task.user.git("commit", "--quiet", "-am", "agents may commit", cwd=task.path)
    assert set(task.changed()) == {"staged.txt", "unstaged.txt", "a.txt", "lib/b.txt"}


def test_a_file_that_keeps_its_size_and_time_is_still_seen_as_changed(tmp_path: Path) -> None:
    task = Task(tmp_path)
    before = (task.path / "a.txt").stat()
    (task.path / "a.txt").write_text("ONE\ntwo\nthree\n")
    os.utime(task.path / "a.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert set(task.changed()) == {"a.txt"}


def test_files_are_ignored_by_the_rules_of_the_base_only(tmp_path: Path) -> None:
    """[W-59] A line in ``.gitignore`` hides nothing, and taking one away shows nothing."""
    task = Task(tmp_path)
    write(
        task.path,
        {
            ".gitignore": "rogue.txt\n",
            "rogue.txt": "r",
            "x.o": "ignored by the base",
            "cache/x": "ignored by the base",
            "hidden/.gitignore": "*\n",
            "hidden/rogue": "r",
        },
    )
    exclude = task.store / "worktrees/1a/info"
    write(exclude, {"exclude": "*\n"})
    assert set(task.changed()) == {
        ".gitignore",
        "rogue.txt",
        "hidden/.gitignore",
        "hidden/rogue",
    }


def test_tracked_files_count_though_they_are_ignored(tmp_path: Path) -> None:
    user = a_user(tmp_path, {"kept.o": "1\n", "a": "a"})
    user.write({".gitignore": "*.o\n"})
    user.git("add", "--force", "--all")
    base = user.commit()
    run = a_run(user)
    path = run.ensure_worktree("1a", base, None)
    write(path, {"kept.o": "2\n", "other.o": "x"})
    changes = run.snapshot(path, base).changes
    assert changes == (
        FileChange(path="kept.o", kind=ChangeKind.MODIFIED, added_lines=1, deleted_lines=1),
    )


def test_line_endings_that_the_repository_has_are_no_change(tmp_path: Path) -> None:
    """Files with carriage returns under ``text=auto`` look modified to a fresh index."""
    user = a_user(tmp_path, {"a": "a"})
    (user.root / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    user.git("add", "--all")
    user.git("commit", "--quiet", "-m", "crlf")
    user.write({".gitattributes": "*.txt text=auto\n"})
    user.git("add", ".gitattributes")
    user.git("commit", "--quiet", "-m", "attributes")
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    assert run.snapshot(path, user.head).changes == ()
    assert (path / "crlf.txt").read_bytes() == b"one\r\ntwo\r\n"


def test_a_folder_a_file_and_a_link_may_take_each_others_place(tmp_path: Path) -> None:
    task = Task(tmp_path, {"file": "f", "folder/a": "a", "folder/b": "b", "other/c": "c"})
    (task.path / "file").unlink()
    write(task.path, {"file/inside": "i"})
    for name in ("folder/a", "folder/b", "other/c"):
        (task.path / name).unlink()
    (task.path / "folder").rmdir()
    (task.path / "folder").write_text("now a file")
    (task.path / "other").rmdir()
    (task.path / "other").symlink_to("file")
    assert task.problems() == ()
    assert read_tree(task.store, task.snapshot().tree) == {
        "file/inside": "i",
        "folder": "now a file",
        "other": "file",
    }


def _nested(task: Task) -> None:
    task.user.git("init", "--quiet", "sub", cwd=task.path)
    write(task.path, {"sub/x": "x"})


def _nested_committed(task: Task) -> None:
    _nested(task)
    task.user.git("add", "x", cwd=task.path / "sub")
    task.user.git("commit", "--quiet", "-m", "x", cwd=task.path / "sub")


def _repository_over_tracked(task: Task) -> None:
    task.user.git("init", "--quiet", "lib", cwd=task.path)


def _git_like(task: Task) -> None:
    write(task.path, {"lib/.GIT/config": "x"})


def _short_name(task: Task) -> None:
    write(task.path, {"git~1": "x"})


def _invisible(task: Task) -> None:
    write(task.path, {"lib/.g\u200cit": "x"})


def _absolute(task: Task) -> None:
    (task.path / "link").symlink_to("/etc/passwd")


def _upwards(task: Task) -> None:
    (task.path / "lib/link").symlink_to("../../other")


def _through_link(task: Task) -> None:
    (task.path / "deep/er").mkdir(parents=True)
    (task.path / "deep/er/up").symlink_to("../..")
    (task.path / "deep/er/link").symlink_to("up/..")


def _into_git(task: Task) -> None:
    (task.path / "link").symlink_to("lib/../.git")


def _pipe(task: Task) -> None:
    os.mkfifo(task.path / "lib/pipe")


def _pipe_for_file(task: Task) -> None:
    (task.path / "a.txt").unlink()
    os.mkfifo(task.path / "a.txt")


def _socket(task: Task) -> None:
    here = Path.cwd()
    os.chdir(task.path)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("sock")
    finally:
        os.chdir(here)


def _large(task: Task) -> None:
    with (task.path / "large").open("wb") as file:
        file.truncate(SIZE_LIMIT + 1)


def _not_text(task: Task) -> None:
    (task.path / os.fsdecode(b"caf\xe9")).write_text("x")


def _numbered_short_name(task: Task) -> None:
    write(task.path, {"lib/GIT~4": "x"})


def _stream(task: Task) -> None:
    write(task.path, {"lib/.git::$INDEX_ALLOCATION": "x"})


def _modules_link(task: Task) -> None:
    (task.path / ".gitmodules").symlink_to("a.txt")


def _attributes_link(task: Task) -> None:
    (task.path / "lib/.GitAttributes").symlink_to("b.txt")


def _setuid(task: Task) -> None:
    write(task.path, {"tool": "x"})
    (task.path / "tool").chmod(0o4755)


def _setgid(task: Task) -> None:
    (task.path / "a.txt").write_text("changed\n")
    (task.path / "a.txt").chmod(0o2755)


def _pointer_replaced(task: Task) -> None:
    (task.path / ".git").unlink()
    task.user.git("init", "--quiet", cwd=task.path)


@pytest.mark.parametrize(
    ("act", "problem"),
    [
        (_nested, "sub holds .git: no repository inside."),
        (_nested_committed, "sub holds .git: no repository inside."),
        (_repository_over_tracked, "lib holds .git: no repository inside."),
        (_git_like, "lib holds .GIT: no repository inside."),
        (_short_name, "The worktree holds git~1: no repository inside."),
        (_invisible, "lib holds .g\u200cit: no repository inside."),
        (_absolute, "link is a symbolic link that leads out of the worktree."),
        (_upwards, "lib/link is a symbolic link that leads out of the worktree."),
        (_through_link, "deep/er/link is a symbolic link that leads out of the worktree."),
        (_into_git, "link is a symbolic link that leads out of the worktree."),
        (_pipe, "lib/pipe is a named pipe."),
        (_pipe_for_file, "a.txt is a named pipe."),
        (_socket, "sock is a socket."),
        (_large, f"large has {SIZE_LIMIT + 1} bytes; at most {SIZE_LIMIT} are allowed."),
        (_numbered_short_name, "lib holds GIT~4: no repository inside."),
        (_stream, "lib holds .git::$INDEX_ALLOCATION: no repository inside."),
        (
            _modules_link,
            ".gitmodules is a symbolic link, which git does not follow; make it a file.",
        ),
        (
            _attributes_link,
            "lib/.GitAttributes is a symbolic link, which git does not follow; make it a file.",
        ),
        (_setuid, "tool has a setuid or setgid bit, which no commit can keep; take it away."),
        (_setgid, "a.txt has a setuid or setgid bit, which no commit can keep; take it away."),
        (_not_text, "The name of caf\\xe9 is not UTF-8."),
        (_pointer_replaced, "The worktree's .git file was replaced; remove what is there now."),
    ],
)
def test_what_must_not_leave_a_task_is_a_problem_in_a_sentence(
    tmp_path: Path, act: Callable[[Task], None], problem: str
) -> None:
    task = Task(tmp_path)
    act(task)
    assert task.problems() == (problem,)


def _removed(pointer: Path) -> None:
    pointer.unlink()


def _changed(pointer: Path) -> None:
    pointer.write_text("gitdir: /elsewhere\n")


def _linked(pointer: Path) -> None:
    pointer.unlink()
    pointer.symlink_to("a.txt")


def _piped(pointer: Path) -> None:
    pointer.unlink()
    os.mkfifo(pointer)


@pytest.mark.parametrize("act", [_removed, _changed, _linked, _piped])
def test_a_pointer_that_is_not_what_it_was_is_made_again(
    tmp_path: Path, act: Callable[[Path], None]
) -> None:
    """Who looks into the worktree with a git of his own must not be led elsewhere."""
    task = Task(tmp_path)
    text = (task.path / ".git").read_bytes()
    act(task.path / ".git")
    assert task.snapshot() == Snapshot(task.run.tree_of(task.base), ())
    assert (task.path / ".git").read_bytes() == text
    assert (task.path / "a.txt").read_text() == BASE_FILES["a.txt"]


def test_problems_in_ignored_folders_are_nobodys_business(tmp_path: Path) -> None:
    task = Task(tmp_path)
    (task.path / "cache").mkdir()
    os.mkfifo(task.path / "cache/pipe")
    task.user.git("init", "--quiet", "cache/repo", cwd=task.path)
    assert task.snapshot() == Snapshot(task.run.tree_of(task.base), ())


def test_files_of_a_filter_must_stay_as_they_were(tmp_path: Path) -> None:
    """By the attributes of the base: taking the line away does not help."""
    task = Task(tmp_path, {".gitattributes": "*.bin filter=lfs\n", "x.bin": "pointer\n"})
    write(task.path, {"x.bin": "whole\n", ".gitattributes": "# nothing\n"})
    assert task.problems() == (
        "x.bin belongs to the filter 'lfs', which is not run here; leave the file as it was.",
    )


def test_files_in_a_submodule_cannot_be_kept(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    user.git("update-index", "--add", "--cacheinfo", f"160000,{user.head},vendor")
    user.git("commit", "--quiet", "-m", "submodule")
    run = a_run(user)
    path = run.ensure_worktree("1a", user.head, None)
    assert run.snapshot(path, user.head) == Snapshot(run.tree_of(user.head), ())
    write(path, {"vendor/x": "x"})
    assert run.snapshot(path, user.head).problems == (
        "vendor is a submodule; files in it cannot be kept.",
    )


def test_a_git_that_fails_is_told_with_its_exit_code(tmp_path: Path) -> None:
    """[UM-09]"""
    task = Task(tmp_path)
    with pytest.raises(GitError, match="git ls-tree exited 128: fatal: not a tree object"):
        task.run.snapshot(task.path, "1" * 40)


def test_a_base_may_be_older_than_the_worktree(tmp_path: Path) -> None:
    task = Task(tmp_path)
    write(task.path, {"one": "1\n"})
    first = task.run.commit(task.snapshot().tree, task.base, "one", WRITER, TIME)
    task.run.ensure_worktree("1b", first, None)
    path = task.path.with_name("1b")
    write(path, {"two": "2\n"})
    assert [each.path for each in task.run.snapshot(path, task.base).changes] == ["one", "two"]
    assert [each.path for each in task.run.snapshot(path, first).changes] == ["two"]
