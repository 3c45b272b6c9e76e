"""Verbs that show something and change nothing of a run."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from ...state.enums import Role
from .verb import RUN_HELP, Verb, add_json, add_repo


def _add_status(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="one run in detail (default: all)")
    add_json(parser)
    add_repo(parser)


def _add_report(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format", choices=("path", "md"), default="path", help="where it is, or its text"
    )
    add_repo(parser)


def _add_route(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="the run that it is for")
    of = parser.add_mutually_exclusive_group()
    of.add_argument("--task", metavar="ID", help="only who implements this task")
    roles = tuple(role.value for role in Role)
    of.add_argument("--role", choices=roles, metavar="ROLE", help=f"one of {', '.join(roles)}")
    parser.add_argument("--execute", action="store_true", help="have the run follow the advice")
    add_json(parser)
    add_repo(parser)


def _add_graph(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--machine", choices=("run", "task"), default="run", help="whose lifecycle (default: run)"
    )
    parser.add_argument(
        "--format",
        choices=("mermaid", "dot", "svg", "png"),
        default="mermaid",
        help="text, or a picture made by graphviz (default: mermaid)",
    )
    parser.add_argument("--run", dest="name", metavar="RUN", help="mark where this run stands")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--output", type=Path, metavar="FILE", help="write there, not to stdout")
    target.add_argument(
        "--write", type=Path, metavar="FILE", help="renew the diagrams and tables of a document"
    )
    add_repo(parser)


VERBS: Final = (
    Verb(
        "status",
        "show where runs stand and what to do next",
        (
            "dispatch status                every run of this repository",
            "dispatch status login-form     one run in detail",
            "dispatch status --json         for scripts",
        ),
        _add_status,
    ),
    Verb(
        "report",
        "show a run's report",
        ("dispatch report login-form", "dispatch report login-form --format md"),
        _add_report,
    ),
    Verb(
        "route",
        "show who should do which work, by what your past runs cost and came to",
        (
            "dispatch route                               every role, as it is configured",
            "dispatch route login-form --task 2a-form     one task of a run",
            "dispatch route login-form --role critic --execute",
        ),
        _add_route,
    ),
    Verb(
        "graph",
        "draw the lifecycle of runs or tasks",
        (
            "dispatch graph                                     mermaid text",
            "dispatch graph --run login-form --format svg --output now.svg",
            "dispatch graph --write spec.md                     refresh a document",
        ),
        _add_graph,
    ),
)
