"""What the demonstrations show: the straight way, and work that is not right the first time."""

import os
import re
import subprocess
import sys
from pathlib import Path

from fakes.thoroughness import thorough

from dispatch.fsm.attribution_file import ATTRIBUTION_FILE
from dispatch.state.document import DOCUMENT, PREVIOUS, load_run
from dispatch.state.enums import FixSource
from dispatch.state.records import Run


def play(tmp_path: Path, *arguments: str) -> tuple[Run, Path, str]:
    """One demonstration as a process: its document, its run's folder, and what it printed."""
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-P", "-m", "dispatch", "demo", *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    shown = re.search(r"(?m)^The report is (.*)/report\.md$", done.stdout)
    assert shown is not None
    folder = Path(shown[1])
    return load_run(folder / DOCUMENT), folder, done.stdout


def test_the_straight_demonstration_needs_no_repair(tmp_path: Path) -> None:
    run, folder, out = play(tmp_path)
    assert [len(task.fixes) for task in run.tasks] == [0, 0, 0, 0]
    assert run.escalations == ()
    assert out.count("Dispatch-Task: ") == 4
    assert (folder / "report.md").is_file()
    assert open_to_others(folder) == []


def open_to_others(folder: Path) -> list[str]:
    """What others could read: the closed folder shuts off all in it, the records are closed, too.

    A worktree's files, logs and reports have ordinary modes, so that a copy of them is ordinary.
    """
    transcripts = sorted(folder.glob("attempts/*/transcript.jsonl"))
    assert transcripts
    records = [folder / name for name in (DOCUMENT, PREVIOUS, "events.jsonl", "lock")]
    closed = [folder.parent, folder, *records, *transcripts]
    return [str(path) for path in closed if path.stat().st_mode & 0o077]


@thorough
def test_the_other_one_shows_each_way_in_which_work_is_put_right(tmp_path: Path) -> None:
    """A conflict, an amendment, a question that is answered, and a regression that is repaired."""
    run, folder, out = play(tmp_path, "--loops")
    assert {task.id: [fix.source for fix in task.fixes] for task in run.tasks} == {
        "1a-lines": [FixSource.CRITIQUE],
        "1b-characters": [FixSource.CONFLICT],
        "2a-command-line": [],
        "2b-frugal": [FixSource.VERIFICATION],
    }
    assert [(each.level, each.round, each.status) for each in run.gate_verdicts] == [
        (1, 1, "amend"),
        (1, 2, "pass"),
        (2, 1, "pass"),
        (2, 2, "pass"),
    ]
    assert [each.outcome for each in run.verification_rounds] == ["retry", "pass"]
    assert set(run.verification_rounds[0].attribution.values()) == {("2b-frugal",)}
    assert "by bisection: task: `2b-frugal`" in (folder / ATTRIBUTION_FILE).read_text("utf-8")
    (question,) = run.escalations
    assert question.answer is not None
    assert (question.id, question.answer.verb) == ("2a-command-line-dev-1", "continue")
    assert "continue  the deviation is accepted and the task goes on" in out
    assert out.count("Dispatch-Task: ") == 4
