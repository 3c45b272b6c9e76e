"""A whole run as texts that are compared with expected ones: document, report, branch.

A failing comparison leaves all texts it saw in the test's temporary folder, under the same names.
"""

import re
from pathlib import Path

from fakes.child_program import normal
from fakes.git_repos import User

DOCUMENT = "document.yaml"
REPORT = "report.md"
BRANCH = "branch.txt"
# Which tier holds and what is visible differs from machine to machine; test_sandboxed_runs.py.
_SANDBOXES = re.compile(r"^sandboxes:\n(?: .*\n)+", re.MULTILINE)
_SANDBOX = re.compile(r"^- Sandbox: .*$", re.MULTILINE)
_LOG = (
    "--format=%ncommit %H%nAuthor: %an <%ae> %aI%nCommit: %cn <%ce> %cI%n%n%B%nNotes: %N",
    "--name-status",
    "--find-renames",
    "--reverse",
)


def texts_of(user: User, run: str) -> dict[str, str]:
    """Document, report and branch of a run, by the names of their expected files."""
    folder = user.root / "dispatch" / run
    document = normal((folder / "run-state.yaml").read_text(encoding="utf-8"), user)
    report = normal((folder / "report.md").read_text(encoding="utf-8"), user)
    return {
        DOCUMENT: _SANDBOXES.sub("sandboxes: <AS THIS MACHINE HAS THEM>\n", document),
        REPORT: _SANDBOX.sub("- Sandbox: <AS THIS MACHINE HAS IT>", report),
        BRANCH: _branch(user, run),
    }


def check_texts(found: dict[str, str], expected: Path, tmp_path: Path) -> None:
    """Compare each text with the file of its name in a folder."""
    for name, text in found.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for name, text in found.items():
        assert text == (expected / name).read_text(encoding="utf-8"), name


def _branch(user: User, run: str) -> str:
    """The commits of the published branch with files, trailers and notes, and all refs."""
    log = (*_LOG, f"--notes=dispatch/{run}", f"main..dispatch/{run}", "--")
    commits = user.git("-c", "core.quotePath=false", "log", *log)
    refs = user.git("for-each-ref", "--format=%(objectname) %(refname)")
    return f"{commits}\n\n{refs}\n"
