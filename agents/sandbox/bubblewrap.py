"""Tier 1: bubblewrap.  A command sees the system's programs, its tree and its own folders, no more.

It has namespaces of its own for users, processes, mounts, network, IPC and names, no capabilities,
and a filter of system calls.  Its processes end when it ends or we do: they live in a process
namespace that dies with its first process, and that dies with our thread.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ...state.enums import SandboxTier
from . import bridge, forwarder
from .launcher import SYSTEM_PATH, Inside, Launch, bridge_words
from .limited import limited
from .policy import Sandbox, WayOut
from .seccomp import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, program
from .system_files import MERGED, SYSTEM

HOME: Final = Path("/home/agent")
TEMPORARY: Final = Path("/tmp")
PROXY: Final = Path("/run/dispatch/proxy.sock")
GATEWAY: Final = Path("/run/dispatch/gateway.sock")
FORWARDER: Final = Path("/run/dispatch/forwarder.py")
HAND_OFF: Final = Path("/run/dispatch/hand-off.sock")
BRIDGE: Final = Path("/run/dispatch/bridge.py")
TMPFS_BYTES: Final = 64 * 1024 * 1024  # of each folder that is made of memory

# In a network of its own a command may talk to itself; other families, such as the one that
# reaches the machine below a virtual one, know no namespaces.
FAMILIES: Final = (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK)

# Real uid 0 may write below /proc/sys without any capability; the rest is what containers mask.
_PROC_READ_ONLY: Final = ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs")
_PROC_HIDDEN: Final = (
    "/proc/kcore",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
)


def locate() -> str | None:
    """The system's bubblewrap; one below a home or a repository is not looked for."""
    return shutil.which("bwrap", path=SYSTEM_PATH)


class BubblewrapLauncher:
    """Starts commands through the system's bubblewrap."""

    tier = SandboxTier.BUBBLEWRAP
    reaches_hosts = True

    def __init__(self, bubblewrap: str) -> None:
        """``bubblewrap``: the program, by an absolute path."""
        self._begin = (bubblewrap, *_namespaces(), *_system())

    def inside(self, sandbox: Sandbox) -> Inside:
        """The same for every command, wherever its folders really are."""
        hand_off = None if sandbox.hand_off is None else HAND_OFF
        return Inside(home=HOME, temporary=TEMPORARY, bridge=bridge_words(BRIDGE, hand_off))

    @contextlib.contextmanager
    def launch(self, words: Sequence[str], cwd: Path, sandbox: Sandbox) -> Iterator[Launch]:
        """bubblewrap with the sandbox as arguments, and the filter in a file of memory."""
        filter_file = os.memfd_create("seccomp", os.MFD_CLOEXEC)
        try:
            os.write(filter_file, program(FAMILIES))
            os.lseek(filter_file, 0, os.SEEK_SET)
            yield Launch(
                argv=(
                    *self._begin,
                    *_folders(sandbox),
                    *("--remount-ro", "/"),
                    *("--seccomp", str(filter_file)),
                    *("--chdir", str(cwd)),
                    "--",
                    *limited(_with_ways(words, sandbox), sandbox.limits),
                ),
                descriptors=(filter_file,),
            )
        finally:
            os.close(filter_file)


def _namespaces() -> tuple[str, ...]:
    return (
        *("--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"),
        "--unshare-cgroup-try",
        "--die-with-parent",
        "--new-session",
        *("--cap-drop", "ALL"),
        *("--hostname", "sandbox"),
    )


def _system() -> tuple[str, ...]:
    words = list[str]()
    for path in filter(os.path.exists, SYSTEM):
        words += ("--ro-bind", path, path)
    for path in filter(os.path.lexists, MERGED):
        if Path(path).is_symlink():  # into /usr, which is there
            words += ("--symlink", str(Path(path).readlink()), path)
        else:
            words += ("--ro-bind", path, path)
    words += ("--proc", "/proc", "--dev", "/dev")
    for path in filter(os.path.exists, _PROC_READ_ONLY):
        words += ("--ro-bind", path, path)
    for path in filter(os.path.exists, _PROC_HIDDEN):
        words += ("--ro-bind", "/dev/null", path)
    for path in ("/run", "/dev/shm"):
        words += ("--size", str(TMPFS_BYTES), "--tmpfs", path)
    return (*words, "--dir", "/var", "--symlink", str(TEMPORARY), "/var/tmp")


def _folders(sandbox: Sandbox) -> tuple[str, ...]:
    """What differs from command to command; what is mounted later lies over what came before."""
    words = list[str]()
    for inner, outer in ((TEMPORARY, sandbox.temporary), (HOME, sandbox.home)):
        words += ("--bind", str(outer), str(inner))
    for path in sandbox.read_only:
        words += ("--ro-bind-try", str(path), str(path))
    ways = _ways(sandbox)
    for way, place in ways:
        words += ("--ro-bind", str(way.socket), str(place))
    if ways:
        words += ("--ro-bind", forwarder.__file__, str(FORWARDER))
    if sandbox.hand_off is not None:
        words += ("--ro-bind", str(sandbox.hand_off), str(HAND_OFF))
        words += ("--ro-bind", bridge.__file__, str(BRIDGE))
    worktree = str(sandbox.worktree)
    words += ("--bind" if sandbox.is_writable else "--ro-bind", worktree, worktree)
    if sandbox.shadow is not None:
        folder = str(sandbox.shadow.folder)
        for path in sandbox.shadow.borrowed:
            words += ("--ro-bind-try", str(path), str(path))
        words += ("--bind", folder, folder)
    pointer = f"{worktree}/.git"
    if os.path.lexists(pointer):
        own = pointer if sandbox.shadow is None else str(sandbox.shadow.pointer)
        words += ("--ro-bind", own, pointer)
    return tuple(words)


def _ways(sandbox: Sandbox) -> tuple[tuple[WayOut, Path], ...]:
    """What ports of the command's network lead to, and where their sockets are in the sandbox."""
    ways = ((sandbox.proxy, PROXY), (sandbox.gateway, GATEWAY))
    return tuple((way, place) for way, place in ways if way is not None)


def _with_ways(words: Sequence[str], sandbox: Sandbox) -> Sequence[str]:
    """The command, started once ports of its network lead to what is ours outside."""
    python = (os.path.realpath(sys.executable), "-I", "-S", str(FORWARDER))
    for way, place in _ways(sandbox):
        words = (*python, str(place), str(way.port), *words)
    return words
