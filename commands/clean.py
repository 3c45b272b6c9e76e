"""``dispatch clean RUN | --all``: remove what runs left in the repository."""

import contextlib
import sys
from argparse import Namespace
from pathlib import Path

from ..gitops.cleanup import clean
from ..gitops.names import check_run_name
from ..state.clock import SystemClock
from ..state.errors import DispatchError, ExitCode, UsageError
from ..state.lock import hold
from ..state.redact import shown
from .folders import run_names, runs_folder


def run(args: Namespace) -> int:
    """Remove one run, or every one; a run that a process is working on is refused.

    With ``--all``, a run that cannot be removed does not keep the others; the exit code is then
    that of the first refusal.
    """
    if args.all == (args.name is not None):
        raise UsageError("clean takes the name of a run, or --all.", "See `dispatch clean --help`")
    folder = runs_folder(args.repo)
    if args.name is not None:
        _clean(args.repo, folder, args.name, args.force)
        return ExitCode.DONE
    names = run_names(folder)
    if not names:
        print("There is nothing to clean.", file=sys.stderr)
    codes = [_clean_or_say(args.repo, folder, name, args.force) for name in names]
    return next((code for code in codes if code), ExitCode.DONE)


def _clean_or_say(repo: Path, folder: Path, name: str, force: bool) -> ExitCode:
    try:
        _clean(repo, folder, name, force)
    except DispatchError as error:
        print(f"dispatch: {shown(str(error))}", file=sys.stderr)
        return error.exit_code
    return ExitCode.DONE


def _clean(repo: Path, folder: Path, name: str, force: bool) -> None:
    there = (folder / check_run_name(name)).is_dir()
    # Held while its folder goes: nobody may start the run in the middle of that.
    alone = hold(folder / name, SystemClock().now()) if there else contextlib.nullcontext()
    with alone:
        done = clean(repo, name, force)
    for sentence in done.kept:
        print(f"dispatch: {shown(sentence)}", file=sys.stderr)
    for ref, commit in done.refs:
        print(f"{ref} at {commit[:12]} went", file=sys.stderr)
    if done.folder or done.refs:
        print(f"cleaned {name}")
    else:
        print(f"There was nothing of a run {name}.", file=sys.stderr)
