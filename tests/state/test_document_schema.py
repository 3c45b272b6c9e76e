"""Documents of every version that ever was: the golden files stay readable for ever."""

from pathlib import Path
from typing import Any

import pytest

from dispatch.state.document import load_run
from dispatch.state.document_store import dump_run
from dispatch.state.enums import FailureKind, Isolation, RunStatus, TaskStatus, VerificationMode
from dispatch.state.errors import DocumentError
from dispatch.state.records import SCHEMA_VERSION, Failure, Identity
from dispatch.state.schema import STEPS, upgrade
from dispatch.state.yaml_text import loads

GOLDEN = Path(__file__).parent / "golden"


def test_there_is_a_golden_file_for_every_version() -> None:
    versions = {path.stem.removeprefix("run-") for path in GOLDEN.glob("run-*.yaml")}
    assert versions == {*STEPS, SCHEMA_VERSION}


def test_a_document_of_1_0_is_read_and_written_as_it_is() -> None:
    """Every field of 1.0 is set in it; a field that came later must have a default."""
    path = GOLDEN / "run-1.0.yaml"
    run = load_run(path)
    then, now = loads(path.read_text()), loads(dump_run(run).decode())
    assert part_of(now, then) == then
    assert run.unknown == {"laterKey": {"kept": (1, "two")}}
    assert run.tasks[0].unknown == {"mood": "good"}


def part_of(now: Any, then: Any) -> Any:
    """What a value still has of an older one."""
    if isinstance(then, dict):
        return {key: part_of(now[key], part) for key, part in then.items()}
    if isinstance(then, list):
        return [part_of(one, part) for one, part in zip(now, then, strict=True)]
    return now


def test_a_document_of_0_9_is_upgraded() -> None:
    """[S-31] A missing verificationMode is baseline-equality; what cannot go on is failed."""
    run = load_run(GOLDEN / "run-0.9.yaml")
    base = "0000000000111111111122222222223333333abc"
    assert (run.schema_version, run.upgraded_from) == ("1.0", "0.9")
    assert run.verification_mode is VerificationMode.BASELINE_EQUALITY
    assert run.base_commit == run.level_boundaries["1"] == base
    assert run.isolation is Isolation.LEVEL
    assert run.identity == Identity(name="unknown", email="unknown@localhost")
    assert run.build_gate == ()
    assert run.status is RunStatus.FAILED
    assert run.failure == Failure(
        state="executing",
        kind=FailureKind.INTERNAL,
        message="The run was started by version 0.9, which kept no build gate and no evidence: "
        "it can be read and cleaned up, but not continued.",
        at="2025-11-02T03:04:05.678Z",
    )
    assert [task.status for task in run.tasks] == [TaskStatus.COMPLETED]
    assert run.tasks[0].evidence is None


def old(**changes: Any) -> dict[str, object]:
    return {"name": "r", "status": "done", "levelBoundaries": {"1": "1" * 40}, **changes}


def test_a_done_run_of_0_9_stays_done_and_keeps_what_it_says() -> None:
    upgraded = upgrade(old(verificationMode="no-new-failures"))
    assert upgraded == {
        **old(verificationMode="no-new-failures"),
        "schemaVersion": "1.0",
        "upgradedFrom": "0.9",
        "verificationModeRationale": "",
        "baseCommit": "1" * 40,
        "isolation": "level",
        "identity": {"name": "unknown", "email": "unknown@localhost"},
        "buildGate": [],
    }


@pytest.mark.parametrize("boundaries", [None, {}, {"2": "1" * 40}, []])
def test_a_run_of_0_9_without_its_start_is_refused(boundaries: object) -> None:
    with pytest.raises(DocumentError) as caught:
        upgrade(old(levelBoundaries=boundaries))
    assert caught.value.message == (
        "The document is of version 0.9 and does not say which commit the run started from "
        '(levelBoundaries["1"]).'
    )


def test_a_newer_minor_version_is_left_as_it_is() -> None:
    raw: dict[str, object] = {"schemaVersion": "1.7", "later": True}
    assert upgrade(raw) == {"schemaVersion": "1.7", "later": True}


@pytest.mark.parametrize("version", ["2.0", "10.1", "0.5"])
def test_another_major_version_is_refused(version: str) -> None:
    with pytest.raises(DocumentError) as caught:
        upgrade({"schemaVersion": version})
    assert str(caught.value) == (
        f"The document has schemaVersion {version}; this program reads 0.9 and 1.x. "
        "Use the version of dispatch that wrote it, or a newer one."
    )


@pytest.mark.parametrize("version", [1.0, 1, None, "", "1", "1.0.0", "new", []])
def test_what_is_no_version_is_refused(version: object) -> None:
    with pytest.raises(DocumentError, match=r"^schemaVersion is .*, not text like '1.0'\."):
        upgrade({"schemaVersion": version})
