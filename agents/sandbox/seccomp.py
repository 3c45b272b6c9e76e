"""The system calls no command may make: a filter for the kernel, assembled from a table.

The filter is classic BPF over ``struct seccomp_data`` (linux/seccomp.h): the number of the call at
offset 0, the architecture at 4, the arguments from 16 on, eight bytes each.  It is a second belt
over namespaces or Landlock: what it refuses are calls that builds do not make and that have led
out of containers, or that reach where those two do not look.
"""

import platform
import struct
from collections.abc import Mapping
from functools import cache
from typing import Final

from attrs import frozen

# Number on x86_64 and on aarch64; null: the architecture has no such call.
REFUSED: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "iopl": (172, None),
    "ioperm": (173, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}
# What a command without namespaces of its own can reach of others with: SysV memory and queues.
REFUSED_WHERE_SHARED: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "ioprio_set": (251, 30),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgget": (68, 186),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
}
# Calls that change a process, and where they name it: there only 0, the caller, is allowed.
OF_ITSELF_WHERE_SHARED: Final[Mapping[str, tuple[int, int, int]]] = {
    "prlimit64": (302, 261, 0),
    "sched_setaffinity": (203, 122, 0),
    "sched_setattr": (314, 274, 0),
    "sched_setparam": (142, 118, 0),
    "sched_setscheduler": (144, 119, 0),
    "setpriority": (141, 140, 1),
}
AF_UNIX: Final = 1
AF_INET: Final = 2
AF_INET6: Final = 10
AF_NETLINK: Final = 16  # how libraries ask which addresses there are

_NEW_NAMESPACES: Final = 0x7E020080  # every CLONE_NEW* flag of clone(2)
_PRIO_USER: Final = 2  # setpriority for every process of a user
_TIOCSTI: Final = 0x5412  # types into the terminal's input
_TIOCLINUX: Final = 0x541C  # pastes into a console
_X32: Final = 0x40000000  # the x32 calls of an x86_64 kernel

_ALLOW: Final = 0x7FFF0000
_KILL: Final = 0x80000000
_EPERM: Final = 0x00050001
_ENOSYS: Final = 0x00050026

_LOAD: Final = 0x20
_RETURN: Final = 0x06
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45


@frozen
class _Machine:
    """What differs between architectures: its AUDIT_ARCH number, its column, some calls."""

    arch: int
    column: int
    clone: int
    clone3: int
    ioctl: int
    socket: int


_MACHINES: Final[Mapping[str, _Machine]] = {
    "x86_64": _Machine(0xC000003E, 0, clone=56, clone3=435, ioctl=16, socket=41),
    "aarch64": _Machine(0xC00000B7, 1, clone=220, clone3=435, ioctl=29, socket=198),
}


def is_supported(machine: str = platform.machine()) -> bool:
    """Whether a filter can be made for this architecture."""
    return machine in _MACHINES


@cache
def program(
    families: tuple[int, ...], machine: str = platform.machine(), *, shared: bool = False
) -> bytes:
    """The filter as the kernel takes it, eight bytes an instruction.

    ``families`` are the address families a socket may have, ``shared`` says that the command has no
    namespaces of its own.  Raises KeyError for an architecture without a table.
    """
    of = _MACHINES[machine]
    refused = {**REFUSED, **REFUSED_WHERE_SHARED} if shared else REFUSED
    # Of another architecture every number means something else, so nothing of it may run.
    code = [_load(4), _jump(_EQUAL, of.arch, 1, 0), _answer(_KILL), _load(0)]
    if of.column == 0:
        code += [_jump(_AT_LEAST, _X32, 0, 1), _answer(_EPERM)]
    for name in sorted(refused):
        number = refused[name][of.column]
        if number is not None:
            code += [_jump(_EQUAL, number, 0, 1), _answer(_EPERM)]
    # The flags of clone3 are behind a pointer; without it libraries take clone, whose can be read.
    code += [_jump(_EQUAL, of.clone3, 0, 1), _answer(_ENOSYS)]
    code += _when(of.clone, [_load(16), _jump(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _answer(_EPERM)])
    stuffing = [_load(24)]
    for request in (_TIOCSTI, _TIOCLINUX):
        stuffing += [_jump(_EQUAL, request, 0, 1), _answer(_EPERM)]
    code += _when(of.ioctl, stuffing)
    if shared:
        code += _only_itself(of)
    allowed = [_load(16)]
    for family in families:
        allowed += [_jump(_EQUAL, family, 0, 1), _answer(_ALLOW)]
    code += _when(of.socket, [*allowed, _answer(_EPERM)])
    return b"".join([*code, _answer(_ALLOW)])


def _only_itself(of: _Machine) -> list[bytes]:
    code = list[bytes]()
    for name in sorted(OF_ITSELF_WHERE_SHARED):
        *numbers, argument = OF_ITSELF_WHERE_SHARED[name]
        body = [_load(16 + 8 * argument), _jump(_EQUAL, 0, 1, 0), _answer(_EPERM)]
        if name == "setpriority":
            body += [_load(16), _jump(_EQUAL, _PRIO_USER, 0, 1), _answer(_EPERM)]
        code += _when(numbers[of.column], body)
    return code


def _when(number: int, body: list[bytes]) -> list[bytes]:
    """The body for one call only; what it does not answer is allowed."""
    return [_jump(_EQUAL, number, 0, len(body) + 1), *body, _answer(_ALLOW)]


def _load(offset: int) -> bytes:
    return struct.pack("=HBBI", _LOAD, 0, 0, offset)


def _jump(test: int, value: int, if_so: int, if_not: int) -> bytes:
    return struct.pack("=HBBI", test, if_so, if_not, value)


def _answer(action: int) -> bytes:
    return struct.pack("=HBBI", _RETURN, 0, 0, action)
