"""``dispatch demo``: a complete run with scripted agents, in a temporary repository."""

import shutil
import sys
import tempfile
import textwrap
from argparse import Namespace
from importlib.resources import as_file, files
from pathlib import Path

from ..fsm.report_file import REPORT
from ..gitops.sample import branch_graph, make_repository
from ..state.enums import RunStatus
from ..state.errors import ExitCode
from ..wiring import branch_of, prepare_start
from .run import carry

NAME = "tally"
CONFIG = "dispatch-config.yaml"
SCRIPT = "script.yaml"


def run(args: Namespace) -> int:
    """Play the demonstration and print its branch, its report's path and how to look further."""
    place = Path(tempfile.mkdtemp(prefix="dispatch-demo-"))
    with as_file(files(__package__.partition(".")[0]) / "agents" / "scripted" / "sample") as sample:
        root = set_up(sample, place)
    print(f"dispatch: the sample project is in {root}", file=sys.stderr)
    status = carry(prepare_start(root, name=NAME, spec=None, skip_baseline=False), verbose=False)
    branch = branch_of(NAME)
    print(branch_graph(root, branch))
    print(
        textwrap.dedent(
            f"""
            The branch is {branch} in {root}
            The report is {root / "dispatch" / NAME / REPORT}
            """
        ).strip()
    )
    return ExitCode.DONE if status is RunStatus.DONE else ExitCode.FAILED


def set_up(sample: Path, place: Path) -> Path:
    """Copy the sample project, its spec and its script into a fresh repository; its root."""
    root = place / "tally"
    shutil.copytree(sample / "project", root, ignore=shutil.ignore_patterns("__pycache__"))
    script = place / SCRIPT
    shutil.copyfile(sample / SCRIPT, script)
    shutil.copyfile(sample / "spec.md", root / "spec.md")
    text = (sample / CONFIG).read_text(encoding="utf-8")
    (root / CONFIG).write_text(text.replace("SCRIPT", f"scripted:{script}"), encoding="utf-8")
    make_repository(root)
    return root
