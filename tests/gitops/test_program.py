"""The git program: its errors are sentences, its output and its time are bounded."""

import os
import threading
from pathlib import Path

import pytest
from fakes.git_repos import a_user

from dispatch.gitops.program import Place, check_git_version, git, git_path, shown
from dispatch.state.errors import GitError, StorageError


def test_git_is_found_by_its_absolute_path_and_new_enough() -> None:
    assert Path(git_path()).is_absolute()
    check_git_version()


def test_a_failure_names_the_subcommand_the_exit_code_and_what_git_said(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    with pytest.raises(GitError) as failure:
        git(Place(user.root / ".git"), "cat-file", "commit", "\x1b[31mno such")
    assert failure.value.message == (
        "git cat-file exited 128: fatal: Not a valid object name ?[31mno such"
    )


def test_a_full_disk_is_no_failure_of_git(tmp_path: Path) -> None:
    """It is told apart whatever exit codes are expected: the run stops and can go on."""
    user = a_user(tmp_path)
    command = ("archive", "--output=/dev/full", "HEAD")
    with pytest.raises(StorageError) as failure:
        git(Place(user.root / ".git"), *command, accept=(0, 1, 128))
    assert (failure.value.message, failure.value.hint) == (
        "git archive exited 128: fatal: write error: No space left on device.",
        "Free some space, then run the same command again.",
    )


def test_output_is_bounded(tmp_path: Path) -> None:
    user = a_user(tmp_path, {"big": "x" * 100_000})
    place, blob = Place(user.root / ".git"), user.git("rev-parse", "HEAD:big")
    with pytest.raises(GitError, match="git cat-file printed more than 1000 bytes"):
        git(place, "cat-file", "blob", blob, limit=1000)
    output = git(place, "cat-file", "blob", blob, limit=1000, cut=True)
    assert (output.stdout, output.truncated) == (b"x" * 1000, True)


def test_time_is_bounded(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    reader, writer = os.pipe()
    with (
        os.fdopen(reader, "rb") as silent,
        os.fdopen(writer, "wb"),
        pytest.raises(GitError, match=r"git cat-file did not end within 0\.1 seconds"),
    ):
        git(Place(user.root / ".git"), "cat-file", "--batch", stdin=silent, timeout=0.1)


def test_a_folder_that_is_not_there_is_a_git_error(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="could not be started in"):
        git(None, "version", cwd=tmp_path / "nowhere")
    with pytest.raises(GitError, match="without a subcommand"):
        git(None)


def test_much_input_and_output_at_once_do_not_block(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    asked = b"HEAD\n" * 50_000
    answered = git(Place(user.root / ".git"), "cat-file", "--batch-check", stdin=asked)
    assert answered.stdout == f"{user.head} commit 151\n".encode() * 50_000


def test_nothing_of_the_callers_environment_reaches_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = a_user(tmp_path)
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_TRACE"):
        monkeypatch.setenv(name, "/nonexistent")
    output = git(Place(user.root / ".git"), "rev-parse", "HEAD")
    assert (output.stdout.decode().strip(), output.stderr) == (user.head, "")


def test_threads_may_run_git_at_the_same_time(tmp_path: Path) -> None:
    user = a_user(tmp_path)
    found = list[bytes]()

    def ask() -> None:
        found.append(git(Place(user.root / ".git"), "rev-parse", "HEAD").stdout)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [f"{user.head}\n".encode()] * 8


def test_names_that_are_not_utf8_can_be_shown() -> None:
    assert shown(b"caf\xe9/\xc3\xa9") == "caf\\xe9/é"
