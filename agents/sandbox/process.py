"""One command from start to end, in the thread that calls, with nothing of it left alive."""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from attrs import frozen

from ...state.alive import alive_seconds
from ...state.disk import disk_errors, refusal
from ...state.redact import Redactor
from .cgroup import grouped
from .launcher import Launch
from .output import OutputFile
from .policy import MAX_TIMEOUT_SECONDS, CommandLimits
from .processes import end_command

TICK_SECONDS: Final = 0.05  # how soon an ending or a cancellation is noticed
CLOSED_TICK_SECONDS: Final = 0.01  # most commands end right after they close their output
MAX_DRAIN_SECONDS: Final = 1.0  # for the last output, once every process has ended

_CHUNK: Final = 1 << 16


class NotBegun(Exception):
    """What was to hold a command did not stand, so it never ran; the text says why."""


@frozen(kw_only=True)
class Ended:
    """How a command ended; ``stopped`` says which limit ended it, empty: it ended by itself."""

    exit_code: int | None
    signal: int | None
    stopped: str
    seconds: float
    output_bytes: int
    truncated: bool


def execute(
    launch: AbstractContextManager[Launch],
    cwd: Path,
    variables: Mapping[str, str],
    output: Path,
    limits: CommandLimits,
    mark: str,
    cancelled: threading.Event,
    redactor: Redactor | None = None,
) -> Ended:
    """Start a program in a session of its own and see it, and all it started, to the end.

    ``mark`` is its mark in ``variables``; ``redactor`` takes secrets out of its output.  A program
    that cannot be started ends with exit code 127 and the reason as its output.  Raises NotBegun,
    StorageError when the machine refuses, OSError when the output cannot be written.
    """
    started = alive_seconds()
    with (
        disk_errors(output),
        _told_of_its_beginning() as (begun, tells),
        OutputFile(output, limits.output_bytes, redactor) as file,
        grouped(mark, limits) as into_its_group,
    ):
        try:
            with launch as start:
                process = subprocess.Popen(
                    (*into_its_group, *start.argv),
                    cwd=cwd,
                    env=dict(variables),
                    stdin=tells,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=start.descriptors,
                )
        except OSError as error:
            if refused := refusal(error, cwd):
                raise refused from error
            file.write(f"cannot start the command in {cwd}: {error.strerror}\n".encode())
            file.finish("")
            code, stopped = 127, ""
        else:
            code, stopped = _follow(process, file, limits, mark, cancelled)
            file.finish(stopped)
            if not stopped and not begun():
                raise NotBegun(file.last_line() or f"it ended with {code} and said nothing")
        return Ended(
            exit_code=None if stopped or code < 0 else code,
            signal=-code if code < 0 else None,
            stopped=stopped,
            seconds=round(alive_seconds() - started, 3),
            output_bytes=file.total,
            truncated=file.truncated,
        )


@contextlib.contextmanager
def _told_of_its_beginning() -> Iterator[tuple[Callable[[], bool], int]]:
    """Whether the command was begun, to be asked once it has ended, and its input: see BEGIN."""
    hears, tells = os.pipe()
    try:
        os.set_blocking(hears, False)

        def begun() -> bool:
            with contextlib.suppress(BlockingIOError):
                return bool(os.read(hears, 1))
            return False

        yield begun, tells
    finally:
        os.close(hears)
        os.close(tells)


def _follow(
    process: "subprocess.Popen[bytes]",
    file: OutputFile,
    limits: CommandLimits,
    mark: str,
    cancelled: threading.Event,
) -> tuple[int, str]:
    """The exit code (negative: a signal) and what stopped it, once nothing of it is alive."""
    assert process.stdout is not None
    with process.stdout as pipe:
        os.set_blocking(pipe.fileno(), False)
        try:
            stopped = _until_it_ends(process.pid, pipe.fileno(), file, limits, cancelled)
        finally:
            end_command(process.pid, mark, limits.grace_seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            code = process.wait()
        until = alive_seconds() + MAX_DRAIN_SECONDS
        while alive_seconds() < until and _pass_on(pipe.fileno(), file, TICK_SECONDS) is not None:
            pass
    return code, stopped


def _until_it_ends(
    pid: int, pipe: int, file: OutputFile, limits: CommandLimits, cancelled: threading.Event
) -> str:
    """Pass output on until the process has ended (it is not waited for) or must be stopped."""
    now = alive_seconds()
    timeout = min(limits.timeout_seconds, MAX_TIMEOUT_SECONDS)
    end, heard = now + timeout, now
    is_open = True
    while not _has_ended(pid):
        if is_open:
            count = _pass_on(pipe, file, TICK_SECONDS)
            is_open = count is not None
        else:
            count = 0
            time.sleep(CLOSED_TICK_SECONDS)
        now = alive_seconds()
        heard = now if count else heard
        if cancelled.is_set():
            return "ended because the run was stopped"
        if now > end:
            return f"ended after the time limit of {timeout:g} seconds"
        if now - heard > limits.silence_seconds:
            return f"ended after {limits.silence_seconds:g} seconds without output"
    return ""


def _pass_on(pipe: int, file: OutputFile, wait: float) -> int | None:
    """Move what is there, waiting at most ``wait`` seconds; how many bytes, null at the end."""
    if not select.select([pipe], [], [], wait)[0]:
        return 0
    data = os.read(pipe, _CHUNK)
    file.write(data)
    return len(data) if data else None


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
