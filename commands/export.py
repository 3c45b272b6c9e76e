"""``dispatch export RUN --format atif``: the conversations of a run, for other programs."""

import json
import os
import sys
from argparse import Namespace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from ..agents.atif import trajectory
from ..agents.transcript import TRANSCRIPT, read
from ..fsm.fold import task_named
from ..policy.ledger import attempts_of
from ..state.clean_text import clean
from ..state.durable import make_folder, write_text_atomic
from ..state.errors import DocumentError, ExitCode
from ..state.records import Run
from ..state.redact import Redactor, secrets_of
from ..state.work import Attempt
from .folders import open_run

JSON_VERSION: Final = 1  # of what --json prints; keys are only ever added within one version
FOLDER: Final = "export"  # of the run's folder, where no other is named
ATTEMPTS: Final = "attempts"


def run(args: Namespace) -> int:
    """Write one file per attempt and print the folder that they are in."""
    folder, document = open_run(args.repo, args.name)
    if args.task is not None:
        task_named(document, args.task)
    target = (args.output or folder / FOLDER / args.format).absolute()
    make_folder(target)
    redactor = Redactor(secrets_of(os.environ))
    written, missing = list[str](), list[str]()
    for attempt in attempts_of(document, args.task):
        text = _trajectory(document, attempt, folder)
        if text is None:
            missing.append(attempt.id)
        else:
            write_text_atomic(target / f"{attempt.id}.json", redactor.text(text))
            written.append(f"{attempt.id}.json")
    if missing:
        named = ", ".join(missing)
        print(f"dispatch: No conversation was kept of: {clean(named)}.", file=sys.stderr)
    data = {
        "version": JSON_VERSION,
        "run": document.name,
        "format": args.format,
        "folder": str(target),
        "files": written,
        "missing": missing,
    }
    print(json.dumps(data, indent=2) if args.json else target)
    return ExitCode.DONE


def _trajectory(run: Run, attempt: Attempt, folder: Path) -> str | None:
    """The file's text; null: the attempt left no conversation."""
    path = folder / ATTEMPTS / attempt.id / TRANSCRIPT
    try:
        items = read(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DocumentError(
            f"The conversation of {attempt.id} cannot be read: {error}", hint=f"See {path}"
        ) from None
    of = next((task.id for task in run.tasks if attempt in task.attempts), None)
    return (
        f"{json.dumps(trajectory(run.name, of, attempt, items, version('dispatch')), indent=2)}\n"
    )
