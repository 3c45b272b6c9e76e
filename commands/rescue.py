"""``dispatch rescue RUN``: kept work, listed or made a branch of the user's."""

from argparse import Namespace
from collections.abc import Iterator
from typing import Final

from attrs import asdict

from ..gitops.rescue import Rescued, rescued, restore
from ..state.clean_text import clean
from ..state.errors import ExitCode, UsageError
from .folders import folder_of
from .json_output import print_json

MAX_FILES: Final = 10  # named per piece of work; --json names all


def run(args: Namespace) -> int:
    """List what was kept, or make a branch from one piece of it."""
    if (args.restore is None) != (args.to is None):
        raise UsageError(
            "--restore and --to belong together.",
            f"For example: dispatch rescue {args.name} --restore 1a-form --to my-form",
        )
    folder_of(args.repo, args.name)
    if args.restore is not None:
        piece = restore(args.repo, args.name, args.restore, args.to)
        if args.json:
            print_json(branch=args.to, commit=piece.commit)
        else:
            print(f"made branch {args.to} at {piece.commit[:12]}")
        return ExitCode.DONE
    pieces = rescued(args.repo, args.name)
    if args.json:
        print_json(rescued=[asdict(piece) for piece in pieces])
    else:
        print("\n".join(_lines(args.name, pieces)))
    return ExitCode.DONE


def _lines(name: str, pieces: tuple[Rescued, ...]) -> Iterator[str]:
    if not pieces:
        yield f"Run {name} kept no work aside."
        return
    for piece in pieces:
        yield f"{clean(piece.name)}  {piece.commit[:12]}"
        more = len(piece.files) - MAX_FILES
        files = ", ".join(map(clean, piece.files[:MAX_FILES])) or "no files"
        yield f"  files  {files}" + (f" and {more} more" if more > 0 else "")
        for sentence in piece.watch[:MAX_FILES]:
            yield f"  watch  {clean(sentence)}"
        if len(piece.watch) > MAX_FILES:
            yield f"  watch  and {len(piece.watch) - MAX_FILES} more"
        yield f"  look   {piece.look}"
    yield f"To take one: dispatch rescue {name} --restore {clean(pieces[0].name)} --to BRANCH"
