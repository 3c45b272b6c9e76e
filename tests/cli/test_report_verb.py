"""``dispatch report``: the report that is there, or one made again from the document."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import evolve
from fakes.asking_run import Asking
from fakes.git_repos import User
from fakes.page_reader import PageReader
from fakes.told_run import told_run

from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import RunStatus

Cli = Callable[..., tuple[int, str, str]]

GOLDEN = Path(__file__).parent.parent / "fsm" / "told_report.md"


def test_the_path_is_the_result(user: User, cli: Cli) -> None:
    """[CLI-01]"""
    folder = _told(user)
    (folder / "report.md").write_text("# R\n")
    (folder / "report.html").write_text("<p>R</p>\n")
    assert cli("report", "told") == (0, f"{folder / 'report.md'}\n", "")
    assert cli("report", "told", "--format", "md") == (0, "# R\n", "")
    assert cli("report", "told", "--format", "html") == (0, "<p>R</p>\n", "")


def test_a_report_that_is_gone_is_made_again_as_it_was_at_the_end(user: User, cli: Cli) -> None:
    folder = _told(user)
    before, _, after = GOLDEN.read_text(encoding="utf-8").partition(
        "Output of the build gate, baseline against round 1:\n\n```diff\n-ok\n+FAILED a.py\n```"
    )
    # The outputs of the commands are gone as well: there is nothing to compare.
    nothing = "No difference between the build gate's output and the baseline's is known."
    assert cli("report", "told", "--format", "md") == (0, before + nothing + after, "")
    assert (folder / "report.md").read_text(encoding="utf-8") == before + nothing + after
    page = (folder / "report.html").read_text(encoding="utf-8")
    # So is the run's git store, with its commits.
    assert any(each.startswith("It could not be read: ") for each in PageReader(page).lines)


def test_a_run_under_way_is_told_so_far_and_the_files_of_its_owner_are_left_alone(
    user: User, cli: Cli
) -> None:
    folder = user.root / "dispatch" / "told"
    alive = evolve(told_run(), status=RunStatus.VERIFYING, failure=None)
    DocumentStore.create(folder, alive)
    (folder / "report.md").write_text("# What was told when it failed before\n")
    so_far = folder / "report-so-far"
    assert cli("report", "told") == (0, f"{so_far / 'report.md'}\n", "")
    assert "Duration until now" in PageReader((so_far / "report.html").read_text()).lines
    assert (folder / "report.md").read_text() == "# What was told when it failed before\n"
    assert not (folder / "report.html").exists()


def test_scripts_get_all_of_it_as_json(user: User, cli: Cli) -> None:
    folder = _told(user)
    code, out, err = cli("report", "told", "--format", "json")
    data = json.loads(out)
    assert (code, err, data["version"], data["run"]["name"]) == (0, "", 1, "told")
    assert [each["id"] for each in data["tasks"]] == ["1a-good", "1b-bad"]
    assert not (folder / "report.md").exists()


def test_the_page_is_opened_in_the_browser_of_the_user(user: User, tmp_path: Path) -> None:
    page = _told(user) / "report.html"
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(f'#!/bin/sh\necho "$1" > {seen}\n')
    browser.chmod(0o755)
    assert _opened(user, tmp_path, str(browser)) == (0, f"{page}\n", "")
    assert seen.read_text() == f"{page.as_uri()}\n"


def test_where_no_browser_starts_the_path_is_told(user: User, tmp_path: Path) -> None:
    page = _told(user) / "report.html"
    assert _opened(user, tmp_path, "/nowhere/browser") == (
        2,
        f"{page}\n",
        "dispatch: No browser could be started for the report. Open the path above in one, or say "
        "which in the variable BROWSER.\n",
    )


def test_the_page_of_a_run_has_the_patch_of_each_commit(run: Asking) -> None:
    run.go.touch()
    assert run.program.run("run", "r").code == 0
    lines = PageReader((run.folder / "report.html").read_text(encoding="utf-8")).lines
    start = lines.index("--- /dev/null")
    assert lines[start : start + 4] == ["--- /dev/null", "+++ b/z", "@@ -0,0 +1 @@", "+z"]


def _opened(user: User, place: Path, browser: str) -> tuple[int, str, str]:
    """In a process of its own, which has no other browser than the one in its environment."""
    git = shutil.which("git")
    assert git is not None
    programs = place / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(git)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "dispatch", "report", "told", "--open"],
        cwd=user.root,
        env={"PATH": str(programs), "HOME": str(user.home), "BROWSER": browser},
        capture_output=True,
        check=False,
        text=True,
    )
    return done.returncode, done.stdout, done.stderr


def _told(user: User) -> Path:
    folder = user.root / "dispatch" / "told"
    DocumentStore.create(folder, told_run())
    return folder
