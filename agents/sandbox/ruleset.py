"""What a command may reach of the file system, as a ruleset of the kernel's Landlock.

A ruleset is made by us and handed to the command's launcher as a descriptor.  The numbers are those
of linux/landlock.h; the three calls have the same number on every architecture.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from attrs import frozen

MIN_ABI: Final = 3  # below it a file could be emptied that may not be written

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_VERSION: Final = 1  # flag of create_ruleset: only tell the version
_PATH_BENEATH: Final = 1

_EXECUTE: Final = 1 << 0
_WRITE_FILE: Final = 1 << 1
_READ_FILE: Final = 1 << 2
_READ_DIR: Final = 1 << 3
_REMOVE_FILE: Final = 1 << 5
_MAKE_CHAR: Final = 1 << 6
_MAKE_REG: Final = 1 << 8
_MAKE_BLOCK: Final = 1 << 11
_TRUNCATE: Final = 1 << 14
_IOCTL_DEV: Final = 1 << 15
_ALL_BY_ABI: Final = ((5, (1 << 16) - 1), (3, (1 << 15) - 1))
_OF_A_FILE: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

# Of the other things a ruleset handles none is ever allowed: connecting and listening over TCP
# (ABI 4), abstract sockets and signals of processes outside (ABI 6).
_TCP: Final = 0b11
_SCOPES: Final = 0b11

READ: Final = _READ_FILE | _READ_DIR
READ_AND_RUN: Final = READ | _EXECUTE
# Everything but making devices and controlling them.
WRITE: Final = ((1 << 15) - 1) & ~(_MAKE_CHAR | _MAKE_BLOCK)
DEVICE: Final = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
# Files whose names must be known: they cannot be listed.
NAMED_FILES: Final = _READ_FILE | _WRITE_FILE | _TRUNCATE | _MAKE_REG | _REMOVE_FILE

_libc = ctypes.CDLL(None, use_errno=True)


@frozen
class Rule:
    """``rights`` on a file, or on everything below a folder; nothing there: no rule."""

    path: Path
    rights: int


def abi() -> int:
    """The version of the kernel's Landlock; 0: it has none, or it is switched off."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def make(rules: Iterable[Rule]) -> int:
    """A new descriptor of the ruleset that allows what the rules say and nothing else.

    Raises OSError when the kernel refuses.
    """
    version = abi()
    handled = next(rights for since, rights in _ALL_BY_ABI if version >= since or since == MIN_ABI)
    fields = [handled]
    if version >= 4:
        fields.append(_TCP)
    if version >= 6:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    size = ctypes.c_size_t(len(attributes))
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, attributes, size, 0), "a ruleset")
    try:
        for rule in rules:
            _add(ruleset, rule, handled)
    except OSError:
        os.close(ruleset)
        raise
    return ruleset


def _add(ruleset: int, rule: Rule, handled: int) -> None:
    try:
        file = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # not there, or not for us: then it is not for the command either
        return
    try:
        rights = rule.rights & handled
        if not rule.path.is_dir():
            rights &= _OF_A_FILE
        beneath = struct.pack("=Qi", rights, file)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, beneath, 0), str(rule.path))
    finally:
        os.close(file)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock refuses {what}: {os.strerror(number)}")
    return result
