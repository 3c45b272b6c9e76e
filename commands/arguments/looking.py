"""Verbs that show something and change nothing of a run."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Final

from ...state.enums import Role
from .verb import RUN_HELP, Verb, add_color, add_events, add_json, add_repo


def _add_status(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="one run in detail (default: all)")
    add_json(parser)
    add_repo(parser)


def _add_logs(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "-f", "--follow", action="store_true", help="go on until no process works on the run"
    )
    parser.add_argument("--task", metavar="ID", help="only what concerns this task")
    parser.add_argument(
        "--role",
        choices=[role.value for role in Role],
        metavar="ROLE",
        help=f"only agents of this role: {', '.join(Role)}",
    )
    parser.add_argument(
        "--since", type=int, default=0, metavar="SEQ", help="only events after this number"
    )
    add_json(parser)
    add_repo(parser)


def _add_attach(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    add_events(parser)
    add_color(parser)
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
    add_json(parser)
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
    add_json(parser)
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
        "logs",
        "show what happened in a run, also while it happens",
        (
            "dispatch logs login-form -f                     watch a run in another terminal",
            "dispatch logs login-form --task 1a-form --role implementer",
            "dispatch logs login-form --json --since 120     what came after event 120",
        ),
        _add_logs,
    ),
    Verb(
        "attach",
        "watch a run that another process works on",
        (
            "dispatch attach login-form          Ctrl-C ends the watching, not the run",
            "dispatch attach login-form --json   for scripts; its exit code is the run's",
        ),
        _add_attach,
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
