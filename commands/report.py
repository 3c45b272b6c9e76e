"""``dispatch report RUN``: where a run's report is, or its text."""

import os
from argparse import Namespace
from pathlib import Path

from ..fsm.lifecycle import FINAL
from ..fsm.report import render_report
from ..fsm.report_file import REPORT, difference
from ..state.clock import SystemClock
from ..state.durable import write_text_atomic
from ..state.errors import ExitCode
from ..state.records import Run
from ..state.redact import Redactor, secrets_of
from .folders import open_run
from .json_output import print_json


def run(args: Namespace) -> int:
    """Print the report's path or its text; one that is missing is made from the document."""
    folder, document = open_run(args.repo, args.name)
    path = folder / REPORT
    if not path.is_file():
        diff, end = _difference(document, folder), _end(document)
        text = render_report(document, gate_diff=diff, now=end)
        write_text_atomic(path, Redactor(secrets_of(os.environ)).text(text))
    if args.json:
        print_json(run=document.name, status=document.status, report=str(path))
        return ExitCode.DONE
    print(path if args.format == "path" else path.read_text(encoding="utf-8").rstrip("\n"))
    return ExitCode.DONE


def _difference(run: Run, folder: Path) -> str:
    try:
        return difference(run, folder)
    except FileNotFoundError:
        return ""  # the outputs were thrown away: the report says that there is nothing to compare


def _end(run: Run) -> str:
    """When a run ended, or now; so that a report made again says the same."""
    if run.status in FINAL and run.history:
        return run.history[-1].at
    return SystemClock().now()
