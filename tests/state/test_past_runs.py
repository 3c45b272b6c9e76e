"""The file of past runs: kept, replaced, bounded, and never in the way."""

import sqlite3
import stat
from pathlib import Path

import pytest
from attrs import evolve
from fakes.small_records import a_run

from dispatch.state import past_runs
from dispatch.state.enums import AgentType, AttemptOutcome, Role, TaskClass
from dispatch.state.past_runs import PastRunsError, note_past_run, read_past_runs, read_spent
from dispatch.state.routes import Experience, Spent, WorkKind

EXPERIENCE = Experience(
    work=WorkKind(role=Role.IMPLEMENTER, agent_type=AgentType.GENERAL, task_class=TaskClass.BUGFIX),
    executor="litellm",
    model="vendor/model",
    outcome=AttemptOutcome.OK,
    accepted=True,
    rounds=1,
    findings=2,
    input_tokens=10,
    output_tokens=3,
    cached_tokens=4,
    cost_usd=0.5,
    seconds=7.0,
    ended_at="2026-01-02T03:04:05.678Z",
)
OTHER = evolve(EXPERIENCE, work=WorkKind(role=Role.PLANNER), cost_usd=None, accepted=False)
PIECES = (
    Spent(role=Role.IMPLEMENTER, seconds=7.5, cost_usd=0.5, models=("a", "b")),
    Spent(role=Role.FIX_AGENT, seconds=0, cost_usd=None, models=()),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file will be, in a folder that is not there yet."""
    return tmp_path / "data" / "dispatch" / past_runs.FILE


def test_what_is_put_down_is_read_again_whole(path: Path) -> None:
    assert (read_past_runs(path), read_spent(path)) == ((), ())
    note_past_run(path, a_run(), [("a", EXPERIENCE), ("b", OTHER)], PIECES)
    assert (read_past_runs(path), read_spent(path)) == ((EXPERIENCE, OTHER), PIECES)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_run_that_ends_again_takes_the_place_of_what_it_said_before(path: Path) -> None:
    """A retried run ends twice, and another run of that name in another place is another run."""
    note_past_run(path, a_run(), [("a", EXPERIENCE), ("b", EXPERIENCE)], PIECES)
    note_past_run(path, a_run(), [("a", OTHER)], PIECES[1:])
    assert (read_past_runs(path), read_spent(path)) == ((OTHER,), PIECES[1:])
    note_past_run(path, evolve(a_run(), target_repo_path="/elsewhere"), [("a", EXPERIENCE)])
    assert sorted(each.accepted for each in read_past_runs(path)) == [False, True]


def test_the_file_says_nothing_of_the_repository(path: Path) -> None:
    note_past_run(path, a_run("secret-name"), [("a", EXPERIENCE)], PIECES)
    data = path.read_bytes()
    assert b"secret-name" not in data
    assert b"/repository" not in data


def test_the_oldest_go_when_there_are_too_many(path: Path) -> None:
    each = [evolve(EXPERIENCE, ended_at=f"2026-01-0{day}T00:00:00.000Z") for day in range(1, 6)]
    note_past_run(path, a_run(), [(one.ended_at, one) for one in each], most=3)
    assert read_past_runs(path) == tuple(each[2:])
    note_past_run(path, evolve(a_run(), created_at="2027-01-02T03:04:05.678Z"), [], PIECES, most=3)
    note_past_run(path, a_run("older"), [], PIECES, most=3)
    assert read_spent(path) == (PIECES[0], *PIECES)


def test_a_file_without_pieces_gets_them_and_keeps_what_it_has(path: Path) -> None:
    """Version 1 had the first table only."""
    note_past_run(path, a_run(), [("a", EXPERIENCE)])
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE pieces")
        connection.execute("PRAGMA user_version = 1")
    connection.close()
    assert (read_past_runs(path), read_spent(path)) == ((EXPERIENCE,), ())
    note_past_run(path, a_run("other"), [("a", OTHER)], PIECES)
    assert (len(read_past_runs(path)), read_spent(path)) == (2, PIECES)


def test_a_file_that_is_no_database_is_refused_in_a_sentence_and_left(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"garbage " * 200)
    for use in (
        lambda: read_past_runs(path),
        lambda: note_past_run(path, a_run(), [("a", EXPERIENCE)]),
    ):
        with pytest.raises(PastRunsError) as caught:
            use()
        assert caught.value.message == f"{path} cannot be used: file is not a database."
    assert path.read_bytes() == b"garbage " * 200


def test_a_newer_file_is_left_alone(path: Path) -> None:
    note_past_run(path, a_run(), [("a", EXPERIENCE)])
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 3")
    connection.close()
    with pytest.raises(PastRunsError, match="was written by a newer version of dispatch"):
        read_past_runs(path)


def test_a_spoiled_row_is_passed_over(path: Path) -> None:
    note_past_run(path, a_run(), [("a", EXPERIENCE), ("b", OTHER)], PIECES)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE attempts SET experience = '{\"work\": 1}' WHERE attempt = 'a'")
        connection.execute("UPDATE pieces SET spent = 'x' WHERE piece = 0")
    connection.close()
    assert (read_past_runs(path), read_spent(path)) == ((OTHER,), PIECES[1:])


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PastRunsError):
        note_past_run(tmp_path / "file" / "x" / "p", a_run(), [("a", EXPERIENCE)])
