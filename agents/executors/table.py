"""Every executor that is a program of its own: one file and one row each."""

from collections.abc import Mapping
from typing import Final

from .claude import Claude
from .codex import Codex
from .delegation import DelegationExecutor

EXECUTORS: Final[Mapping[str, DelegationExecutor]] = {
    executor.name: executor for executor in (Claude(), Codex())
}
