"""``dispatch report RUN``: where a run's report is, its text, or the page in a browser."""

import json
import os
import webbrowser
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..fsm.lifecycle import FINAL
from ..fsm.page.facts import Facts, as_data
from ..fsm.report_file import PAGE, REPORT, difference, gather, put_report
from ..gitops.store import RunRepository
from ..state.clock import SystemClock
from ..state.errors import ExitCode, UsageError
from ..state.records import Run
from ..state.redact import Redactor, secrets_of
from .folders import open_run

NOW: Final = "report-so-far"  # the folder for the report of a run that has not ended
FILES: Final[Mapping[str, str]] = {"path": REPORT, "md": REPORT, "html": PAGE}


def run(args: Namespace) -> int:
    """Print the report's path or its text, or open the page.

    What is missing is made from the document.  A run that has not ended gets its report so far, in
    a folder of its own: the files beside the document are its owner's to write.
    """
    folder, document = open_run(args.repo, args.name)
    redact = Redactor(secrets_of(os.environ))
    if args.json or args.format == "json":
        facts = _facts(folder, document, redact)
        print(json.dumps(redact.value(as_data(facts)), indent=2))
        return ExitCode.DONE
    place = folder if document.status in FINAL else folder / NOW
    if place != folder or not all((folder / name).is_file() for name in (PAGE, REPORT)):
        place.mkdir(exist_ok=True)
        put_report(place, _facts(folder, document, redact), redact)
    if args.open:
        return _open(place / PAGE)
    path = place / FILES[args.format]
    print(path if args.format == "path" else path.read_text(encoding="utf-8").rstrip("\n"))
    return ExitCode.DONE


def _open(page: Path) -> ExitCode:
    print(page)
    if not webbrowser.open(page.absolute().as_uri()):
        raise UsageError(
            "No browser could be started for the report.",
            "Open the path above in one, or say which in the variable BROWSER.",
        )
    return ExitCode.DONE


def _facts(folder: Path, run: Run, redact: Redactor) -> Facts:
    repository = RunRepository(folder.parent.parent, folder, run.name)
    told = _difference(run, folder)
    return gather(run, repository, difference=told, now=_end(run), redact=redact)


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
