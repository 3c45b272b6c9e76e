"""Durable files: the order of the system calls, and what a failure leaves."""

import os
import stat
from pathlib import Path

import pytest
from fakes.audit_faults import fail_once

from dispatch.state import durable
from dispatch.state.durable import (
    make_folder,
    read_regular,
    replace,
    sync_file_system,
    sync_method,
    write_text_atomic,
)
from dispatch.state.errors import StorageError


def test_a_file_is_replaced_and_the_previous_one_kept(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for content in (b"1", b"2", b"3"):
        replace(path, content, previous="f.prev")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {
        "f": b"3",
        "f.prev": b"2",
    }


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    (tmp_path / "f.tmp").symlink_to(victim)
    replace(tmp_path / "f", b"new")
    assert victim.read_text() == "untouched"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "victim"]


def test_a_folder_in_the_place_of_the_file_stays(tmp_path: Path) -> None:
    """[P-10] A rename that the kernel refuses."""
    (tmp_path / "f").mkdir()
    with pytest.raises(StorageError, match=r"^Cannot write .*/f: Is a directory \(\d+ MiB free\)"):
        replace(tmp_path / "f", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file or directory"):
        replace(tmp_path / "none" / "f", b"new")


def test_a_failing_device_gets_its_own_hint(tmp_path: Path) -> None:
    with fail_once("os.rename", "f.tmp", 5), pytest.raises(StorageError) as caught:
        replace(tmp_path / "f", b"new")
    assert caught.value.hint.startswith("The device failed: copy the folder")


def test_a_report_keeps_its_mode_and_never_fails_for_odd_text(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_text_atomic(path, "one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o640)
    write_text_atomic(path, "a\ud800b")
    assert path.read_text() == "a\\ud800b"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_report_may_stand_in_a_linked_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    write_text_atomic(tmp_path / "link" / "report.md", "text")
    assert (tmp_path / "real" / "report.md").read_text() == "text"


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    for made in (tmp_path / "a", tmp_path / "a" / "b"):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Cannot create"):
        make_folder(tmp_path / "file" / "c")


def test_reading_is_bounded_and_only_of_regular_files(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 100)
    assert read_regular(path, 10) == b"x" * 11
    assert read_regular(path, 100) == b"x" * 100
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(path)
    for name in ("pipe", "link", "."):
        with pytest.raises(OSError, match=r"regular file|symbolic links"):
            read_regular(tmp_path / name, 10)


def test_a_file_system_is_synced_and_the_way_can_be_said(tmp_path: Path) -> None:
    sync_file_system(tmp_path)
    expected = {"syncfs", "sync of all file systems, because this C library has no syncfs"}
    assert sync_method() in expected
    syncfs = durable.libc_syncfs()
    if syncfs is not None:
        with pytest.raises(OSError, match="Bad file descriptor"):
            syncfs(-1)
    with pytest.raises(StorageError, match="Cannot sync"):
        sync_file_system(tmp_path / "none")
