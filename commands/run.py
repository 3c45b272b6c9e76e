"""``dispatch [run] [RUN]``: start a run, or go on with one."""

import asyncio
import signal
import sys
from argparse import Namespace

from ..agents.sandbox.launcher import PlainLauncher
from ..agents.sandbox.processes import end_run
from ..fsm.engine import drive
from ..fsm.report_file import REPORT, write_report
from ..state.clean_text import clean
from ..state.document import DocumentStore
from ..state.enums import RunStatus
from ..state.errors import ExitCode
from ..state.lock import hold
from ..wiring import Start, make_run_folder, open_ports, prepare_start


def run(args: Namespace) -> int:
    """Carry a run to its end and print its report's path; everything else goes to stderr."""
    start = prepare_start(
        args.repo, name=args.name, spec=args.spec, skip_baseline=args.skip_baseline
    )
    status = carry(start, verbose=args.verbose)
    print(start.folder / REPORT)
    return ExitCode.DONE if status is RunStatus.DONE else ExitCode.FAILED


def carry(start: Start, *, verbose: bool) -> RunStatus:
    """Start a run or go on with it until it is final, and see that its report is there.

    Raises KeyboardInterrupt when it was interrupted, with the document saved.
    """
    make_run_folder(start)
    with hold(start.folder, start.clock.now()):
        store = start.open_store(PlainLauncher().tier)
        end_run(str(start.folder))  # what a killed predecessor started must not meet what we start
        for warning in (*start.warnings, *_unsandboxed(store)):
            print(f"dispatch: warning: {clean(warning)}", file=sys.stderr)
        try:
            return asyncio.run(_carry(start, store, verbose=verbose))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


async def _carry(start: Start, store: DocumentStore, *, verbose: bool) -> RunStatus:
    me = asyncio.current_task()
    assert me is not None  # asyncio.run made it
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, me.cancel)
    async with open_ports(start, store, stream=sys.stderr, verbose=verbose) as ports:
        status = store.run.status
        if status not in (RunStatus.DONE, RunStatus.FAILED):
            status = await drive(ports)
        if status is RunStatus.FAILED or not (start.folder / REPORT).exists():
            await asyncio.to_thread(write_report, store.run, ports)
        failure = store.run.failure
        if status is RunStatus.FAILED and failure is not None:
            reason = f"the run failed while {failure.state}: {failure.message}"
            print(f"dispatch: {clean(reason)}", file=sys.stderr)
        return status


def _unsandboxed(store: DocumentStore) -> tuple[str, ...]:
    if store.run.sandbox != PlainLauncher().tier:
        return ()
    return (
        "commands that agents run are not confined in this version: they can read and write what "
        "you can. They get no keys, a time limit, and are ended as a whole tree.",
    )
