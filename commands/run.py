"""``dispatch [run] [RUN]``: start a run, or go on with one."""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TextIO

from attrs import evolve

from ..advising import remember
from ..agents.sandbox.processes import end_run
from ..agents.sandbox.tiers import Choice, choose, unconfined
from ..confining import Confining, confining_of
from ..fsm.engine import drive, tell_transition
from ..fsm.report_file import REPORT, write_report
from ..fsm.stopping import GRACE_SECONDS
from ..fsm.telling import telling
from ..fsm.timing import TimedStore
from ..state.alive_loop import AliveLoop
from ..state.colour import Colour, is_coloured
from ..state.document_store import DocumentStore
from ..state.enums import RunStatus, SandboxTier
from ..state.errors import ExitCode, Interrupted
from ..state.lock import hold
from ..state.marks import marking
from ..state.picture import Picture
from ..state.records import Run
from ..state.redact import shown
from ..wiring import Start, make_run_folder, open_ports, prepare_start
from .detached import detach
from .forecasting import DryRun, dry_run, dry_run_data, dry_run_words
from .json_output import print_json
from .live_view import latest_events, live_view
from .signals import heed_signals
from .unexpected import say_refusals_once


def run(args: Namespace) -> int:
    """Carry a run to its end and print its report's path; everything else goes to stderr.

    With ``--dry-run`` print what that would take instead, and start nothing.
    """
    start = prepare_start(
        args.repo,
        name=args.name,
        spec=args.spec,
        skip_baseline=args.skip_baseline,
        approve_plan=args.approve_plan,
    )
    if args.dry_run:
        return _tell_dry(dry_run(start), json=args.json)
    if args.detach:
        return detach(start, args)
    status = carry(
        start,
        verbose=args.verbose,
        grace=args.grace,
        wait=not args.no_wait,
        sandboxed=not args.no_sandbox,
        events=args.json,
        colour=Colour(args.color),
    )
    return tell(start, status, events=args.json)


def _tell_dry(found: DryRun, *, json: bool) -> ExitCode:
    if json:
        print_json(**dry_run_data(found))
    else:
        print(shown("\n".join(dry_run_words(found))))
    return ExitCode.DONE


def tell(start: Start, status: RunStatus, *, events: bool) -> ExitCode:
    """Print where the report of an ended run is, unless the last event said so; the exit code."""
    if not events:
        print(start.folder / REPORT)
    return ExitCode.DONE if status is RunStatus.DONE else ExitCode.FAILED


def carry(
    start: Start,
    *,
    verbose: bool,
    grace: float = GRACE_SECONDS,
    begin: Callable[[Run], Run] | None = None,
    wait: bool = True,
    sandboxed: bool = True,
    events: bool = False,
    colour: Colour = Colour.AUTO,
) -> RunStatus:
    """Start a run or go on with it until it is final, and see that its report is there.

    ``begin`` is an event that changes the document first; ``grace`` is what agents at work get
    when a signal asks the run to stop; ``sandboxed``: commands run in the strongest sandbox there
    is, or nothing is begun; ``events`` go to stdout, too, as they happen.  Raises Interrupted after
    a signal, with the document saved, and Paused where the run cannot go on now: for an answer, a
    budget or a provider.
    """
    say_refusals_once()
    choice = choose(owner=str(start.folder)) if sandboxed else unconfined()
    confining = confining_of(start.config, start.target.root, start.folder.parent, choice)
    with hold(start.folder, start.clock.now()), marking(start.folder):
        make_run_folder(start)
        store = start.open_store(confining)
        if begin is not None:
            store.update(begin)
        end_run(str(start.folder))  # what a killed predecessor started must not meet what we start
        for warning in (*start.warnings, *_announced(choice)):
            print(f"dispatch: warning: {shown(warning)}", file=sys.stderr)
        try:
            with asyncio.Runner(loop_factory=AliveLoop) as runner:
                return runner.run(
                    _carry(
                        start,
                        store,
                        confining,
                        verbose,
                        grace,
                        began=begin is not None,
                        wait=wait,
                        echo=sys.stdout if events else None,
                        coloured=is_coloured(colour, sys.stderr, os.environ),
                    )
                )
        except asyncio.CancelledError:
            raise Interrupted(
                "Interrupted; what was done is kept.", f"Continue it: dispatch {start.name}"
            ) from None


async def _carry(
    start: Start,
    store: DocumentStore,
    confining: Confining,
    verbose: bool,
    grace: float,
    *,
    began: bool,
    wait: bool,
    echo: TextIO | None,
    coloured: bool,
) -> RunStatus:
    picture = Picture(sys.stderr)
    stopping = heed_signals(start.folder, grace, picture)
    timed = TimedStore(store)
    async with open_ports(
        start,
        timed,
        confining,
        keyboard=sys.stdin,
        stream=picture,
        verbose=verbose,
        wait=wait,
        echo=echo,
        coloured=coloured,
    ) as opened:
        ports = evolve(opened, stopping=stopping, worked=timed.worked)
        with telling(ports, resumed=not start.is_new):
            status = store.run.status
            if began:
                tell_transition(ports, store.run.history[-1])
            if status not in (RunStatus.DONE, RunStatus.FAILED):
                with latest_events(start.folder) as events:
                    async with live_view(picture, lambda: store.run, events, coloured=coloured):
                        status = await drive(ports)
                if status in (RunStatus.DONE, RunStatus.FAILED):
                    await asyncio.to_thread(remember, store.run, partial(ports.journal.line, "run"))
            if status is RunStatus.FAILED or not (start.folder / REPORT).exists():
                await asyncio.to_thread(write_report, store.run, ports)
        failure = store.run.failure
        if status is RunStatus.FAILED and failure is not None:
            reason = f"the run failed while {failure.state}: {failure.message}"
            print(f"dispatch: {shown(reason)}", file=sys.stderr)
        return status


def _announced(choice: Choice) -> tuple[str, ...]:
    """What the operator must know of how commands are held; nothing when it is the best there is.

    Of a tier below the first, what it does not hold.
    """
    reasons = "; ".join(choice.reasons)
    match choice.launcher.tier:
        case SandboxTier.BUBBLEWRAP:
            return ()
        case SandboxTier.LANDLOCK:
            return (
                f"the sandbox is reduced to landlock ({reasons}). Commands reach no other file's "
                "content and no network, but see the names of processes, and can change modes and "
                "times of your files and memory that programs share; spec.md names all of it.",
            )
        case SandboxTier.NONE:
            return (
                "commands of agents are not confined, as you said: they can read and write what "
                "you can. Their environment holds no keys, and they end as a whole tree.",
            )
