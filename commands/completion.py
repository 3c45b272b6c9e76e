"""``dispatch completion SHELL``: a script that completes verbs, options and their values."""

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import shtab

from ..state.errors import ExitCode
from .command_line import build_parser

# Names are listed by the shell itself, since starting an interpreter at each key takes too long.
# bash would expand what stands in a name, and whoever made the repository chose it.
RUNS: Final = {
    "bash": "_dispatch_runs",
    "zsh": "_dispatch_runs",
    "fish": "(_dispatch_runs)",
    "preamble": {
        "bash": """\
_dispatch_runs() {
  local top file name
  top=$(git rev-parse --show-toplevel 2>/dev/null) || return
  for file in "$top"/dispatch/*/run-state.yaml; do
    name=${file%/*}
    name=${name##*/}
    [[ $name =~ ^[a-z0-9][a-z0-9._-]*$ && $name == "$1"* ]] && printf '%s\\n' "$name"
  done
}""",
        "zsh": """\
_dispatch_runs() {
  local top
  top=$(git rev-parse --show-toplevel 2>/dev/null) || return
  compadd -- "$top"/dispatch/*/run-state.yaml(N:h:t)
}""",
        "fish": """\
function _dispatch_runs
  set -l top (git rev-parse --show-toplevel 2>/dev/null); or return
  for file in $top/dispatch/*/run-state.yaml
    basename (dirname $file)
  end
end""",
    },
}


def run(args: Namespace) -> int:
    """Print the script for the whole command line."""
    print(script(build_parser(), args.shell))
    return ExitCode.DONE


def script(parser: ArgumentParser, shell: str) -> str:
    """The completion script of a whole command line, without the final newline."""
    for action in _actions(parser):
        if action.metavar == "RUN":
            action.complete = RUNS  # type: ignore[attr-defined]  # how shtab wants to be told
        elif action.type is Path:
            kind = shtab.DIRECTORY if action.metavar == "DIR" else shtab.FILE
            action.complete = kind  # type: ignore[attr-defined]
    return shtab.complete(parser, shell=shell).rstrip()


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for each in action.choices.values():
                yield from _actions(each)
