"""Which calls count as changes of a file."""

import os
from pathlib import Path
from typing import NoReturn

import pytest
from crash import cells
from crash.syscalls import why_impossible
from crash.sysfault import supervise


@pytest.mark.skipif(bool(why_impossible()), reason=why_impossible() or "possible")
def test_what_a_shell_throws_away_changes_no_file(tmp_path: Path) -> None:
    """It asks for ``/dev/null`` to be made, which no disk is too full for."""
    command = f"echo kept 2>/dev/null >{tmp_path}/file; echo lost >/dev/null"

    def shell() -> NoReturn:
        os.execv("/bin/sh", ["sh", "-c", command])

    (outcome,) = cells.results([lambda: supervise(shell)], 1, isolated=False)
    assert (outcome.code, outcome.calls) == (0, ("openat",))
