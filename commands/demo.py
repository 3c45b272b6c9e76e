"""``dispatch demo``: a complete run with scripted agents, in a temporary repository."""

import shutil
import sys
import tempfile
from argparse import Namespace
from importlib.resources import as_file, files
from pathlib import Path

from ..fsm.report_file import REPORT
from ..gitops.sample import branch_graph, make_repository
from ..state.enums import RunStatus, Verb
from ..state.errors import ExitCode, WaitingForOperator
from ..state.redact import shown
from ..state.spec_file import SPEC
from ..wiring import branch_of, prepare_start
from . import answer
from .json_output import print_json
from .run import carry

NAME = "tally"
CONFIG = "dispatch-config.yaml"
SCRIPT = "script.yaml"
LOOPS = "loops"  # the folder of the other story
QUESTION = "2a-command-line-dev-1"  # the one that it asks


def run(args: Namespace) -> int:
    """Play the demonstration and print its branch, its report's path and how to look further."""
    place = Path(tempfile.mkdtemp(prefix="dispatch-demo-"))
    with as_file(files(__package__.partition(".")[0]) / "agents" / "scripted" / "sample") as sample:
        root = set_up(sample, sample / LOOPS if args.loops else sample, place)
    print(f"dispatch: the sample project is in {root}", file=sys.stderr)
    status = _with_a_question(root) if args.loops else _carried(root)
    if args.json:
        print_json(
            status=status.value,
            repository=str(root),
            branch=branch_of(NAME),
            report=str(root / "dispatch" / NAME / REPORT),
        )
        return ExitCode.DONE if status is RunStatus.DONE else ExitCode.FAILED
    if status is RunStatus.DONE:
        branch = branch_of(NAME)
        print(branch_graph(root, branch))
        print(f"The branch is {branch} in {root}")
    print(f"The report is {root / 'dispatch' / NAME / REPORT}")
    return ExitCode.DONE if status is RunStatus.DONE else ExitCode.FAILED


def set_up(sample: Path, story: Path, place: Path) -> Path:
    """Copy the sample project and a story's spec and script into a fresh repository; its root."""
    root = place / "tally"
    shutil.copytree(sample / "project", root, ignore=shutil.ignore_patterns("__pycache__"))
    script = place / SCRIPT
    shutil.copyfile(story / SCRIPT, script)
    shutil.copyfile(story / SPEC, root / SPEC)
    text = (sample / CONFIG).read_text(encoding="utf-8")
    (root / CONFIG).write_text(text.replace("SCRIPT", f"scripted:{script}"), encoding="utf-8")
    make_repository(root)
    return root


def _carried(root: Path, *, wait: bool = True) -> RunStatus:
    start = prepare_start(root, name=NAME, spec=None, skip_baseline=False)
    return carry(start, verbose=False, wait=wait)


def _with_a_question(root: Path) -> RunStatus:
    """Play until nothing is left but the operator's question, answer it, and go on."""
    try:
        return _carried(root, wait=False)
    except WaitingForOperator as error:
        print(f"dispatch: {shown(error.message)}", file=sys.stderr)
    asked = Namespace(repo=root, name=NAME, id=None, answer=None, note="", json=False)
    answer.run(asked)
    print(f"dispatch: the demonstration answers: {Verb.CONTINUE}", file=sys.stderr)
    given = {"id": QUESTION, "answer": Verb.CONTINUE.value, "note": "Short names are fine."}
    answer.run(Namespace(**{**vars(asked), **given}))
    return _carried(root)
