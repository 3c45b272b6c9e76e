"""``dispatch stop RUN``: what Ctrl-C does, from another terminal."""

import contextlib
import signal
import sys
from argparse import Namespace
from typing import Final

from ..state.errors import DispatchError, ExitCode
from ..state.owner import owner_of
from .folders import folder_of
from .json_output import print_json

NOW_SECONDS: Final = 10.0  # that a process may take to end at once


def run(args: Namespace) -> int:
    """Ask the process that works on the run to stop, and wait until it has.

    ``--now`` is the second Ctrl-C, too.  A run that nobody works on is stopped already.
    """
    folder = folder_of(args.repo, args.name)
    owner = owner_of(folder)
    if owner is None:
        _tell(args, None, f"no process is working on run {args.name}")
        return ExitCode.DONE
    with contextlib.closing(owner):
        owner.signal(signal.SIGTERM)
        if args.now:
            owner.signal(signal.SIGINT)  # another one: two of a kind may arrive as one
        elif args.wait:
            print(f"dispatch: process {owner.pid} was asked to stop", file=sys.stderr)
        if not owner.ended(NOW_SECONDS if args.now else args.wait):
            raise _still_there(args, owner.pid)
    _tell(args, owner.pid, f"stopped run {args.name}; what was done is kept")
    return ExitCode.DONE


def _tell(args: Namespace, pid: int | None, sentence: str) -> None:
    if args.json:
        print_json(run=args.name, stopped=pid is not None, process=pid)
    else:
        print(sentence)


def _still_there(args: Namespace, pid: int) -> DispatchError:
    if args.now:
        return DispatchError(
            f"Process {pid} did not end within {NOW_SECONDS:g} seconds.",
            f"`kill -KILL {pid}` loses nothing that was saved.",
        )
    return DispatchError(
        f"Process {pid} was asked to stop and has not ended within {args.wait:g} seconds.",
        f"Its agents may still hand in; to end it at once: dispatch stop {args.name} --now",
    )
