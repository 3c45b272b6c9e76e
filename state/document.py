"""Reading the document of a run, with every problem named and the line it stands on."""

from pathlib import Path
from typing import Final

from . import yaml_text
from .codec import ShapeError, structure
from .durable import read_regular
from .errors import DocumentError
from .invariants import problems
from .records import Run
from .run_files import DOCUMENT as DOCUMENT
from .schema import upgrade
from .yaml_text import YamlError, line_of

PREVIOUS: Final = "run-state.prev.yaml"


def load_run_of(folder: Path) -> Run:
    """The run in its folder; raises DocumentError, also when the document is of another run."""
    run = load_run(folder / DOCUMENT)
    if run.name != folder.name:
        path = folder / DOCUMENT
        raise DocumentError(
            f"{path} is the document of run {run.name!r}, not of {folder.name}.",
            hint=_previous(path) or "Give the folder of the run its own name again.",
        )
    return run


def load_run(path: Path) -> Run:
    """The run a document holds; raises DocumentError naming the file and all problems."""
    path = path.absolute()
    try:
        data = read_regular(path, yaml_text.MAX_BYTES)
    except OSError as error:
        raise DocumentError(
            f"There is no run-state document to read at {path}: {error.strerror}.",
            hint=_previous(path) or "Check the name of the run.",
        ) from error
    try:
        text = yaml_text.decode(data)
        raw = yaml_text.loads(text)
    except YamlError as error:
        raise _invalid(path, (f"{path}:{error.line}: {error.what}",)) from error
    if not isinstance(raw, dict):
        what = "the file is empty" if raw is None else "the document is not a mapping"
        raise _invalid(path, (f"{path}:1: {what}",)) from TypeError(what)
    try:
        run = structure(upgrade(raw), Run)
    except ShapeError as error:
        raise _invalid(path, _with_lines(path, text, error)) from error
    except DocumentError as error:
        raise _invalid(path, (error.message,), error.hint) from error
    if found := problems(run):
        raise _invalid(path, found) from ValueError("; ".join(found))
    return run


def _with_lines(path: Path, text: str, error: ShapeError) -> tuple[str, ...]:
    """The problems of a document, each with the line it stands on (or its nearest parent)."""
    lines = yaml_text.lines(text)
    return tuple(f"{path}:{line_of(lines, one.path)}: {one}" for one in error.found)


def _invalid(path: Path, found: tuple[str, ...], hint: str = "") -> DocumentError:
    hints = " ".join(filter(None, (hint, _previous(path))))
    return DocumentError(f"The run-state YAML is invalid: {path}", found, hints)


def _previous(path: Path) -> str:
    """Where the document before the bad one is; it is never taken without being asked."""
    previous = path.parent / PREVIOUS
    if not previous.is_file():
        return ""
    return f"The document before it is {previous}; compare the two before you put it in place."
