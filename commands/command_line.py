"""The whole command line as one parser; only the standard library is loaded: help is instant."""

import sys
from argparse import (
    SUPPRESS,
    Action,
    ArgumentError,
    ArgumentParser,
    RawDescriptionHelpFormatter,
)
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from ..state.errors import EXIT_MEANING, UsageError
from .arguments import before_and_after, keeping, looking, running, setting_up
from .arguments.verb import Verb
from .mistyped import did_you_mean

VERBS: Final[tuple[Verb, ...]] = (
    *running.VERBS,
    *before_and_after.VERBS,
    *looking.VERBS,
    *keeping.VERBS,
    *setting_up.VERBS,
)
FIRST_STEPS: Final = (
    "dispatch demo          watch a run of scripted agents: no key, no cost",
    "dispatch init          in a repository: a configuration, and a spec to fill in",
    "dispatch doctor        what is missing, if anything",
    "dispatch login-form    start the run login-form; the same again goes on with it",
)
# Where an installation has the documents, and where a clone has them.
DOCUMENTS: Final = (
    Path(sys.prefix, "share", "doc", "dispatch", "docs"),
    Path(__file__).parent.parent / "docs",
)


class Parser(ArgumentParser):
    """A parser whose refusals are sentences, raised as UsageError."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        self._refuse(message, "")

    def _check_value(self, action: Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except ArgumentError as error:
            known = [str(each) for each in action.choices or ()]
            self._refuse(str(error), did_you_mean(str(value), known))

    def _refuse(self, message: str, hint: str) -> NoReturn:
        sentence = f"{message[:1].upper()}{message[1:]}."
        raise UsageError(sentence, hint or f"See `{self.prog} --help`")


def build_parser(verbs: Sequence[Verb] = VERBS) -> Parser:
    """The whole command line."""
    parser = Parser(
        prog="dispatch",
        description="Carry out a Markdown spec on a git repository with many AI coding agents.\n"
        "The result is the branch dispatch/RUN and a report; your own branch is never touched.\n"
        "Without a verb, a run is started or continued.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    added = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", required=True)
    for verb in verbs:
        verb.add_arguments(
            added.add_parser(
                verb.name,
                help=verb.summary,
                description=f"{verb.summary.capitalize()}.\n\n{_listed('examples', verb.examples)}",
                formatter_class=RawDescriptionHelpFormatter,
                allow_abbrev=False,
            )
        )
    return parser


def closing() -> str:
    """What stands below the verbs in ``--help``: how to begin, the exit codes, where to read on."""
    rows = "".join(f"  {code.value:<5}{meaning}\n" for code, meaning in EXIT_MEANING.items())
    found = [str(folder) for folder in DOCUMENTS if folder.is_dir()]
    read = ", ".join(("man dispatch", "man dispatch-config", *found[:1]))
    return f"{_listed('first steps', FIRST_STEPS)}\n\nexit status:\n{rows}\nmore: {read}"


class _Version(Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=SUPPRESS, help=help)

    def __call__(self, *_: object) -> NoReturn:
        from importlib.metadata import version  # slow, and seldom asked for

        print(f"dispatch {version('dispatch')}")
        raise SystemExit(0)


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join((f"{title}:", *(f"  {line}" for line in lines)))
