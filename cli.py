"""The command line: which verbs there are, and what an error looks like.

At import time only the standard library is loaded (the manual page is made from this file before
anything is installed); each verb's module in ``commands`` is loaded when the verb is used.
"""

import argparse
import importlib
import io
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

DEFAULT_VERB: Final = "run"
DEBUG_VARIABLE: Final = "DISPATCH_DEBUG"
SHELLS: Final = ("bash", "zsh", "fish")
RUN_HELP: Final = "name of the run"
DEFAULT_GRACE: Final = 10.0  # fsm.stopping.GRACE_SECONDS, which is not loaded for --help
MAX_GRACE: Final = 3600.0


class Verb(NamedTuple):
    """One verb: its row in the help; its work is ``run(args)`` of ``commands/<name>.py``."""

    name: str
    summary: str
    examples: tuple[str, ...]
    add_arguments: Callable[[argparse.ArgumentParser], None]


class Parser(argparse.ArgumentParser):
    """A parser whose refusals are sentences, raised as UsageError."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        from .state.errors import UsageError

        raise UsageError(f"{message[:1].upper()}{message[1:]}.", f"See `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit code; results on stdout, talk on stderr."""
    from .state.errors import DispatchError, ExitCode

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name may hold any byte
    try:
        code = _dispatch(sys.argv[1:] if argv is None else list(argv))
        sys.stdout.flush()
        return code
    except DispatchError as error:
        return _refuse(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _refuse("Interrupted.", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter's last flush must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FAILED
    except Exception as error:  # a bug is told in one line like everything else
        from .commands.unexpected import told

        return _refuse(*told(error, DEBUG_VARIABLE))


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = Parser(
        prog="dispatch",
        description="Carry out a Markdown spec on a git repository with many AI coding agents.\n"
        "The result is the branch dispatch/RUN and a report; your own branch is never touched.\n"
        "Without a verb, a run is started or continued.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="show the version and exit")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs", required=True)
    for verb in VERBS:
        added = verbs.add_parser(
            verb.name,
            help=verb.summary,
            description=f"{verb.summary.capitalize()}.\n\n{_examples(verb.examples)}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.add_arguments(added)
    return parser


def exit_status() -> str:
    """The table of exit codes, as ``--help`` shows it."""
    from .state.errors import EXIT_MEANING

    rows = "".join(f"  {code.value:<5}{meaning}\n" for code, meaning in EXIT_MEANING.items())
    return f"exit status:\n{rows}"


class _Version(argparse.Action):
    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, *_: object) -> NoReturn:
        from . import __version__

        print(f"dispatch {__version__}")
        sys.exit(0)


def _dispatch(arguments: list[str]) -> int:
    from .commands.mistyped import did_you_mean, refuse_mistyped_verb
    from .state.errors import UsageError

    parser = build_parser()
    parser.epilog = exit_status()  # not in build_parser: the manual page has a section for it
    if not arguments or arguments[0] not in ("-h", "--help", "--version", *_names()):
        refuse_mistyped_verb(arguments, _names())
        arguments = [DEFAULT_VERB, *arguments]
    args, extra = parser.parse_known_args(arguments)
    if extra:
        known = tuple(_options(parser, args.verb))
        raise UsageError(
            f"`dispatch {args.verb}` does not take {extra[0]!r}.",
            did_you_mean(extra[0].partition("=")[0], known) or f"See `dispatch {args.verb} --help`",
        )
    code: int = importlib.import_module(f".commands.{args.verb}", __package__).run(args)
    return code


def _refuse(message: str, code: int) -> int:
    from .state.redact import shown

    if os.environ.get(DEBUG_VARIABLE):
        traceback.print_exc()
    try:
        print(f"dispatch: {shown(message)}", file=sys.stderr)
    except OSError:  # kept in a file on the disk that is full: the code says it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    return code


def _names() -> tuple[str, ...]:
    return tuple(verb.name for verb in VERBS)


def _options(parser: argparse.ArgumentParser, verb: str) -> list[str]:
    groups = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return [text for a in next(groups).choices[verb]._actions for text in a.option_strings]


def _examples(lines: Sequence[str]) -> str:
    return "\n".join(("examples:", *(f"  {line}" for line in lines)))


def _repo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repo", type=Path, default=Path(), metavar="DIR", help="repository (default: here)"
    )


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="name (default: run-DATE-TIME, UTC)")
    parser.add_argument(
        "--spec", type=Path, metavar="FILE", help="what is to be done (default: spec.md)"
    )
    parser.add_argument(
        "--skip-baseline", action="store_true", help="do not compare with the build before the run"
    )
    _while_it_runs(parser)
    _repo(parser)


