"""The mark that all which a run starts carries, by which a later start finds what outlived it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

MARKER: Final = "DISPATCH_COMMAND"
OWN: Final = "program"  # what is not started for one command


@contextmanager
def marking(folder: Path) -> Iterator[None]:
    """Have our own children, such as git, carry the mark of the run in ``folder``."""
    before = os.environ.get(MARKER)
    os.environ[MARKER] = f"{folder}/{OWN}"
    try:
        yield
    finally:
        if before is None:
            del os.environ[MARKER]
        else:
            os.environ[MARKER] = before


def own_mark() -> dict[str, str]:
    """What the environment of such a child must hold, as variables."""
    return {MARKER: os.environ[MARKER]} if MARKER in os.environ else {}
