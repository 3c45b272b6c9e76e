"""``dispatch clean RUN | --all``: remove what runs left in the repository."""

import contextlib
import sys
from argparse import Namespace
from pathlib import Path

from ..gitops.cleanup import CleanReport, clean
from ..gitops.names import check_run_name
from ..state.clock import SystemClock
from ..state.errors import DispatchError, ExitCode, UsageError
from ..state.lock import hold
from ..state.redact import shown
from .folders import run_names, runs_folder
from .json_output import print_json


def run(args: Namespace) -> int:
    """Remove one run, or every one; a run that a process is working on is refused.

    With ``--all``, a run that cannot be removed does not keep the others; the exit code is then
    that of the first refusal.
    """
    if args.all == (args.name is not None):
        raise UsageError("clean takes the name of a run, or --all.", "See `dispatch clean --help`")
    folder = runs_folder(args.repo)
    names = (args.name,) if args.name is not None else run_names(folder)
    cleaned, refused = list[CleanReport](), dict[str, DispatchError]()
    for name in names:
        try:
            cleaned.append(_clean(args.repo, folder, name, args.force))
        except DispatchError as error:
            if not args.all:
                raise
            refused[name] = error
            print(f"dispatch: {shown(str(error))}", file=sys.stderr)
        else:
            if not args.json:
                _tell(cleaned[-1])
    if args.json:
        print_json(
            cleaned=[_as_data(each) for each in cleaned],
            refused=[{"run": name, "message": shown(str(e))} for name, e in refused.items()],
        )
    elif not names:
        print("There is nothing to clean.", file=sys.stderr)
    return next((error.exit_code for error in refused.values()), ExitCode.DONE)


def _clean(repo: Path, folder: Path, name: str, force: bool) -> CleanReport:
    there = (folder / check_run_name(name)).is_dir()
    # Held while its folder goes: nobody may start the run in the middle of that.
    alone = hold(folder / name, SystemClock().now()) if there else contextlib.nullcontext()
    with alone:
        return clean(repo, name, force)


def _tell(done: CleanReport) -> None:
    for sentence in done.kept:
        print(f"dispatch: {shown(sentence)}", file=sys.stderr)
    for ref, commit in done.refs:
        print(f"{ref} at {commit[:12]} went", file=sys.stderr)
    if done.folder or done.refs:
        print(f"cleaned {done.run_name}")
    else:
        print(f"There was nothing of a run {done.run_name}.", file=sys.stderr)


def _as_data(done: CleanReport) -> dict[str, object]:
    return {
        "run": done.run_name,
        "folder": done.folder,
        "refs": [{"ref": ref, "commit": commit} for ref, commit in done.refs],
        "kept": [shown(sentence) for sentence in done.kept],
    }
