"""Locks of the run's own refs in the user's repository that a killed git left behind.

Nobody sets these refs but the run, whose owner asks here; the user's gc may lock one for as long as
it packs it, for which git itself waits a tenth of a second.  A lock that stays the same file for a
whole second was left.  Locks of the user's own refs and files are never touched.
"""

import time
from pathlib import Path
from typing import Final

LEFT_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 0.05


def remove_left_locks(common_dir: Path, run_name: str) -> None:
    """Remove the locks that nobody holds any more; a second passes only where there are some."""
    left = _locks(common_dir, run_name)
    deadline = time.monotonic() + LEFT_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        left &= _locks(common_dir, run_name)
    for path, _, _ in left:
        path.unlink(missing_ok=True)


def _locks(common_dir: Path, run_name: str) -> set[tuple[Path, int, int]]:
    """Each lock as the file it is: another git's would be another one."""
    refs = common_dir / "refs"
    own = (refs / "heads" / "dispatch", refs / "notes" / "dispatch")
    paths = [folder / f"{run_name}.lock" for folder in own]
    paths += (refs / "dispatch" / run_name).rglob("*.lock")  # no ref can be named so
    found = set()
    for path in paths:
        try:
            is_ = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        found.add((path, is_.st_ino, is_.st_ctime_ns))
    return found
