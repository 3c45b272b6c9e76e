"""``dispatch teardown RUN``: remove a run's worktrees and keep everything else."""

from argparse import Namespace

from ..gitops.cleanup import teardown
from ..state.clock import SystemClock
from ..state.errors import ExitCode
from ..state.lock import hold
from .folders import folder_of
from .json_output import print_json


def run(args: Namespace) -> int:
    """Remove the worktrees, unless a process is at work in them, and say how many there were."""
    folder = folder_of(args.repo, args.name)
    with hold(folder, SystemClock().now()):
        count = teardown(folder)
    if args.json:
        print_json(run=args.name, worktrees=count)
    else:
        print(f"removed {count} worktree{'' if count == 1 else 's'} of run {args.name}")
    return ExitCode.DONE
