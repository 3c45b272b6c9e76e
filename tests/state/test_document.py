"""The document on disk: what a save leaves behind, and what a load refuses."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from attrs import evolve
from fakes.audit_faults import fail_once
from fakes.small_records import a_run, a_task

from dispatch.state.document import DOCUMENT, PREVIOUS, load_run
from dispatch.state.document_store import DocumentStore, dump_run
from dispatch.state.enums import RunStatus
from dispatch.state.errors import DocumentError, StorageError, UsageError
from dispatch.state.records import Run


def executing(run: Run) -> Run:
    return evolve(run, status=RunStatus.EXECUTING)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dispatch" / "r"


@pytest.fixture
def store(folder: Path) -> DocumentStore:
    return DocumentStore.create(folder, a_run())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_written_document_is_read_back_equal(store: DocumentStore, folder: Path) -> None:
    """[P-01] [P-03] No temporary file remains."""
    assert load_run(folder / DOCUMENT) == a_run() == store.run
    assert names(folder) == [DOCUMENT]
    assert (folder / DOCUMENT).stat().st_mode & 0o777 == 0o600


def test_the_file_is_block_yaml(store: DocumentStore, folder: Path) -> None:
    """[P-02]"""
    lines = (folder / DOCUMENT).read_text().splitlines()
    assert lines[0] == 'schemaVersion: "1.0"'
    assert "name: r" in lines
    assert "commitStrategy: per-task" in lines


def test_a_leftover_temporary_file_changes_nothing(store: DocumentStore, folder: Path) -> None:
    """[P-04] It is gone after the next save."""
    (folder / f"{DOCUMENT}.tmp").write_text("half a docu")
    assert DocumentStore.open(folder).run == a_run()
    store.update(executing)
    assert names(folder) == sorted([DOCUMENT, PREVIOUS])


def test_a_second_write_replaces_the_first_and_keeps_it_as_the_previous(
    store: DocumentStore, folder: Path
) -> None:
    """[P-05]"""
    assert store.update(executing) == store.run
    assert load_run(folder / DOCUMENT).status is RunStatus.EXECUTING
    assert load_run(folder / PREVIOUS) == a_run()


def test_a_change_that_changes_nothing_writes_nothing(store: DocumentStore, folder: Path) -> None:
    before = (folder / DOCUMENT).stat()
    assert store.update(lambda run: run) is store.run
    assert (folder / DOCUMENT).stat() == before


def refusal(path: Path) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        load_run(path)
    return caught.value


def test_a_malformed_document_is_refused_with_path_line_and_cause(tmp_path: Path) -> None:
    """[P-06]"""
    path = tmp_path / DOCUMENT
    path.write_text("a: 1\nb: [\n")
    error = refusal(path)
    assert error.message.startswith(f"The run-state YAML is invalid: {path}\n  {path}:3: ")
    assert error.__cause__ is not None


def test_a_wrong_shape_is_refused_with_every_line(folder: Path, store: DocumentStore) -> None:
    """[P-06] The previous document is named, never taken."""
    store.update(executing)
    path = folder / DOCUMENT
    text = path.read_text().replace("status: executing", "status: idle")
    path.write_text(text.replace("setup: []", "setup: make"))
    error = refusal(path)
    assert error.problems == (
        f"{path}:4: status: 'idle' is not one of consolidating, done, executing, failed, "
        "fixing-verification, gating-plan, planning, verifying",
        f"{path}:17: setup: 'make' is not a list",
    )
    assert error.hint == (
        f"The document before it is {folder / PREVIOUS}; "
        "compare the two before you put it in place."
    )
    assert error.__cause__ is not None


def test_a_missing_document_is_an_error(tmp_path: Path) -> None:
    """[P-07]"""
    error = refusal(tmp_path / DOCUMENT)
    assert error.message == (
        f"There is no run-state document to read at {tmp_path / DOCUMENT}: "
        "No such file or directory."
    )


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "null\n", "- a\n", "x\n"])
def test_an_empty_document_is_an_error(tmp_path: Path, text: str) -> None:
    """[P-08]"""
    (tmp_path / DOCUMENT).write_text(text)
    error = refusal(tmp_path / DOCUMENT)
    assert "run-state YAML is invalid" in error.message
    assert error.__cause__ is not None


def test_boundaries_keep_text_keys_and_commit_ids(folder: Path) -> None:
    """[P-09] Also in a file that a person has edited, and for ids that look like numbers."""
    boundaries = {"1": "1" * 40, "2": "0e" + "1" * 38, "10": "12345678" * 5}
    store = DocumentStore.create(folder, evolve(a_run(), level_boundaries=boundaries))
    assert load_run(folder / DOCUMENT) == store.run
    path = folder / DOCUMENT
    path.write_text("# edited\n" + path.read_text().replace('  "2":', "  2:"))
    assert load_run(path).level_boundaries == boundaries


@pytest.mark.parametrize("event", ["os.rename", "os.link", "open"])
def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(
    store: DocumentStore, folder: Path, event: str
) -> None:
    """[P-10] And the store still says what the file says."""
    store.update(lambda run: evolve(run, base_branch="other"))
    before = (folder / DOCUMENT).read_bytes()
    about = DOCUMENT if event == "os.link" else f"{DOCUMENT}.tmp"
    with fail_once(event, about), pytest.raises(StorageError) as caught:
        store.update(executing)
    assert "No space left on device" in caught.value.message
    assert str(folder / DOCUMENT) in caught.value.message
    assert caught.value.hint == "Free some space, then run the same command again."
    assert (folder / DOCUMENT).read_bytes() == before == dump_run(store.run)
    assert f"{DOCUMENT}.tmp" not in names(folder)
    store.update(executing)
    assert load_run(folder / DOCUMENT) == store.run


KILLED = """
import os, signal, sys
from pathlib import Path
from attrs import evolve
from dispatch.state.document_store import DocumentStore

