"""``dispatch retry RUN``: go on with a run that failed."""

from argparse import Namespace

from ..fsm.retrying import retried
from ..state.colour import Colour
from ..wiring import prepare_start
from .detached import detach
from .folders import open_run
from .run import carry, tell


def run(args: Namespace) -> int:
    """Have what failed done again, then carry the run on as ``dispatch run`` does."""
    open_run(args.repo, args.name)  # a run that is not there is refused, not begun
    start = prepare_start(args.repo, name=args.name, spec=None, skip_baseline=False, again=True)
    if args.detach:
        return detach(start, args)
    status = carry(
        start,
        verbose=args.verbose,
        grace=args.grace,
        wait=not args.no_wait,
        sandboxed=not args.no_sandbox,
        colour=Colour(args.color),
        begin=lambda run: retried(run, start.clock.now(), args.task),
        events=args.json,
    )
    return tell(start, status, events=args.json)
