"""The two files of a report: what they are made from, and what must not be in them."""

from pathlib import Path

from attrs import evolve
from fakes.small_records import a_run, a_task
from fakes.told_run import COMMIT, ENDED, LOST, RESCUE, told_run

from dispatch.fsm.report_file import MAX_PATCH, gather, put_report
from dispatch.state.errors import GitError
from dispatch.state.redact import Redactor

SECRET = 'pa<ss>&"Xq9z'
KEPT = "e" * 40


class PatchesOf:
    """Patches by commit; a commit without one is gone, and a ref leads to one."""

    def __init__(self, patches: dict[str, str]) -> None:
        self._patches = patches

    def tip(self, ref: str) -> str | None:
        """Where a ref points."""
        return KEPT if ref == RESCUE else None

    def patch(self, commit: str) -> str:
        """The patch, with the message that git puts before it."""
        if commit not in self._patches:
            raise GitError(f"{commit} is not there.")
        return f"From {commit}\nSubject: x\n\n{self._patches[commit]}"


def test_a_secret_is_in_neither_file_however_it_would_be_escaped(tmp_path: Path) -> None:
    """It is taken out before: escaped, it would not be recognised."""
    source = PatchesOf({COMMIT: f"diff --git a/x b/x\n+{SECRET}\n"})
    redact = Redactor([SECRET])
    facts = gather(told_run(), source, difference=f"+{SECRET}\n", now=ENDED, redact=redact)
    assert put_report(tmp_path, facts, redact) == tmp_path / "report.md"
    texts = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert set(texts) == {"report.md", "report.html"}
    assert [name for name, text in texts.items() if "Xq9z" in text] == []


def test_patches_come_from_commits_and_rescue_refs_and_what_is_gone_is_told() -> None:
    """Without git's message before them, and cut: a page has no room for more."""
    long = "diff --git a/x b/x\n" + "+x\n" * MAX_PATCH
    source = PatchesOf({KEPT: long})
    facts = gather(told_run(), source, difference="", now=ENDED, redact=Redactor())
    assert [(each.title, each.ref, each.patch) for one in facts.tasks for each in one.pieces] == [
        ("The task's commit", COMMIT, f"It could not be read: {COMMIT} is not there."),
        ("Entrant 2 of its race, not in the result", LOST, ""),
        ("Kept, and not in the result", RESCUE, long[:MAX_PATCH]),
    ]


def test_a_ref_that_leads_nowhere_and_a_commit_that_changes_nothing_have_no_patch() -> None:
    run = evolve(
        a_run(), tasks=(evolve(a_task(), commit_sha=COMMIT, rescue_ref="refs/dispatch/r/gone"),)
    )
    facts = gather(run, PatchesOf({COMMIT: ""}), difference="", now=ENDED, redact=Redactor())
    assert [each.patch for each in facts.tasks[0].pieces] == ["", ""]
