"""Verbs that show something and change nothing of a run."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from .verb import RUN_HELP, Verb, add_json, add_repo


def _add_status(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="one run in detail (default: all)")
    add_json(parser)
    add_repo(parser)


def _add_report(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format",
        choices=("path", "md", "html", "json"),
        default="path",
        help="where it is, or its text (default: path)",
    )
    parser.add_argument("--open", action="store_true", help="show the page in your browser")
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
        (
            "dispatch report login-form                 where report.md is; report.html is beside",
            "dispatch report login-form --open          the page, in your browser",
            "dispatch report login-form --format json   all it tells, for scripts",
        ),
        _add_report,
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
