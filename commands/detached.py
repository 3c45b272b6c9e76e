"""``--detach``: the run goes on in a session of its own, whatever becomes of this terminal."""

import contextlib
import os
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Final

from ..agents.sandbox.tiers import choose, unconfined
from ..confining import confining_of
from ..state.clean_text import clean
from ..state.disk import disk_errors
from ..state.errors import ExitCode
from ..state.event_log import EventLog
from ..state.lock import hold
from ..wiring import Start, make_run_folder
from .json_output import print_json

OUTPUT: Final = "output.log"
STARTED: Final = "run.started"
LATEST_BYTES: Final = 256 * 1024  # of events, in which those of a process that just began are
LOOK_SECONDS: Final = 0.1
START_SECONDS: Final = 60.0  # a slow machine's sandbox takes some to be tried
MAX_RELAYED_BYTES: Final = 64 * 1024  # of what a process said that ended at once

_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


def detach(start: Start, args: Namespace) -> int:
    """Have another process carry the run on, as ``args`` say, and print the run's name.

    It is a session leader without a terminal; what it says is appended to ``output.log`` of the
    run's folder.  This one returns when the other has begun; when that ends at once instead, with
    its words and its exit code.
    """
    choice = unconfined() if args.no_sandbox else choose()
    confining_of(start.config, start.target.root, start.folder.parent, choice)
    with hold(start.folder, start.clock.now()):  # another's output must not pass for a refusal's
        make_run_folder(start)  # nothing is refused any more that could be refused before
    path = start.folder / OUTPUT
    with disk_errors(path):
        descriptor = os.open(path, _FLAGS, 0o600)
    try:
        said_before = os.fstat(descriptor).st_size
        process = subprocess.Popen(
            # -P: a folder of the repository must not pass for a module of ours.
            [sys.executable, "-P", "-m", __package__.partition(".")[0], *_words(start, args)],
            cwd=start.target.root,
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    for _ in range(round(START_SECONDS / LOOK_SECONDS)):
        code = process.poll()
        if code is not None:
            sys.stderr.write(_said(path, said_before))
            return code if code >= 0 else ExitCode.FAILED
        if _has_begun(start.folder, process.pid):
            break
        time.sleep(LOOK_SECONDS)
    print(
        f"dispatch: process {process.pid} goes on with run {start.name}, its words are in {path}. "
        f"Watch it: dispatch attach {start.name}",
        file=sys.stderr,
    )
    if args.json:
        print_json(run=start.name, process=process.pid, output=str(path))
    else:
        print(start.name)
    return ExitCode.DONE


def _words(start: Start, args: Namespace) -> list[str]:
    """The command line of the other process."""
    words = [args.verb, start.name, "--repo", str(start.target.root), "--color", args.color]
    words += ["--grace", str(args.grace)]
    for flag in ("no_sandbox", "no_wait", "verbose", "skip_baseline"):
        words += [f"--{flag.replace('_', '-')}"] if vars(args).get(flag) else []
    if vars(args).get("spec") is not None:
        words += ["--spec", str(args.spec.absolute())]
    if vars(args).get("task") is not None:
        words += ["--task", args.task]
    return words


def _has_begun(folder: Path, pid: int) -> bool:
    """Whether a process said that it took the run up."""
    with contextlib.suppress(FileNotFoundError), EventLog(folder, LATEST_BYTES) as log:
        return any(
            (event["type"], event.get("process")) == (STARTED, pid) for _, event in log.new()
        )
    return False


def _said(path: Path, before: int) -> str:
    with path.open("rb") as file:
        file.seek(before)
        return clean(file.read(MAX_RELAYED_BYTES).decode("utf-8", "replace"))
