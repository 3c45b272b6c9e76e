"""A document keeps no secret in what people and models wrote, and nothing else changes."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from attrs import evolve, fields
from fakes.told_run import told_run
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.state.document_store import DocumentStore
from dispatch.state.free_text import FREE, without_secrets
from dispatch.state.record import Record
from dispatch.state.records import Run
from dispatch.state.redact import Redactor

SECRET = "correct horse battery"
REDACTOR = Redactor([SECRET])
# Texts that are carried out, compared, or name something.
AS_THEY_ARE = {
    "affected_files", "allowed", "at", "attempt_id", "attribution", "author_email",
    "author_name", "base", "base_branch", "base_commit", "baseline_build_log_path",
    "build_gate", "by", "command", "commit_sha", "commit_strategy", "created_at",
    "delegated_network", "depends_on",
    "deviation_id", "email", "ended_at", "escalation_id", "event", "executor", "failure_id",
    "file", "file_path", "files_modified", "final_build_log_path", "follows", "glob", "id",
    "integration_branch", "kept_ref", "level_boundaries", "mode", "model", "name", "network",
    "new_tests",
    "old_path", "others", "output_path", "path", "paths", "per_task", "programs",
    "published_commit", "read_only", "ref", "regressed_commands", "rescue_ref", "reviews",
    "schema_version", "sequence", "session_id", "setup", "setup_network", "share", "spec_path",
    "started_at", "state", "superseded_paths", "superseded_tips", "target_repo_path", "task_id",
    "task_ids", "tip", "tree", "unknown", "upgraded_from", "usage", "verb", "verify_commands",
    "work", "worktree_path",
}  # fmt: skip


def test_every_text_of_a_record_is_free_or_stays_as_it_is() -> None:
    """A new field has to say which."""
    seen = set[type]()
    texts = set[str]()

    def look(kind: type) -> None:
        if kind in seen:
            return
        seen.add(kind)
        for each in fields(kind):
            parts = set(_parts(each.type))
            if str in parts or object in parts:
                texts.add(each.name)
            for part in parts:
                if isinstance(part, type) and issubclass(part, Record):
                    look(part)

    look(Run)
    unknown = {name for name in texts if name not in FREE | AS_THEY_ARE}
    assert sorted(unknown) == []


def test_what_was_written_loses_its_secrets_when_it_is_saved(tmp_path: Path) -> None:
    store = DocumentStore.create(tmp_path / "told", told_run(), REDACTOR)
    said = f"it is {SECRET}"

    def tell(run: Run) -> Run:
        tasks = (evolve(run.tasks[0], objective=said, verify_commands=(said,)), *run.tasks[1:])
        return evolve(run, paused=said, tasks=tasks)

    store.update(tell)
    kept = DocumentStore.open(tmp_path / "told").run
    assert kept == store.run
    assert kept.paused == f"it is {REDACTOR.mark(SECRET)}"
    assert kept.tasks[0].objective == f"it is {REDACTOR.mark(SECRET)}"
    assert kept.tasks[0].verify_commands == (said,)  # it is to run as it stands


@settings(max_examples=20)
@given(st.text(max_size=30))
def test_a_document_without_secrets_is_given_back_itself(text: str) -> None:
    run = evolve(told_run(), paused=text)
    assert without_secrets(run, None, REDACTOR) is run


def _parts(kind: object) -> Iterator[object]:
    yield kind
    for part in get_args(kind):
        yield from _parts(part)
