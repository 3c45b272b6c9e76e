"""What a hostile command is, and what shows that it succeeded."""

import shlex
from enum import StrEnum
from typing import Final

from attrs import frozen

SAID: Final = "pwned"


class Sign(StrEnum):
    """What shows that a command succeeded."""

    SECRET = "the secret is in its output"
    SAID = "it says so, after a call that should have been refused"
    CHANGED = "a file or folder of somebody else is new, gone or different"
    CONNECTED = "a listener heard of it"
    HARMED = "the victim is gone, or has other limits or priorities"
    OUTLIVED = "a process of it lives on"


@frozen
class Attack:
    """A command; ``silent`` says why it cannot succeed on this machine even without a sandbox."""

    name: str
    sign: Sign
    command: str
    as_root: bool = False  # an ordinary user cannot do it anyway
    silent: str = ""


def python(code: str) -> str:
    """A program in Python, with what it needs imported."""
    before = "import ctypes,os,socket,sys; e=os.environ; l=ctypes.CDLL(None,use_errno=True)\n"
    return f'"$PY" -I -S -c {shlex.quote(before + code)}'


def call(number: int, *arguments: object) -> str:
    """A system call of x86_64 by its number; it says so when it is not refused."""
    words = ",".join(map(str, (number, *arguments)))
    return python(f"r=l.syscall({words})\nprint('{SAID}' if r>=0 else ctypes.get_errno())")
