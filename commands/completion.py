"""``dispatch completion SHELL``: a script that completes verbs, options and their values."""

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

import shtab

from ..state.errors import ExitCode
from .command_line import build_parser


def run(args: Namespace) -> int:
    """Print the script for the whole command line."""
    print(script(build_parser(), args.shell))
    return ExitCode.DONE


def script(parser: ArgumentParser, shell: str) -> str:
    """The completion script of a whole command line, without the final newline."""
    for action in _actions(parser):
        if action.type is Path:
            kind = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE
            action.complete = kind  # type: ignore[attr-defined]  # how shtab wants to be told
    return shtab.complete(parser, shell=shell).rstrip()


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for each in action.choices.values():
                yield from _actions(each)
