"""Verbs for what comes before a run spends much, and for what is done with its result."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from .running import while_it_runs
from .verb import Verb, add_json, add_repo


def _add_plan(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="name (default: run-DATE-TIME, UTC)")
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="what is to be done (default: spec.md)"
    )
    parser.add_argument("--edit", action="store_true", help="change the plan in $VISUAL or $EDITOR")
    while_it_runs(parser, waits=False)
    add_json(parser)
    add_repo(parser)


VERBS: Final = (
    Verb(
        "plan",
        "have a plan written, and no more; then approve, change or discard it",
        (
            "dispatch plan login-form          the plan, and a forecast of carrying it out",
            "dispatch plan login-form --edit   change it in your editor",
            "dispatch login-form               approved, it is carried out",
        ),
        _add_plan,
    ),
)
