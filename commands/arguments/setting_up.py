"""Verbs for getting ready."""

from argparse import ArgumentParser
from typing import Final

from .verb import SHELLS, Verb, add_json, add_repo


def _add_doctor(parser: ArgumentParser) -> None:
    add_json(parser)
    add_repo(parser)


def _add_completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def _add_init(parser: ArgumentParser) -> None:
    add_json(parser)
    add_repo(parser)


def _add_demo(parser: ArgumentParser) -> None:
    parser.add_argument("--loops", action="store_true", help="work not right the first time")
    add_json(parser)


def _add_schema(parser: ArgumentParser) -> None:
    parser.add_argument(
        "of",
        nargs="?",
        choices=("config", "events"),
        default="config",
        metavar="WHAT",
        help="config, or events: a line of events.jsonl (default: config)",
    )
    parser.add_argument(
        "--format",
        choices=("json", "md", "man"),
        default="json",
        help="JSON schema for editors, or the reference as Markdown or manual page (default: json)",
    )


VERBS: Final = (
    Verb(
        "doctor",
        "check that this machine and repository have what a run needs",
        ("dispatch doctor", "dispatch doctor --json"),
        _add_doctor,
    ),
    Verb(
        "init",
        "write a commented dispatch-config.yaml and a spec.md to fill in",
        ("dispatch init", "dispatch init --repo ../shop"),
        _add_init,
    ),
    Verb(
        "demo",
        "watch a whole run with scripted agents: no key, no cost",
        ("dispatch demo", "dispatch demo --loops"),
        _add_demo,
    ),
    Verb(
        "completion",
        "print a completion script for a shell",
        ("dispatch completion bash > ~/.local/share/bash-completion/completions/dispatch",),
        _add_completion,
    ),
    Verb(
        "schema",
        "print what dispatch-config.yaml, or a line of events.jsonl, may hold",
        (
            "dispatch schema > dispatch-config.schema.json    for editors",
            "dispatch schema --format md                      for people",
            "dispatch schema --format man | man -l -          the manual page",
            "dispatch schema events                           what `logs --json` prints",
        ),
        _add_schema,
    ),
)
