"""Verbs for what a run leaves behind."""

from argparse import ArgumentParser
from typing import Final

from .verb import RUN_HELP, Verb, add_json, add_repo


def _add_rescue(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--restore", metavar="WORK", help="what to make a branch of, as listed")
    parser.add_argument("--to", metavar="BRANCH", help="the new branch; HEAD stays where it is")
    add_json(parser)
    add_repo(parser)


def _add_teardown(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    add_json(parser)
    add_repo(parser)


def _add_clean(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--all", action="store_true", help="every run of the repository")
    parser.add_argument(
        "--force", action="store_true", help="even if work goes that is nowhere else"
    )
    add_json(parser)
    add_repo(parser)


VERBS: Final = (
    Verb(
        "rescue",
        "list work that was kept when it could not be used, and restore it",
        (
            "dispatch rescue login-form",
            "dispatch rescue login-form --restore 2a-form --to my-form",
        ),
        _add_rescue,
    ),
    Verb(
        "teardown",
        "remove a run's worktrees; its report, document and branch stay",
        ("dispatch teardown login-form",),
        _add_teardown,
    ),
    Verb(
        "clean",
        "remove all that a run left in the repository, branches included",
        (
            "dispatch clean login-form",
            "dispatch clean login-form --force    even if work goes that is nowhere else",
        ),
        _add_clean,
    ),
)
