"""Runs the git program: hardened, bounded in time and output, its failures in sentences."""

import contextlib
import os
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final

from attrs import frozen

from ..state.alive import TICK_SECONDS, alive_seconds
from ..state.disk import DISK_HINTS, disk_errors, refusal, trouble
from ..state.errors import GitError, StorageError, UsageError
from ..state.marks import own_mark
from .hardening import ENVIRONMENT, PATH, SETTINGS

OLDEST_GIT: Final = (2, 38)  # the first with ``merge-tree --write-tree``
TIMEOUT_SECONDS: Final = 600.0
OUTPUT_LIMIT: Final = 256 * 1024 * 1024  # bytes of stdout; more is an error unless it may be cut
_FATAL: Final = 128  # what git exits with after a `fatal:`
ERROR_LIMIT: Final = 64 * 1024  # bytes of stderr that are read; the rest is dropped
ERROR_SHOWN: Final = 2000  # characters of stderr in a message
_CHUNK: Final = 64 * 1024


@frozen
class Output:
    """What a git command printed; ``truncated`` when stdout was cut at the limit."""

    stdout: bytes
    stderr: str
    code: int
    truncated: bool = False


@frozen
class Place:
    """Where a command works; everything is named, nothing is ever looked for."""

    git_dir: Path
    common_dir: Path | None = None
    work_tree: Path | None = None
    index: Path | None = None

    def environment(self) -> dict[str, str]:
        """The variables that tell git."""
        places = {
            "GIT_DIR": self.git_dir,
            "GIT_COMMON_DIR": self.common_dir,
            "GIT_WORK_TREE": self.work_tree,
            "GIT_INDEX_FILE": self.index,
        }
        return {name: str(path) for name, path in places.items() if path is not None}

    def folders(self) -> tuple[Path, ...]:
        """Where a command may write."""
        return tuple(each for each in (self.git_dir, self.common_dir, self.work_tree) if each)


def git(
    place: Place | None,
    *arguments: str,
    stdin: bytes | IO[bytes] = b"",
    accept: Sequence[int] = (0,),
    settings: Mapping[str, str] | None = None,
    variables: Mapping[str, str | None] | None = None,
    cwd: Path = Path("/"),
    limit: int = OUTPUT_LIMIT,
    cut: bool = False,
    timeout: float = TIMEOUT_SECONDS,
) -> Output:
    """Run one git command; raises GitError when its exit code is not in ``accept``.

    Raises StorageError, whatever is accepted, when the disk or the machine refused.

    ``settings`` are configuration keys that win over every file; ``variables`` change the
    environment (null: taken out).  ``limit`` is in bytes: output beyond it is dropped when it may
    be ``cut``, else an error.  ``timeout`` is in seconds.
    """
    if not arguments:
        raise GitError("git was called without a subcommand.")
    subcommand = arguments[0]
    environment = {
        **ENVIRONMENT,
        **_as_variables({**SETTINGS, **(settings or {})}),
        **(place.environment() if place else {}),
        **(variables or {}),
        **own_mark(),
    }
    present = {name: value for name, value in environment.items() if value is not None}
    output = _run([git_path(), *arguments], present, cwd, stdin, limit, timeout)
    if output is None:
        raise GitError(f"git {subcommand} did not end within {timeout:g} seconds.")
    if output.truncated:
        if cut:
            return output
        raise GitError(f"git {subcommand} printed more than {limit} bytes.")
    for errno, hint in DISK_HINTS.items() if output.code else ():
        if os.strerror(errno) in output.stderr:
            raise StorageError(f"git {subcommand} exited {output.code}: {output.stderr}.", hint)
    # Git does not always say why it could not write.
    failed = output.code not in accept or output.code == _FATAL
    if failed and place is not None and (found := trouble(place.folders())):
        raise found
    if output.code not in accept:
        raise GitError(f"git {subcommand} exited {output.code}: {output.stderr or 'no message'}")
    return output


@cache
def git_path() -> str:
    """The absolute path of the git program; raises UsageError when there is none."""
    found = shutil.which("git", path=PATH)
    if found is None:
        raise UsageError("There is no git program.", f"Install git; looked in {PATH}.")
    return str(Path(found).absolute())


def check_git_version() -> None:
    """Raise UsageError when git is too old for what we ask of it."""
    text = git(None, "version").stdout.decode("utf-8", "replace").strip()
    match = re.search(r"(\d+)\.(\d+)", text)
    if match is None or (int(match[1]), int(match[2])) < OLDEST_GIT:
        oldest = ".".join(map(str, OLDEST_GIT))
        raise UsageError(f"{git_path()} is too old: {text}.", f"Install git {oldest} or newer.")


def shown(path: bytes) -> str:
    """A path as text; bytes that are not UTF-8 become ``\\xNN``."""
    return path.decode("utf-8", "backslashreplace")


def _as_variables(settings: Mapping[str, str]) -> dict[str, str]:
    # As strong as ``-c``, but a key may hold an equals sign.
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def _run(
    command: Sequence[str],
    environment: Mapping[str, str],
    cwd: Path,
    stdin: bytes | IO[bytes],
    limit: int,
    timeout: float,
) -> Output | None:
    with tempfile.TemporaryFile() as given:
        if isinstance(stdin, bytes):
            with disk_errors(Path(tempfile.gettempdir())):
                given.write(stdin)
                given.seek(0)
            stdin = given
        try:
            process = subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=environment,
                start_new_session=True,  # a terminal's Ctrl-C must not stop it half-way
            )
        except OSError as error:
            if found := refusal(error):
                raise found from error
            raise GitError(f"git could not be started in {cwd}: {error.strerror}.") from error
        with process:
            try:
                return _read(process, limit, timeout)
            finally:
                _end(process)


def _read(process: subprocess.Popen[bytes], limit: int, timeout: float) -> Output | None:
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = bytearray(), bytearray()
    deadline = alive_seconds() + timeout
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        while selector.get_map():
            left = deadline - alive_seconds()
            if left <= 0:
                return None
            for key, _ in selector.select(left):
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    selector.unregister(key.fileobj)
                elif key.data is out:
                    out += chunk
                    if len(out) > limit:
                        return Output(bytes(out[:limit]), _cleaned(err), -1, truncated=True)
                elif len(err) < ERROR_LIMIT:
                    err += chunk
    while alive_seconds() < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return Output(bytes(out), _cleaned(err), process.wait(TICK_SECONDS))
    return None


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _cleaned(text: bytearray) -> str:
    lines = bytes(text).decode("utf-8", "backslashreplace").split("\n")
    joined = " / ".join(line.strip() for line in lines if line.strip())
    printable = "".join(char if char.isprintable() else "?" for char in joined)
    return printable[:ERROR_SHOWN]
