"""A whole run as texts that are compared with expected ones: document, report, branch.

A failing comparison leaves all texts it saw in the test's temporary folder, under the same names.
"""

from pathlib import Path

from fakes.child_program import normal
from fakes.git_repos import User

DOCUMENT = "document.yaml"
REPORT = "report.md"
BRANCH = "branch.txt"
_LOG = (
    "--format=%ncommit %H%nAuthor: %an <%ae> %aI%nCommit: %cn <%ce> %cI%n%n%B%nNotes: %N",
    "--name-status",
    "--find-renames",
    "--reverse",
)


def texts_of(user: User, run: str) -> dict[str, str]:
    """Document, report and branch of a run, by the names of their expected files."""
    folder = user.root / "dispatch" / run
    return {
        DOCUMENT: normal((folder / "run-state.yaml").read_text(encoding="utf-8"), user),
        REPORT: normal((folder / "report.md").read_text(encoding="utf-8"), user),
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