def _add_retry(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--task", metavar="ID", help="run this task again and no other")
    _while_it_runs(parser)
    _repo(parser)


def _add_rescue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--restore", metavar="WORK", help="what to make a branch of, as listed")
    parser.add_argument("--to", metavar="BRANCH", help="the new branch; HEAD stays where it is")
    _json(parser)
    _repo(parser)


def _while_it_runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--no-sandbox", action="store_true", help="let agents' commands touch whatever you can"
    )
    parser.add_argument(
        "--no-wait", action="store_true", help="end with exit code 3 when only you can go on"
    )
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="show what agents say as they say it"
    )
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=DEFAULT_GRACE,
        metavar="SECONDS",
        help=f"what agents get to hand in after Ctrl-C (default: {DEFAULT_GRACE:g})",
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= MAX_GRACE:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {MAX_GRACE:g} seconds")
    return seconds


def _add_answer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument("id", nargs="?", metavar="ID", help="the question (default: show them)")
    parser.add_argument("answer", nargs="?", metavar="ANSWER", help="one of the allowed words")
    parser.add_argument("--note", default="", metavar="TEXT", help="kept with the answer")
    _json(parser)
    _repo(parser)


def _add_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help="one run in detail (default: all)")
    _json(parser)
    _repo(parser)


def _add_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    parser.add_argument(
        "--format", choices=("path", "md"), default="path", help="where it is, or its text"
    )
    _repo(parser)


def _add_graph(parser: argparse.ArgumentParser) -> None:
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
    _repo(parser)


def _add_teardown(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="RUN", help=RUN_HELP)
    _repo(parser)


def _add_clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RUN", help=RUN_HELP)
    parser.add_argument("--all", action="store_true", help="every run of the repository")
    parser.add_argument(
        "--force", action="store_true", help="even if work goes that is nowhere else"
    )
    _repo(parser)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    _json(parser)
    _repo(parser)


def _add_completion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))
    parser.set_defaults(command_line=build_parser)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--loops", action="store_true", help="work not right the first time")


def _add_nothing(parser: argparse.ArgumentParser) -> None:
    """The verb takes no arguments of its own."""


VERBS: Final = (
    Verb(
        "run",
        "start a run, or continue it where it stopped",
        (
            "dispatch                       start a run named by date and time",
            "dispatch login-form            start or continue the run login-form",
            "dispatch run x --spec todo.md  another spec than spec.md",
        ),
        _add_run,
    ),
    Verb(
        "retry",
        "go on with a run that failed",
        (
            "dispatch retry login-form                  run again what failed, then go on",
            "dispatch retry login-form --task 2a-form   run one task again and no other",
        ),
        _add_retry,
    ),
    Verb(
        "answer",
        "show the questions of a run that wait for you, or answer one",
        ("dispatch answer login-form", "dispatch answer login-form 1a-x-dev-1 continue"),
        _add_answer,
    ),
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
        "graph",
        "draw the lifecycle of runs or tasks",
        (
            "dispatch graph                                     mermaid text",
            "dispatch graph --run login-form --format svg --output now.svg",
            "dispatch graph --write spec.md                     refresh a document",
        ),
        _add_graph,
    ),
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
        _repo,
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
