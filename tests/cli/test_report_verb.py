"""``dispatch report``: the report that is there, or one made again from the document."""

from collections.abc import Callable
from pathlib import Path

from fakes.git_repos import User
from fakes.told_run import told_run

from dispatch.state.document import DocumentStore

Cli = Callable[..., tuple[int, str, str]]

GOLDEN = Path(__file__).parent.parent / "fsm" / "told_report.md"


def test_the_path_is_the_result(user: User, cli: Cli) -> None:
    """[CLI-01]"""
    folder = _told(user)
    (folder / "report.md").write_text("# R\n")
    assert cli("report", "told") == (0, f"{folder / 'report.md'}\n", "")
    assert cli("report", "told", "--format", "md") == (0, "# R\n", "")


def test_a_report_that_is_gone_is_made_again_as_it_was_at_the_end(user: User, cli: Cli) -> None:
    folder = _told(user)
    before, _, after = GOLDEN.read_text(encoding="utf-8").partition(
        "Output of the build gate, baseline against round 1:\n\n```diff\n-ok\n+FAILED a.py\n```"
    )
    # The outputs of the commands are gone as well: there is nothing to compare.
    nothing = "No difference between the build gate's output and the baseline's is known."
    assert cli("report", "told", "--format", "md") == (0, before + nothing + after, "")
    assert (folder / "report.md").read_text(encoding="utf-8") == before + nothing + after


def _told(user: User) -> Path:
    folder = user.root / "dispatch" / "told"
    DocumentStore.create(folder, told_run())
    return folder
