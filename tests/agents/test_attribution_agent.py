"""The attribution agent: a cause for each failure, or nobody's."""

from pathlib import Path

import pytest
from fakes.agent_jobs import Desk, a_task, attribution_job

from dispatch.agents.tools import ToolResult
from dispatch.state.enums import AttributedBy, FailureCause
from dispatch.state.judgements import Attribution, Explanation

TASK = {"failureId": "bf-1", "cause": "task", "taskIds": ["1a-greet"], "reason": "It prints."}
NOBODY = {"failureId": "bf-2", "cause": "environment", "reason": "The network was down."}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """An attribution agent for two failures and one task."""
    return Desk(attribution_job(tmp_path))


def test_it_can_read_record_and_hand_in_and_nothing_else(desk: Desk) -> None:
    assert desk.names == [
        "finalizeAttribution",
        "grep",
        "read_file",
        "recordAttribution",
        "search_files",
    ]


async def test_what_was_recorded_is_delivered_by_id(desk: Desk) -> None:
    """[PA-01] [PA-02] [PA-05] [PA-13] The last word on a failure counts."""
    again = {**TASK, "taskIds": ["1a-greet", "1a-greet"], "reason": " It raises. "}
    for call in (NOBODY, TASK, again):
        assert await desk.call("recordAttribution", **call) == ToolResult("recorded")
    assert await desk.call("finalizeAttribution") == ToolResult("ok")
    assert desk.value == Attribution(
        explanations=(
            Explanation(
                failure_id="bf-1",
                cause=FailureCause.TASK,
                task_ids=("1a-greet",),
                by=AttributedBy.ATTRIBUTION,
                reason="It raises.",
            ),
            Explanation(
                failure_id="bf-2",
                cause=FailureCause.ENVIRONMENT,
                by=AttributedBy.ATTRIBUTION,
                reason="The network was down.",
            ),
        )
    )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"taskIds": []}, "has the cause task, but names none"),
        ({"failureId": None}, "failureId"),
        ({"failureId": "bf-9"}, '"bf-9" is none of the failures bf-1, bf-2.'),
        (
            {"taskIds": ["1b-other"]},
            "names 1b-other, which can be no cause; the tasks are 1a-greet",
        ),
        ({"cause": "none"}, "has the cause none, so it names no task"),
        ({"cause": "accepted", "taskIds": []}, "Only the operator lets a failure stand."),
        ({"reason": " "}, "needs a reason"),
    ],
)
async def test_a_cause_that_cannot_be_is_refused_with_what_is_wrong(
    desk: Desk, changes: dict[str, object], what: str
) -> None:
    """[PA-03] [PA-04] [PA-11] [W-31]"""
    assert what in await desk.refused("recordAttribution", **{**TASK, **changes})


async def test_it_ends_only_when_every_failure_has_its_cause(desk: Desk) -> None:
    """[PA-09] The agent can repair it."""
    await desk.call("recordAttribution", **TASK)
    assert "missing: bf-2" in await desk.refused("finalizeAttribution")
    await desk.call("recordAttribution", **NOBODY)
    assert not (await desk.call("finalizeAttribution")).is_error


def test_the_seed_has_failures_logs_and_each_task_with_its_work(tmp_path: Path) -> None:
    """[PA-06] [PA-07]"""
    idle = a_task(id="1b-idle")
    job = attribution_job(tmp_path)
    job = attribution_job(
        tmp_path, tasks=(*job.tasks, idle), patches={**job.patches, "1b-idle": ""}
    )
    seed = Desk(job).session.seed
    for part in (
        "- bf-1, from `make test`, in `src/greet.py`, line 10\n",
        "- bf-2, from `make test`\n",
        "all went well",
        "2 failed",
        "# Task 1a-greet",
        "Files: `src/greet.py`",
        "+print",
        "# Task 1b-idle",
        "None; the task changed nothing of its own.",
    ):
        assert part in seed


async def test_it_reads_both_logs_whole(desk: Desk, tmp_path: Path) -> None:
    evidence = attribution_job(tmp_path).folder / "evidence"
    for name, text in (("baseline-build.log", "all went well"), ("final-build.log", "2 failed")):
        assert text in (await desk.call("read_file", path=str(evidence / name))).content
