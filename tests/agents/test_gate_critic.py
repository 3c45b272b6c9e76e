"""The gate critic sees its level and nothing else; its verdict is judged inside its tool."""

from pathlib import Path
from typing import Any

import pytest
from fakes.agent_jobs import SHA_A, SHA_B, Desk, gate_job

from dispatch.agents.roles.gate_critic import PAGE_CHARACTERS
from dispatch.agents.tools import ToolResult
from dispatch.state.enums import FindingSeverity, GateOutcome
from dispatch.state.errors import GitError
from dispatch.state.judgements import CritiqueVerdict, Finding, GateVerdict, PerTaskGateVerdict

PASS = {"status": "pass", "findings": []}
CLEAN: dict[str, Any] = {
    "level": 1,
    "status": "pass",
    "perTask": {"1a-greet": PASS, "1b-part": PASS, "1c-look": PASS},
}
FINDING = {"id": "clash", "severity": "blocking", "description": "Two greetings."}
PASSED = PerTaskGateVerdict(status=GateOutcome.PASS, findings=())


class Shown:
    """Shows commits and remembers which."""

    def __init__(self, patch: str = "the patch") -> None:
        self.asked: list[str] = []
        self._patch = patch

    async def __call__(self, sha: str) -> str:
        """The patch."""
        self.asked.append(sha)
        return self._patch


async def test_a_clean_level_passes(tmp_path: Path) -> None:
    """[GC-01] The evidence is in the seed; there are no verdict files to read."""
    desk = Desk(gate_job(tmp_path, Shown()))
    assert await desk.call("recordGateVerdict", **CLEAN) == ToolResult("ok")
    assert desk.value == GateVerdict(
        level=1,
        round=1,
        status=GateOutcome.PASS,
        per_task={"1a-greet": PASSED, "1b-part": PASSED, "1c-look": PASSED},
    )


async def test_a_split_verdict_is_delivered_whole(tmp_path: Path) -> None:
    """[GC-02]"""
    desk = Desk(gate_job(tmp_path, Shown()))
    split = {**CLEAN["perTask"], "1b-part": {"status": "amend", "findings": [FINDING]}}
    await desk.call("recordGateVerdict", level=1, status="amend", perTask=split)
    finding = Finding(id="clash", severity=FindingSeverity.BLOCKING, description="Two greetings.")
    assert desk.value.status is GateOutcome.AMEND
    assert desk.value.per_task == {
        "1a-greet": PASSED,
        "1b-part": PerTaskGateVerdict(status=GateOutcome.AMEND, findings=(finding,)),
        "1c-look": PASSED,
    }


async def test_a_commit_of_the_level_is_shown(tmp_path: Path) -> None:
    """[GC-03]"""
    shown = Shown()
    desk = Desk(gate_job(tmp_path, shown))
    assert await desk.call("gitShow", sha=SHA_A) == ToolResult("the patch")
    assert shown.asked == [SHA_A]


@pytest.mark.parametrize("sha", ["c" * 40, SHA_A[:12], "HEAD", "--output=x", "null", ""])
async def test_no_other_commit_is_shown_or_even_asked_for(tmp_path: Path, sha: str) -> None:
    """[GC-04] [GC-05]"""
    shown = Shown()
    refusal = await Desk(gate_job(tmp_path, shown)).refused("gitShow", sha=sha)
    assert refusal == (f"The commit {sha!r} is not in the level's allowlist: {SHA_A}, {SHA_B}.")
    assert shown.asked == []


async def test_what_git_says_is_passed_on(tmp_path: Path) -> None:
    """[GC-06]"""

    async def broken(sha: str) -> str:
        raise GitError("git show exited 128: fatal: bad object")

    desk = Desk(gate_job(tmp_path, broken))
    assert await desk.refused("gitShow", sha=SHA_A) == "git show exited 128: fatal: bad object"


