"""One command from start to end, in the thread that calls, with nothing of it left alive."""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from attrs import frozen

from ...state.alive import alive_seconds
from ...state.disk import disk_errors, refusal
from ...state.redact import Redactor
from .cgroup import grouped
from .launcher import Launch
from .line import Line
from .output import OutputFile
from .policy import MAX_TIMEOUT_SECONDS, CommandLimits
from .processes import end_command

TICK_SECONDS: Final = 0.05  # how soon an ending or a cancellation is noticed
CLOSED_TICK_SECONDS: Final = 0.01  # most commands end right after they close their output
MAX_DRAIN_SECONDS: Final = 1.0  # for the last output, once every process has ended

_CHUNK: Final = 1 << 16
_NOT_BEGUN: Final = b"?"

Sink = Callable[[bytes], object]


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


@frozen(kw_only=True)
class Talk:
    """A program that is listened to while it runs, in the thread that runs it.

    ``stdin`` is all that it is told, or the line to tell it more; ``heard`` gets each piece of its
    standard output, ``errors`` becomes the file of the other one.  ``stop`` is asked again and
    again why it has to end; empty: it may go on.
    """

    stdin: bytes | Line
    heard: Callable[[bytes], None]
    errors: Path
    stop: Callable[[], str]


def execute(
    launch: AbstractContextManager[Launch],
    cwd: Path,
    variables: Mapping[str, str],
    output: Path,
    limits: CommandLimits,
    mark: str,
    cancelled: threading.Event,
    redactor: Redactor | None = None,
    talk: Talk | None = None,
) -> Ended:
    """Start a program in a session of its own and see it, and all it started, to the end.

    ``mark`` is its mark in ``variables``; ``redactor`` takes secrets out of its output.  Without a
    ``talk`` it is told nothing, and all that it says is one output.  A program that cannot be
    started ends with exit code 127 and the reason as its output.  Raises NotBegun,
    StorageError when the machine refuses, OSError when the output cannot be written.
    """
    started = alive_seconds()
    with (
        disk_errors(output),
        _told(b"" if talk is None else talk.stdin) as (told, begun),
        contextlib.ExitStack() as files,
        OutputFile(output, limits.output_bytes, redactor) as file,
        grouped(mark, limits) as into_its_group,
    ):
        errors = None
        if talk is not None:
            errors = files.enter_context(OutputFile(talk.errors, limits.output_bytes, redactor))
        try:
            with launch as start:
                process = subprocess.Popen(
                    (*into_its_group, *start.argv),
                    cwd=cwd,
                    env=dict(variables),
                    stdin=told,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT if errors is None else subprocess.PIPE,
                    start_new_session=True,
                    pass_fds=start.descriptors,
                )
        except OSError as error:
            if refused := refusal(error, cwd):
                raise refused from error
            said = errors or file
            said.write(f"cannot start the command in {cwd}: {error.strerror}\n".encode())
            code, stopped, is_begun = 127, "", True  # as where a shell finds no program
        else:
            code, stopped = _follow(process, (file, errors), talk, limits, mark, cancelled)
            is_begun = bool(stopped) or begun()
        for each in (file, errors):
            if each is not None:
                each.finish(stopped)
        if not is_begun:
            raise NotBegun((errors or file).last_line() or f"it ended with {code} and said nothing")
        return Ended(
            exit_code=None if stopped or code < 0 else code,
            signal=-code if code < 0 else None,
            stopped=stopped,
            seconds=round(alive_seconds() - started, 3),
            output_bytes=file.total,
            truncated=file.truncated,
        )


def _told(stdin: bytes | Line) -> AbstractContextManager[tuple[int, Callable[[], bool]]]:
    if isinstance(stdin, Line):
        return nullcontext((stdin.theirs.fileno(), stdin.begun))
    return _input(stdin)


@contextlib.contextmanager
def _input(data: bytes) -> Iterator[tuple[int, Callable[[], bool]]]:
    """A file of memory with all that a program is told, and whether the program was begun.

    A file, so that no full pipe can stop anybody.  In front of what is told stands one byte, which
    the shell of BEGIN writes over: that moves everybody who has the file open to what is told.
    """
    file = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        left = memoryview(_NOT_BEGUN + data)
        while left:
            left = left[os.write(file, left) :]
        os.lseek(file, 0, os.SEEK_SET)
        yield file, lambda: os.pread(file, 1, 0) != _NOT_BEGUN
    finally:
        os.close(file)


def _follow(
    process: "subprocess.Popen[bytes]",
    files: tuple[OutputFile, OutputFile | None],
    talk: Talk | None,
    limits: CommandLimits,
    mark: str,
    cancelled: threading.Event,
) -> tuple[int, str]:
    """The exit code (negative: a signal) and what stopped it, once nothing of it is alive."""

    def heard(data: bytes) -> None:
        files[0].write(data)
        if talk is not None:
            talk.heard(data)

    sinks = dict[int, Sink]()
    with contextlib.ExitStack() as pipes:
        for pipe, file in zip((process.stdout, process.stderr), files, strict=True):
            if pipe is not None and file is not None:
                pipes.enter_context(pipe)
                os.set_blocking(pipe.fileno(), False)
                sinks[pipe.fileno()] = heard if file is files[0] else file.write
        try:
            stop = (lambda: "") if talk is None else talk.stop
            stopped = _until_it_ends(process.pid, sinks, limits, cancelled, stop)
        finally:
            end_command(process.pid, mark, limits.grace_seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            code = process.wait()
        until = alive_seconds() + MAX_DRAIN_SECONDS
        while sinks and alive_seconds() < until:
            _pass_on(sinks, TICK_SECONDS)
    return code, stopped


def _until_it_ends(
    pid: int,
    sinks: dict[int, Sink],
    limits: CommandLimits,
    cancelled: threading.Event,
    stop: Callable[[], str],
) -> str:
    """Pass output on until the process has ended (it is not waited for) or must be stopped."""
    now = alive_seconds()
    timeout = min(limits.timeout_seconds, MAX_TIMEOUT_SECONDS)
    end, heard = now + timeout, now
    while not _has_ended(pid):
        if sinks:
            count = _pass_on(sinks, TICK_SECONDS)
        else:
            count = 0
            time.sleep(CLOSED_TICK_SECONDS)
        now = alive_seconds()
        heard = now if count else heard
        if cancelled.is_set():
            return "ended because the run was stopped"
        if why := stop():
            return why
        if now > end:
            return f"ended after the time limit of {timeout:g} seconds"
        if now - heard > limits.silence_seconds:
            return f"ended after {limits.silence_seconds:g} seconds without output"
    return ""


def _pass_on(sinks: dict[int, Sink], wait: float) -> int:
    """Move what is there, waiting at most ``wait`` seconds; how many bytes.

    A pipe that has come to its end is left out from then on.
    """
    count = 0
    for pipe in select.select([*sinks], [], [], wait)[0]:
        if data := os.read(pipe, _CHUNK):
            sinks[pipe](data)
            count += len(data)
        else:
            del sinks[pipe]
    return count


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
