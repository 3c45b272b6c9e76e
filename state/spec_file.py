"""The spec, which says what is to be done."""

from pathlib import Path
from typing import Final

from .durable import read_regular
from .errors import UsageError

SPEC: Final = "spec.md"  # of a repository, and of a run's folder
MAX_BYTES: Final = 1024 * 1024
# What `dispatch init` writes.
UNFILLED_SPEC: Final = """\
# What is to be done

Say what should be there in the end, and how one can tell. A planner reads this and the repository
and makes tasks of it; what is not said here is decided by agents.

## Wanted

- …

## Not wanted

- …

## How to tell that it is done

- …
"""


def read_spec(path: Path) -> str:
    """The text of a spec; raises UsageError for what is none."""
    hint = "Write what is to be done into it; `dispatch init` makes one to start from."
    if not path.exists():
        raise UsageError(f"There is no spec {path}.", hint)
    if not path.is_file():  # a pipe could not be read again by a process of its own
        what = "a folder" if path.is_dir() else "no regular file"
        raise UsageError(f"The spec {path} is {what}.", "Name a file of text.")
    data = read_regular(path, MAX_BYTES)
    if len(data) > MAX_BYTES:
        what = f"The spec {path} is larger than {MAX_BYTES // 1024**2} MiB."
        raise UsageError(what, "Keep what is to be done, and leave the rest in files beside it.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"The spec {path} is not UTF-8: {error.reason}."
        raise UsageError(what, "Save it as UTF-8.") from None
    if not text.strip():
        raise UsageError(f"The spec {path} is empty.", hint)
    return text