async def test_a_long_patch_is_shown_a_page_at_a_time(tmp_path: Path) -> None:
    patch = "x" * PAGE_CHARACTERS + "the rest"
    desk = Desk(gate_job(tmp_path, Shown(patch)))
    first = await desk.call("gitShow", sha=SHA_B)
    assert first.content == (
        "x" * PAGE_CHARACTERS
        + f"\n[8 more characters: call gitShow again with offset {PAGE_CHARACTERS}]"
    )
    rest = await desk.call("gitShow", sha=SHA_B, offset=PAGE_CHARACTERS)
    assert rest == ToolResult("the rest")
    beyond = await desk.call("gitShow", sha=SHA_B, offset=10**9)
    assert beyond.content == f"[the patch has only {len(patch)} characters]"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"status": "perhaps"}, "status: must be one of"),
        ({"level": 2}, "The verdict is for level 2, but you judge level 1."),
        ({"perTask": {"1a-greet": PASS}}, 'missing: "1b-part", "1c-look"'),
        ({"perTask": {**CLEAN["perTask"], "9z-ghost": PASS}}, '"9z-ghost"'),
        (
            {
                "perTask": {
                    **CLEAN["perTask"],
                    "1b-part": {"status": "amend", "findings": [FINDING]},
                }
            },
            'The level cannot pass while these tasks do not: "1b-part"',
        ),
        (
            {"perTask": {**CLEAN["perTask"], "1b-part": {"status": "pass", "findings": [FINDING]}}},
            "is pass, but these findings are blocking",
        ),
        ({"status": "amend"}, "but every task passes"),
    ],
)
async def test_a_verdict_that_does_not_fit_is_refused_and_may_be_repaired(
    tmp_path: Path, changes: dict[str, object], what: str
) -> None:
    """[GC-07] [GC-10] W-28"""
    desk = Desk(gate_job(tmp_path, Shown()))
    assert what in await desk.refused("recordGateVerdict", **{**CLEAN, **changes})
    assert desk.value is None
    assert await desk.call("recordGateVerdict", **CLEAN) == ToolResult("ok")


async def test_what_a_critic_found_blocking_cannot_pass(tmp_path: Path) -> None:
    found = Finding(id="rude", severity=FindingSeverity.BLOCKING, description="It shouts.")
    verdict = CritiqueVerdict(round=1, status=GateOutcome.AMEND, findings=(found,))
    desk = Desk(gate_job(tmp_path, Shown(), (verdict,)))
    assert '"rude"' in await desk.refused("recordGateVerdict", **CLEAN)


def test_a_gate_critic_can_read_and_judge_and_nothing_else(tmp_path: Path) -> None:
    """[GC-08]"""
    assert Desk(gate_job(tmp_path, Shown())).names == [
        "gitShow",
        "grep",
        "read_file",
        "recordGateVerdict",
        "search_files",
    ]


async def test_the_run_folder_and_other_attempts_cannot_be_read(tmp_path: Path) -> None:
    """[GC-09] [GC-11] It reads the level's tree, and nothing of the run."""
    job = gate_job(tmp_path, Shown())
    desk = Desk(job)
    assert "hello" in (await desk.call("read_file", path="src/greet.py")).content
    for path in ("../run-state.yaml", str(tmp_path / "run-state.yaml"), str(job.folder)):
        assert "outside" in await desk.refused("read_file", path=path)


def test_the_seed_holds_every_task_with_its_commit_and_its_critic(tmp_path: Path) -> None:
    found = Finding(id="rude", severity=FindingSeverity.ADVISORY, description="It shouts.")
    verdict = CritiqueVerdict(round=1, status=GateOutcome.PASS, findings=(found,))
    seed = Desk(gate_job(tmp_path, Shown(), (verdict,))).session.seed
    assert "tasks under judgement: 1a-greet, 1b-part, 1c-look." in seed
    assert f"# Task 1a-greet\n\n**Objective:** `Greet politely.`\n\nCommit: {SHA_A}\n" in seed
    assert "Commit: none; the task changed nothing of its own" in seed
    assert "Round 1: pass\n\n- `rude`, advisory" in seed
    assert seed.count("Not reviewed alone.") == 2
