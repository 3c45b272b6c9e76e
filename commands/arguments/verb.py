"""A verb of the command line, and the arguments that many of them share."""

from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

RUN_HELP: Final = "name of the run"
SHELLS: Final = ("bash", "zsh", "fish")


class Verb(NamedTuple):
    """One verb: its row in the help; its work is ``run(args)`` of ``commands/<name>.py``."""

    name: str
    summary: str
    examples: tuple[str, ...]
    add_arguments: Callable[[ArgumentParser], None]


def add_repo(parser: ArgumentParser) -> None:
    """Which repository."""
    parser.add_argument(
        "--repo", type=Path, default=Path(), metavar="DIR", help="repository (default: here)"
    )


def add_json(parser: ArgumentParser) -> None:
    """Output for scripts."""
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def add_events(parser: ArgumentParser) -> None:
    """Output for scripts of what goes on for long."""
    parser.add_argument(
        "--json", action="store_true", help="print events as JSON lines, as they happen"
    )


def add_color(parser: ArgumentParser) -> None:
    """Colours."""
    parser.add_argument(
        "--color",
        choices=("auto", "always", "never"),
        default="auto",
        help="colours (default: auto, by NO_COLOR, FORCE_COLOR, TERM and the terminal)",
    )
