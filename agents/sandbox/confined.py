"""The program around a command in tier 2, run by file: ``confined.py PARENT RULESET FILTER WORDS``.

It has a process of its own because a program with threads cannot do this between fork and exec.  It
imports only the standard library, and little of it: every command waits for its start.

``PARENT`` is the process id of who started it, ``RULESET`` and ``FILTER`` are descriptors.  It ends
as the command ended, also by a signal, or with 126 when the command could not be confined; either
way nothing that the command started is left.
"""

import ctypes
import os
import signal
import struct
import sys
import time

NOT_CONFINED = 126
MAX_ROUNDS = 100
ROUND_SECONDS = 0.002
PARENT_ENDED = signal.SIGHUP  # nobody else sends it: there is no terminal

_PR_SET_PDEATHSIG = 1
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_CLEAR_ALL = 4
_SECCOMP_FILTER = 2
_RESTRICT_SELF = 446
_CAPABILITIES = 64
_CAPABILITY_VERSION = 0x20080522
_INSTRUCTION_BYTES = 8
_MAX_FILTER_BYTES = 4096 * _INSTRUCTION_BYTES

_libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Run the command to its end, then end like it."""
    parent, ruleset, filter_file = map(int, arguments[:3])
    ours = {signal.SIGCHLD, PARENT_ENDED}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ours)
    # Who wants the command to end asks its processes, and they decide.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, PARENT_ENDED)
    if os.getppid() != parent:
        os._exit(NOT_CONFINED)
    child = os.fork()
    if child == 0:
        _become(arguments[3:], ruleset, filter_file, before)
    status = _wait(child, ours)
    _end_descendants()
    _end_like(status)


def _become(words: list[str], ruleset: int, filter_file: int, mask: set[int]) -> None:
    """Turn into the command, confined; never returns."""
    try:
        os.setpgid(0, 0)  # what it sends to its process group must not reach us
        _drop_capabilities()
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        code = os.read(filter_file, _MAX_FILTER_BYTES)
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
        os.close(ruleset)
        os.close(filter_file)
        for number in (signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # the interpreter and we ignore them
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _filter(code)
        os.execvp(words[0], words)
    except BaseException as error:
        os.write(2, f"cannot confine {words[:1]}: {error}\n".encode())
    finally:
        os._exit(NOT_CONFINED)


def _drop_capabilities() -> None:
    """Also those that uid 0 would get back when it starts a program."""
    for number in range(_CAPABILITIES):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0):
            break  # the last one was dropped, or we may not: then nothing can be gained either
    _prctl(_PR_CAP_AMBIENT, _CLEAR_ALL)
    header = struct.pack("=Ii", _CAPABILITY_VERSION, 0)
    _checked(_libc.capset(header, bytes(24)))


def _filter(code: bytes) -> None:
    buffer = ctypes.create_string_buffer(code, len(code))
    length = len(code) // _INSTRUCTION_BYTES
    program = struct.pack("@HP", length, ctypes.addressof(buffer))
    _checked(_libc.prctl(_PR_SET_SECCOMP, _SECCOMP_FILTER, program, 0, 0))


def _wait(child: int, ours: set[signal.Signals]) -> int:
    """The command's wait status; that of a kill when our parent ended first."""
    while True:
        if signal.sigwait(ours) == PARENT_ENDED:
            return signal.SIGKILL
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == child:
                return status
            if pid == 0:
                break


def _end_descendants() -> None:
    """Whatever the command forked has become ours to wait for, however it left its session."""
    for _ in range(MAX_ROUNDS):
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        # Stopped first, so that none of them can start another while the others are ended.
        found: set[int] = set()
        while new := _descendants() - found:
            for pid in new:
                _send(pid, signal.SIGSTOP)
            found |= new
        for pid in found:
            _send(pid, signal.SIGKILL)
        time.sleep(ROUND_SECONDS)


def _descendants() -> set[int]:
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes as long to load as we to start
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    parents[int(name)] = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
    found = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= new
    return found - {os.getpid()}


def _end_like(status: int) -> None:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        import resource  # only where it is needed: every command waits for our start

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


def _send(pid: int, number: int) -> None:
    try:  # noqa: SIM105
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, value, 0, 0, 0))


def _checked(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(sys.argv[1:])
