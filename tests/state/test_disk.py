"""What the machine refuses is recognised wherever it comes from, and told in a sentence."""

import errno
import os
from pathlib import Path

import pytest
from fakes.tiny_disk import needs_root, tiny_disk

from dispatch.state.disk import DISK_HINTS, disk_errors, refusal, refused, trouble
from dispatch.state.errors import ExitCode, StorageError


def _full(name: str | int | None = None) -> OSError:
    error = OSError(errno.ENOSPC, "No space left on device")
    error.filename = name
    return error


def test_a_refusal_names_the_file_the_reason_what_is_free_and_what_to_do(tmp_path: Path) -> None:
    found = refusal(_full(str(tmp_path / "f")))
    assert found is not None
    assert found.message.startswith(f"Cannot use {tmp_path}/f: No space left on device (")
    assert found.message.endswith(" MiB free).")
    assert found.hint == "Free some space, then run the same command again."
    assert found.exit_code is ExitCode.STORAGE


def test_where_the_error_names_no_file_the_callers_is_named() -> None:
    place = Path("/proc/self")
    for error in (_full(), _full(7)):
        assert str(refusal(error, place)).startswith(f"Cannot use {place}: No space left")
        assert str(refusal(error)).startswith("No space left on device. Free")


@pytest.mark.parametrize("code", sorted(DISK_HINTS))
def test_every_refusal_has_a_hint(code: int) -> None:
    found = refusal(OSError(code, os.strerror(code), "/nowhere/f"))
    assert found is not None
    assert found.message == f"Cannot use /nowhere/f: {os.strerror(code)}."
    assert found.hint == DISK_HINTS[code]


def test_what_a_refusal_led_to_is_one_and_so_is_a_group_that_holds_one() -> None:
    """A library says that the connection failed, and means that no file could be opened."""
    wrapped = ValueError("no connection")
    wrapped.__context__ = KeyError("x")
    wrapped.__context__.__cause__ = OSError(errno.EMFILE, "Too many open files")
    hint = "Allow more open files (`ulimit -n`), then run the same command again."
    assert str(refusal(wrapped)) == f"Too many open files. {hint}"
    group = ExceptionGroup("both", [ValueError("x"), wrapped])
    assert str(refusal(group)) == f"Too many open files. {hint}"


def test_memory_and_threads_that_are_not_to_be_had_are_refusals() -> None:
    assert str(refusal(MemoryError())).startswith("Cannot allocate memory. Free some memory")
    no_thread = RuntimeError("can't start new thread")
    assert str(refusal(no_thread)).startswith("Resource temporarily unavailable. End some")


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), FileNotFoundError(errno.ENOENT, "gone"), PermissionError(errno.EACCES, "no")],
)
def test_other_errors_are_none(error: Exception) -> None:
    assert refusal(error) is None


def test_an_error_that_goes_round_in_circles_is_looked_at_and_left() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert refusal(one) is None


def test_inside_of_a_block_only_refusals_change(tmp_path: Path) -> None:
    with (
        pytest.raises(StorageError, match=f"Cannot use {tmp_path}: No space"),
        disk_errors(tmp_path),
    ):
        raise _full()
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        (tmp_path / "gone").read_text()


def test_a_refusal_of_the_machine_does_not_speak_of_space(tmp_path: Path) -> None:
    assert "MiB free" not in str(refused("open", tmp_path, errno.EMFILE))
    assert "MiB free" in str(refused("open", tmp_path, errno.EDQUOT))


@needs_root
def test_trouble_is_found_on_a_full_and_on_a_read_only_file_system(tmp_path: Path) -> None:
    place = tmp_path / "disk"
    place.mkdir()
    assert trouble((place, tmp_path / "gone")) is None
    with tiny_disk(place, 1024) as disk:
        assert trouble((tmp_path, place)) is None
        disk.fill()
        full = f"Cannot write below {place}: No space left on device (0 MiB free)."
        assert str(trouble((tmp_path, place))).startswith(full)
        disk.free()
        disk.set(kib=1024, read_only=True)
        assert str(trouble((place,))).startswith(f"Cannot write below {place}: Read-only file")