store = DocumentStore.open(Path(sys.argv[1]))

def die(event, arguments):
    if event == "os.rename":
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
store.update(lambda run: evolve(run, base_branch="changed"))
"""


def test_a_kill_between_write_and_rename_leaves_the_old_document(
    store: DocumentStore, folder: Path
) -> None:
    """[P-11]"""
    done = subprocess.run([sys.executable, "-c", KILLED, folder], check=False)
    assert done.returncode == -signal.SIGKILL
    assert f"{DOCUMENT}.tmp" in names(folder)
    assert DocumentStore.open(folder).run == a_run()


def test_a_link_a_pipe_and_a_folder_are_no_documents(store: DocumentStore, folder: Path) -> None:
    link, pipe = folder / "link.yaml", folder / "pipe.yaml"
    link.symlink_to(folder / DOCUMENT)
    os.mkfifo(pipe)
    assert "Too many levels of symbolic links" in refusal(link).message
    assert "not a regular file" in refusal(pipe).message
    assert "not a regular file" in refusal(folder).message


def test_a_run_is_created_once(store: DocumentStore, folder: Path) -> None:
    with pytest.raises(UsageError, match="already holds a run"):
        DocumentStore.create(folder, a_run())


def test_an_illegal_change_is_refused_before_anything_is_written(
    store: DocumentStore, folder: Path
) -> None:
    """[W-36] [S-26] [S-32]"""
    before = (folder / DOCUMENT).read_bytes()
    with pytest.raises(DocumentError) as caught:
        store.update(lambda run: evolve(run, commit_strategy="grouped", base_commit="HEAD"))
    assert caught.value.problems == (
        "commitStrategy is 'grouped', but is locked to \"per-task\".",
        "baseCommit is 'HEAD', not 40 hex digits.",
    )
    wrong = evolve(a_task(), level="1")  # type: ignore[arg-type] # what the checker cannot see
    with pytest.raises(DocumentError) as caught:
        store.update(lambda run: evolve(run, tasks=(wrong,)))
    assert caught.value.problems == ("tasks[0].level: '1' is not a whole number",)
    endless = evolve(a_run(), unknown={"x": float("inf")})
    with pytest.raises(DocumentError):
        store.update(lambda _: endless)
    assert store.run == a_run()
    assert (folder / DOCUMENT).read_bytes() == before


def test_an_illegal_document_is_refused_at_load(tmp_path: Path) -> None:
    """[S-26] [S-32]"""
    bad = evolve(
        a_run(),
        commit_strategy="grouped",
        tasks=(a_task("1a-x"), a_task("1a-x", "0z-gone")),
    )
    path = tmp_path / DOCUMENT
    path.write_bytes(dump_run(bad))
    error = refusal(path)
    assert error.problems == (
        "commitStrategy is 'grouped', but is locked to \"per-task\".",
        "task id 1a-x is there twice.",
        "task 1a-x depends on 0z-gone, which is no task.",
    )
    assert error.__cause__ is not None


def test_changes_from_several_threads_are_all_kept(store: DocumentStore, folder: Path) -> None:
    def add(number: int) -> None:
        store.update(lambda run: evolve(run, setup=(*run.setup, f"make {number}")))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(load_run(folder / DOCUMENT).setup) == [f"make {number}" for number in range(8)]
