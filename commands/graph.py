"""``dispatch graph``: the lifecycle as text or picture."""

import shutil
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from typing import Final

from ..fsm.diagram import MACHINES, Machine, dot, mermaid
from ..state.errors import DispatchError, ExitCode, UsageError
from .folders import open_run
from .json_output import json_text

PICTURE_SECONDS: Final = 60.0  # graphviz needs far less than one


def run(args: Namespace) -> int:
    """Print the diagram, or write it where ``--output`` or ``--write`` says."""
    if args.write is not None:
        _refresh(args.write)
        return ExitCode.DONE
    machine = MACHINES[args.machine]
    current = _current(args)
    if args.json:
        _put(_as_json(machine, current), args.output)
    elif args.format in ("svg", "png"):
        _put(picture(dot(machine, current), args.format), args.output)
    else:
        draw = mermaid if args.format == "mermaid" else dot
        _put(draw(machine, current).encode(), args.output)
    return ExitCode.DONE


def picture(text: str, kind: str) -> bytes:
    """A graph in graphviz's language as a picture; raises UsageError where graphviz is missing."""
    program = shutil.which("dot")
    if program is None:
        raise UsageError(
            f"For {kind}, the program dot of graphviz is needed, and it is not installed.",
            "Install graphviz, or take --format mermaid or dot.",
        )
    done = subprocess.run(
        [program, f"-T{kind}"],
        input=text.encode(),
        capture_output=True,
        timeout=PICTURE_SECONDS,
        check=False,
    )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise DispatchError(f"The program dot ended with exit code {done.returncode}: {said}")
    return done.stdout


def _current(args: Namespace) -> frozenset[str]:
    if args.name is None:
        return frozenset()
    _, run = open_run(args.repo, args.name)
    if args.machine == "run":
        return frozenset({run.status})
    return frozenset(task.status for task in run.tasks)


def _as_json(machine: Machine, current: frozenset[str]) -> bytes:
    moves = [dict(zip(("source", "event", "target"), move, strict=True)) for move in machine.moves]
    return json_text(
        machine=machine.name,
        states=machine.states,
        first=machine.first,
        final=sorted(machine.final),
        moves=moves,
        current=sorted(current),
    ).encode()


def _put(content: bytes, output: Path | None) -> None:
    if output is not None:
        output.write_bytes(content)
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content)


def _refresh(path: Path) -> None:
    from .generated import refreshed  # loads what makes schemas, which a diagram does not need

    if not path.is_file():
        raise UsageError(f"There is no document {path}.", "Name an existing Markdown file.")
    old = path.read_text(encoding="utf-8")
    new = refreshed(old, str(path))
    if new != old:
        path.write_text(new, encoding="utf-8")
    print(f"dispatch: {path} {'was current' if new == old else 'is current now'}", file=sys.stderr)
