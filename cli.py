"""The command line: carries out one, and shows what an error looks like.

At import time only the standard library is loaded; which verbs there are is in
``commands.command_line``, and each verb's module in ``commands`` is loaded when it is used.
"""

import contextlib
import importlib
import io
import os
import sys
import traceback
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Sequence
from typing import Final

from .commands.command_line import VERBS, build_parser, closing
from .commands.mistyped import did_you_mean, refuse_mistyped_verb
from .state.errors import DispatchError, ExitCode, UsageError

DEFAULT_VERB: Final = "run"
DEBUG_VARIABLE: Final = "DISPATCH_DEBUG"
TELLING_EVENTS: Final = frozenset({"attach", "logs", "retry", "run"})  # one a line
TELLING_NONE: Final = frozenset({"--dry-run", "--detach"})  # with these one object, as elsewhere


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out one command line and return its exit code; results on stdout, talk on stderr."""
    _open_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name may hold any byte
    arguments = sys.argv[1:] if argv is None else list(argv)
    code: int = ExitCode.FAILED
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except DispatchError as error:
        _refuse_scripts(arguments, error)
        return _refuse(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _refuse("Interrupted.", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; the interpreter's last flush must not complain of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code  # a run that is done is, whether or not its events were read
    except Exception as error:  # a bug is told in one line like everything else
        from .commands.unexpected import told

        return _refuse(*told(error, DEBUG_VARIABLE))


def _open_missing_streams() -> None:
    """Let a standard stream that the caller closed lead nowhere.

    Its number would go to the next file that is opened, into which commands of ours then print.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in ("-h", "--help", "--version", *_names()):
        refuse_mistyped_verb(arguments, _names())
        arguments = [DEFAULT_VERB, *arguments]
    asked = tuple(verb for verb in VERBS if verb.name == arguments[0])
    parser = build_parser(asked or VERBS)  # all of them take as long as all else of a short verb
    parser.epilog = closing()  # not in build_parser: the manual page has sections of its own
    args, extra = parser.parse_known_args(arguments)
    if extra:
        known = (*_options(parser, args.verb), "--version")
        raise UsageError(
            f"`dispatch {args.verb}` does not take {extra[0]!r}.",
            did_you_mean(extra[0].partition("=")[0], known) or f"See `dispatch {args.verb} --help`",
        )
    code: int = importlib.import_module(f".commands.{args.verb}", __package__).run(args)
    return code


def _refuse_scripts(arguments: Sequence[str], error: DispatchError) -> None:
    """Put a refusal on stdout where one JSON object was asked for."""
    if "--json" in arguments and _tells_one_object(arguments):
        from .commands.json_output import print_refusal

        with contextlib.suppress(OSError):
            print_refusal(error)
            sys.stdout.flush()


def _tells_one_object(arguments: Sequence[str]) -> bool:
    if not TELLING_NONE.isdisjoint(arguments):
        return True
    return arguments[0] in set(_names()) - TELLING_EVENTS


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


def _options(parser: ArgumentParser, verb: str) -> list[str]:
    groups = (a for a in parser._actions if isinstance(a, _SubParsersAction))
    return [text for a in next(groups).choices[verb]._actions for text in a.option_strings]
