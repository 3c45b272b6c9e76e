"""Verbs that carry a run on."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Final

from .verb import RUN_HELP, Verb, add_json, add_repo

DEFAULT_GRACE: Final = 10.0  # fsm.stopping.GRACE_SECONDS, which is not loaded for --help
MAX_GRACE: Final = 3600.0


def _add_run(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="name (default: run-DATE-TIME, UTC)")
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="what is to be done (default: spec.md)"
    )
    parser.add_argument(
        "--skip-baseline", action="store_true", help="do not compare with the build before the run"
    )
    _while_it_runs(parser)
    add_repo(parser)


def _add_retry(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--task", metavar="ID", help="run this task again and no other")
    _while_it_runs(parser)
    add_repo(parser)


def _add_answer(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("id", nargs="?", metavar="ID", help="the question (default: show them)")
    parser.add_argument("answer", nargs="?", metavar="ANSWER", help="one of the allowed words")
    parser.add_argument("--note", default="", metavar="TEXT", help="kept with the answer")
    add_json(parser)
    add_repo(parser)


def _while_it_runs(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--no-sandbox", action="store_true", help="let agents' commands touch whatever you can"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="end with exit code 3 when only you can go on"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what agents say as they say it"
    )
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=DEFAULT_GRACE,
        metavar="SECONDS",
        help=f"what agents get to hand in after Ctrl-C (default: {DEFAULT_GRACE:g})",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= MAX_GRACE:
        raise ArgumentTypeError(f"{text} is not between 0 and {MAX_GRACE:g} seconds")
    return seconds


VERBS: Final = (
    Verb(
        "run",
        "start a run, or continue it where it stopped",
        (
            "dispatch                       start a run named by date and time",
            "dispatch login-form            start or continue the run login-form",
            "dispatch run x --spec todo.md  another spec than spec.md",
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
        "mcp",
        "serve tools by which another program starts, watches and answers runs",
        ("dispatch mcp --repo ~/shop     a server of tools, by its standard streams",),
        add_repo,
    ),
)
