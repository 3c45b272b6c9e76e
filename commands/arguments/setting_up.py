"""Verbs for getting ready."""

from argparse import ArgumentParser
from typing import Final

from .verb import SHELLS, Verb, add_json, add_repo


def _add_doctor(parser: ArgumentParser) -> None:
    add_json(parser)
    add_repo(parser)


def _add_completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def _add_demo(parser: ArgumentParser) -> None:
    parser.add_argument("--loops", action="store_true", help="work not right the first time")


def _add_nothing(parser: ArgumentParser) -> None:
    """The verb takes no arguments of its own."""


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
        add_repo,
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
        "print the JSON schema of dispatch-config.yaml",
        ("dispatch schema > dispatch-config.schema.json",),
        _add_nothing,
    ),
)
