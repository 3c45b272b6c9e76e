"""The greybeard rules on one deviation, alone, by reading."""

from pathlib import Path

import pytest
from attrs import evolve
from fakes.agent_jobs import DEVIATION, PLAN, Desk, greybeard_job
from fakes.model_fake import FunctionDouble

from dispatch.agents.roles.greybeard import refuse_consulting
from dispatch.agents.tools import ToolResult
from dispatch.state.enums import GreybeardRuling
from dispatch.state.judgements import GreybeardVerdict

RULING: dict[str, object] = {
    "taskId": "1a-greet",
    "deviationId": "1a-greet-dev-1",
    "verdict": "accept",
    "rationale": "Returning is better than printing.",
}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A greybeard ready to work."""
    return Desk(greybeard_job(tmp_path))


def test_a_greybeard_can_read_and_rule_and_nothing_else(desk: Desk) -> None:
    """[GB-01] [GB-02]"""
    assert desk.names == ["grep", "read_file", "recordGreybeardVerdict", "search_files"]


@pytest.mark.parametrize(
    "name", ["askGreybeard", "consult", "spawnTask", "invoke_other_agent", "CONSULT_EXPERT"]
)
def test_a_tool_by_which_it_could_ask_another_is_refused(name: str) -> None:
    """[GB-02]"""

    async def never(arguments: dict[str, object]) -> ToolResult:
        raise AssertionError

    with pytest.raises(ValueError, match=name):
        refuse_consulting((FunctionDouble(name, never),))
    refuse_consulting((FunctionDouble("read_file", never),))


async def test_it_reads_the_worktree_the_plan_and_the_output_and_nothing_beside_them(
    tmp_path: Path,
) -> None:
    """[GB-03] [GB-04] [GB-05] [GB-06] [GB-14]"""
    job = greybeard_job(tmp_path)
    desk = Desk(job)
    evidence = job.folder / "evidence"
    (evidence / "sibling.md").write_text("not yours\n", encoding="utf-8")
    assert "hello" in (await desk.call("read_file", path="src/greet.py")).content
    plan = await desk.call("read_file", path=str(evidence / "plan.md"))
    assert PLAN.splitlines()[0] in plan.content
    output = await desk.call("read_file", path=str(evidence / "output.yaml"))
    assert 'id: "1a-greet-dev-1"' in output.content
    for path in (
        str(evidence / "sibling.md"),
        str(evidence / ".." / "evidence" / "sibling.md"),
        str(tmp_path / "run-state.yaml"),
        "../run-state.yaml",
    ):
        assert "outside" in await desk.refused("read_file", path=path)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rationale": ""}, "rationale: must not be empty"),
        ({"rationale": " \n"}, "rationale: must not be blank"),
        ({"verdict": "shrug"}, "verdict: must be one of"),
        ({"taskId": "1b-other"}, 'taskId: you rule on task "1a-greet", not "1b-other"'),
        ({"deviationId": "1a-greet-dev-2"}, 'you rule on "1a-greet-dev-1"'),
    ],
)
async def test_a_ruling_that_does_not_fit_is_refused_and_may_be_repaired(
    desk: Desk, changes: dict[str, object], what: str
) -> None:
    """[GB-07] [GB-08] [GB-13]"""
    assert what in await desk.refused("recordGreybeardVerdict", **{**RULING, **changes})
    assert desk.value is None
    assert await desk.call("recordGreybeardVerdict", **RULING) == ToolResult("ok")


@pytest.mark.parametrize("ruling", list(GreybeardRuling))
async def test_every_ruling_is_delivered_whole(desk: Desk, ruling: GreybeardRuling) -> None:
    """[GB-09] [GB-10] [GB-11] [GB-12]"""
    await desk.call("recordGreybeardVerdict", **{**RULING, "verdict": ruling.value})
    assert desk.value == GreybeardVerdict(
        verdict=ruling, rationale="Returning is better than printing."
    )


def test_the_seed_holds_the_deviation_and_the_three_paths(tmp_path: Path) -> None:
    """[GB-15]"""
    job = greybeard_job(tmp_path)
    seed = Desk(job).session.seed
    for part in (
        "# A deviation of task 1a-greet",
        f"- Plan: `{job.folder}/evidence/plan.md`",
        f"- Output, as submitted: `{job.folder}/evidence/output.yaml`",
        f"- Worktree: `{job.root}`",
        "- Id: 1a-greet-dev-1\n- Severity: moderate\n- Category: approach\n"
        "- Affected files: `src/greet.py`\n",
        "The plan said print; I return the text.",
    ):
        assert part in seed


def test_a_deviation_without_files_says_so(tmp_path: Path) -> None:
    """[GB-15]"""
    job = greybeard_job(tmp_path, deviation=evolve(DEVIATION, affected_files=()))
    assert "- Affected files: none reported\n" in Desk(job).session.seed
