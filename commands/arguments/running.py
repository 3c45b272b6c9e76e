"""Verbs that carry a run on."""

import contextlib
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Final

from .verb import RUN_HELP, Verb, add_color, add_events, add_json, add_repo

DEFAULT_GRACE: Final = 10.0  # fsm.stopping.GRACE_SECONDS, which is not loaded for --help
MAX_GRACE: Final = 3600.0
DEFAULT_STOP_WAIT: Final = 60.0


def _add_run(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="name (default: run-DATE-TIME, UTC)")
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="what is to be done (default: spec.md)"
    )
    parser.add_argument(
        "--skip-baseline", action="store_true", help="do not compare with the build before the run"
    )
    parser.add_argument(
        "--approve-plan", action="store_true", help="ask you before the plan is carried out"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="only forecast what it would take; start nothing"
    )
    while_it_runs(parser)
    add_repo(parser)


def _add_retry(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--task", metavar="ID", help="run this task again and no other")
    while_it_runs(parser)
    add_repo(parser)


def _add_answer(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("id", nargs="?", metavar="ID", help="the question (default: show them)")
    parser.add_argument("answer", nargs="?", metavar="ANSWER", help="one of the allowed words")
    parser.add_argument("--note", default="", metavar="TEXT", help="kept with the answer")
    add_json(parser)
    add_repo(parser)


def _add_stop(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--now", action="store_true", help="end it at once: agents at work do not hand in"
    )
    parser.add_argument(
        "--wait",
        type=_seconds,
        default=DEFAULT_STOP_WAIT,
        metavar="SECONDS",
        help=f"how long to wait until it has ended (default: {DEFAULT_STOP_WAIT:g})",
    )
    add_json(parser)
    add_repo(parser)


def while_it_runs(parser: ArgumentParser, *, to_its_end: bool = True) -> None:
    """What every verb takes that lets agents work; ``to_its_end``: not only a plan."""
    if to_its_end:
        add_events(parser)
        parser.add_argument(
            "--no-wait", action="store_true", help="end with exit code 3 when only you can go on"
        )
        parser.add_argument(
            "--detach", action="store_true", help="leave it to a process of its own, and return"
        )
    parser.add_argument(
        "--no-sandbox", action="store_true", help="let agents' commands touch whatever you can"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what agents say as they say it"
    )
    add_color(parser)
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=DEFAULT_GRACE,
        metavar="SECONDS",
        help=f"what agents get to hand in after Ctrl-C (default: {DEFAULT_GRACE:g})",
    )


def _seconds(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (seconds := float(text)) <= MAX_GRACE:
            return seconds
    raise ArgumentTypeError(f"{text!r} is not a number from 0 to {MAX_GRACE:g}")


VERBS: Final = (
    Verb(
        "run",
        "start a run, or continue it where it stopped",
        (
            "dispatch                       start a run named by date and time",
            "dispatch login-form            start or continue the run login-form",
            "dispatch run x --spec todo.md  another spec than spec.md",
            "dispatch run x --json | jq     events, the last one says how it ended",
            "dispatch run x --detach        without this terminal; see dispatch attach",
        ),
        _add_run,
    ),
    Verb(
        "retry",
        "go on with a run that failed",
        (
            "dispatch retry login-form                  run again what failed, then go on",
            "dispatch retry login-form --task 2a-form   run one task again and no other",
        ),
        _add_retry,
    ),
    Verb(
        "answer",
        "show the questions of a run that wait for you, or answer one",
        ("dispatch answer login-form", "dispatch answer login-form 1a-x-dev-1 continue"),
        _add_answer,
    ),
    Verb(
        "stop",
        "stop a run that is at work elsewhere; what was done is kept",
        ("dispatch stop login-form", "dispatch stop login-form --now"),
        _add_stop,
    ),
    Verb(
        "mcp",
        "serve tools by which another program starts, watches and answers runs",
        ("dispatch mcp --repo ~/shop     a server of tools, by its standard streams",),
        add_repo,
    ),
)
