"""Every executor that is a program of its own: one file and one row each."""

from collections.abc import Mapping
from typing import Final

from .ax import Ax
from .claude import Claude
from .codex import Codex
from .delegation import DelegationExecutor
from .gemini import Gemini
from .opencode import Opencode

EXECUTORS: Final[Mapping[str, DelegationExecutor]] = {
    executor.name: executor for executor in (Ax(), Claude(), Codex(), Gemini(), Opencode())
}
