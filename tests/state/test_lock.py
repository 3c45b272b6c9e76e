"""One process per run."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fakes.child_program import until

from dispatch.state import lock
from dispatch.state.errors import ExitCode, LockedError, StorageError
from dispatch.state.lock import hold, holder

NOW = "2026-01-02T03:04:05.678Z"

HOLDING = """
import sys, time
from pathlib import Path
from dispatch.state.lock import hold

with hold(Path(sys.argv[1]), "then"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_and_told_who_holds_the_run(tmp_path: Path) -> None:
    """[CLI-10]"""
    folder = tmp_path / "r"
    with hold(folder, NOW):
        line = holder(folder)
        assert line is not None
        assert line.startswith(f"process {os.getpid()} on ")
        assert line.endswith(f", started {NOW}")
        with pytest.raises(LockedError) as caught, hold(folder, NOW):
            pass
    assert caught.value.message == f"Run r is in the hands of {line}."
    assert caught.value.exit_code is ExitCode.LOCKED


def test_the_lock_is_free_afterwards_and_its_file_stays(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with hold(tmp_path, NOW):
        inode = (tmp_path / "lock").stat().st_ino
    assert holder(tmp_path) is None
    with hold(tmp_path, NOW):
        assert (tmp_path / "lock").stat().st_ino == inode


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, tmp_path], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert f"process {process.pid} on " in (holder(tmp_path) or "")
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert holder(tmp_path) is None
    with hold(tmp_path, NOW):
        pass


def test_a_surviving_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    with hold(tmp_path, NOW):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        assert holder(tmp_path) is None
    finally:
        child.kill()
        child.wait()


def test_who_waited_for_a_run_that_is_cleaned_away_owns_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two processes could each hold a lock, one of them of a file that is gone."""
    monkeypatch.setattr(lock, "TRIES", 1500)  # it waits for us for half a minute, if it must
    folder = tmp_path / "r"
    entered = threading.Event()

    def wait() -> None:
        with hold(folder, NOW):
            assert (folder / "lock").is_file()
            assert holder(folder) is not None
            entered.set()

    waiting = threading.Thread(target=wait)
    with hold(folder, NOW):
        waiting.start()
        until(lambda: _times_opened(folder / "lock") == 2)
        (folder / "lock").unlink()
        folder.rmdir()
    waiting.join()
    assert entered.is_set()


def _times_opened(path: Path) -> int:
    """How many of our descriptors are of that file."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += each.readlink() == path
    return count


def test_a_folder_that_is_removed_before_its_lock_is_made_is_made_again(tmp_path: Path) -> None:
    """Once, at any instant in which it is empty."""
    folder = tmp_path / "r"

    def remove(is_over: threading.Event) -> None:
        while not is_over.is_set():
            with contextlib.suppress(OSError):
                folder.rmdir()
                return

    for _ in range(50):
        is_over = threading.Event()
        removing = threading.Thread(target=remove, args=(is_over,))
        removing.start()
        with hold(folder, NOW):
            is_over.set()
        removing.join()
        (folder / "lock").unlink()
        folder.rmdir()


def test_what_a_lock_says_is_cleaned(tmp_path: Path) -> None:
    with hold(tmp_path, NOW):
        (tmp_path / "lock").write_text("\x1b[31mme\u202e\n" + "x" * 1000)
        assert holder(tmp_path) == "me " + "x" * 289
        (tmp_path / "lock").write_text("")
        assert holder(tmp_path) == "another process"


def test_a_link_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="Cannot open the lock"):
        holder(tmp_path)
    with pytest.raises(StorageError, match="Cannot open the lock"), hold(tmp_path, NOW):
        pass
    assert not (tmp_path / "elsewhere").exists()
