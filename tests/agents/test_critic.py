"""The critic's verdict is judged inside its tool."""

from pathlib import Path

import pytest
from fakes.agent_jobs import Desk, a_task, critique_job

from dispatch.agents.tools import ToolResult
from dispatch.state.enums import FindingSeverity, GateOutcome
from dispatch.state.judgements import CritiqueVerdict, Finding

BLOCKING = {
    "id": "rude",
    "severity": "blocking",
    "description": "It shouts.",
    "filePath": "./src/greet.py",
    "lineRange": [1, 1],
}
RUDE = Finding(
    id="rude",
    severity=FindingSeverity.BLOCKING,
    description="It shouts.",
    file_path="src/greet.py",
    line_range=(1, 1),
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A critic ready to work."""
    return Desk(critique_job(tmp_path))


async def test_a_clean_task_passes(desk: Desk) -> None:
    """[CR-01]"""
    assert "hello" in (await desk.call("read_file", path="src/greet.py")).content
    assert await desk.call(
        "recordVerdict", taskId="1a-greet", status="pass", findings=[]
    ) == ToolResult("ok")
    assert desk.value == CritiqueVerdict(round=1, status=GateOutcome.PASS, findings=())


async def test_a_blocking_finding_is_delivered_whole(desk: Desk) -> None:
    """[CR-02] [CR-03]"""
    await desk.call(
        "recordVerdict",
        taskId="1a-greet",
        status="amend",
        findings=[BLOCKING],
        newTests=["./tests/test_greet.py"],
    )
    assert desk.value == CritiqueVerdict(
        round=1, status=GateOutcome.AMEND, findings=(RUDE,), new_tests=("tests/test_greet.py",)
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"status": "maybe"}, "status: must be one of"),
        ({"taskId": "1b-other"}, 'The verdict is for task "1b-other", but you review "1a-greet".'),
        ({"findings": [BLOCKING]}, "is pass, but these findings are blocking"),
        ({"status": "fail"}, "but no finding is blocking"),
        ({"status": "amend", "findings": [BLOCKING, BLOCKING]}, '2 findings have the id "rude"'),
        ({"newTests": ["../x.py"]}, "newTests: '../x.py' is no file of the worktree"),
        (
            {"status": "amend", "findings": [{**BLOCKING, "lineRange": [3, 1]}]},
            "has the line range 3 to 1",
        ),
    ],
)
async def test_a_verdict_that_does_not_fit_is_refused_and_may_be_repaired(
    desk: Desk, changes: dict[str, object], what: str
) -> None:
    """[CR-04] W-28"""
    verdict: dict[str, object] = {"taskId": "1a-greet", "status": "pass", "findings": []}
    assert what in await desk.refused("recordVerdict", **{**verdict, **changes})
    assert desk.value is None
    assert await desk.call("recordVerdict", **verdict) == ToolResult("ok")


def test_a_critic_can_read_and_give_a_verdict_and_nothing_else(desk: Desk) -> None:
    """[CR-05]"""
    assert desk.names == ["grep", "read_file", "recordVerdict", "search_files"]


async def test_reading_stays_inside_the_worktree(desk: Desk) -> None:
    """[CR-06]"""
    assert "outside" in await desk.refused("read_file", path="../run-state.yaml")


def test_the_seed_holds_everything_known_of_the_task(tmp_path: Path) -> None:
    earlier = CritiqueVerdict(round=1, status=GateOutcome.AMEND, findings=(RUDE,))
    seed = Desk(
        critique_job(tmp_path, task=a_task(critique_verdicts=(earlier,)), round=2)
    ).session.seed
    assert seed.startswith("# Review of task 1a-greet: level 1, round 2\n")
    for part in (
        "It greets.",
        "- 1a-greet-dev-1: moderate, approach, in `src/greet.py`",
        "The plan said print; I return the text.",
        "- modified `src/greet.py`, +1 -0",
        "- `make test`: exit code 0",
        "Round 1: amend",
        "- `rude`, blocking, in `src/greet.py`, lines 1 to 1",
        "````diff\n--- a/src/greet.py\n+++ b/src/greet.py\n+```\n````",
        "Be kind to the code.",
    ):
        assert part in seed


def test_a_long_diff_is_cut_with_a_remedy_and_a_missing_one_is_said(tmp_path: Path) -> None:
    long = Desk(critique_job(tmp_path, diff="+line\n" * 100_000)).session.seed
    assert len(long) < 220_000
    assert "Read the remaining files with read_file.]" in long
    none = Desk(critique_job(tmp_path, diff="", changes=())).session.seed
    assert "The task has no commit of its own" in none
