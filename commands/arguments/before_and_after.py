"""Verbs for what comes before a run spends much, and for what is done with its result."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from .running import while_it_runs
from .verb import RUN_HELP, Verb, add_json, add_repo


def _add_plan(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="name (default: run-DATE-TIME, UTC)")
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="what is to be done (default: spec.md)"
    )
    parser.add_argument(
        "--skip-baseline", action="store_true", help="do not compare with the build before the run"
    )
    parser.add_argument("--edit", action="store_true", help="change the plan in $VISUAL or $EDITOR")
    parser.add_argument(
        "--no-wait", action="store_true", help="at a terminal, too, do not ask for your word on it"
    )
    while_it_runs(parser, to_its_end=False)
    add_json(parser)
    add_repo(parser)


def _add_diff(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--task", metavar="ID", help="only the work of this task")
    parser.add_argument("--stat", action="store_true", help="only the files, with lines")
    add_json(parser)
    add_repo(parser)


def _add_pr(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--create", action="store_true", help="push the branch and open it (default: show it)"
    )
    parser.add_argument(
        "--remote", default="origin", metavar="NAME", help="where to push (default: origin)"
    )
    parser.add_argument("--base", metavar="BRANCH", help="into which (default: where it began)")
    parser.add_argument("--title", metavar="TEXT", help="(default: the first heading of the spec)")
    parser.add_argument("--draft", action="store_true", help="open it as a draft")
    add_json(parser)
    add_repo(parser)


def _add_export(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format", choices=("atif",), default="atif", help="ATIF trajectories (default: atif)"
    )
    parser.add_argument("--task", metavar="ID", help="only the agents of this task")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where to (default: export/ in the run's folder)"
    )
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
    Verb(
        "diff",
        "show what a run, or one of its tasks, changed",
        (
            "dispatch diff login-form",
            "dispatch diff login-form --stat",
            "dispatch diff login-form --task 2a-form",
        ),
        _add_diff,
    ),
    Verb(
        "pr",
        "show the pull request of a run that is done, or open it with gh",
        (
            "dispatch pr login-form                  look at it; nothing leaves your machine",
            "dispatch pr login-form --create         push the branch and open it",
        ),
        _add_pr,
    ),
    Verb(
        "export",
        "write the conversations of a run in a format of other programs",
        ("dispatch export login-form --format atif --output trajectories",),
        _add_export,
    ),
)
