"""The implementer's tools and claims."""

from pathlib import Path

import pytest
from fakes.agent_jobs import PLAN, Desk, implement_job

from dispatch.agents.roles.implementer import TAIL_CHARACTERS
from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.tools import ToolResult
from dispatch.state.enums import AgentType, DeviationCategory, DeviationSeverity
from dispatch.state.jobs import Submission
from dispatch.state.work import BuildClaim, Deviation, TaskOutput

CLAIM: dict[str, object] = {
    "summary": "Done.",
    "filesModified": ["src/new.py"],
    "deviations": [],
    "notes": "",
}
OUTPUT = TaskOutput(summary="Done.", files_modified=("src/new.py",), deviations=(), notes="")


async def test_what_was_written_is_there_and_the_claim_is_the_answer(tmp_path: Path) -> None:
    """[IM-01]"""
    job = implement_job(tmp_path)
    desk = Desk(job)
    await desk.call("write_file", path="src/new.py", content="x = 1\n")
    assert await desk.call("submitOutput", **CLAIM) == ToolResult("ok")
    assert (job.root / "src" / "new.py").read_text(encoding="utf-8") == "x = 1\n"
    assert desk.value == OUTPUT


async def test_writing_outside_is_refused_and_a_later_submission_still_works(
    tmp_path: Path,
) -> None:
    """[IM-02]"""
    desk = Desk(implement_job(tmp_path))
    assert "outside" in await desk.refused("write_file", path="../evil.py", content="x")
    assert not (tmp_path / "evil.py").exists()
    assert await desk.call("submitOutput", **CLAIM) == ToolResult("ok")


async def test_an_unknown_severity_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    """[IM-03]"""
    desk = Desk(implement_job(tmp_path))
    deviation = {
        "severity": "gigantic",
        "category": "scope",
        "description": "d",
        "affectedFiles": [],
    }
    refusal = await desk.refused("submitOutput", **{**CLAIM, "deviations": [deviation]})
    assert (
        "deviations[0].severity: must be one of major, minor, moderate, not 'gigantic'" in refusal
    )
    assert desk.value is None


async def test_recorded_builds_reach_the_check_in_order_and_with_their_ends(
    tmp_path: Path,
) -> None:
    """[IM-04]"""
    seen: list[Submission] = []

    async def check(submission: Submission) -> tuple[str, ...]:
        seen.append(submission)
        return ()

    desk = Desk(implement_job(tmp_path, check))
    long = "x" * TAIL_CHARACTERS + "the end"
    for exit_code, tail in ((1, "boom"), (0, long)):
        assert await desk.call(
            "recordBuildResult", command="make test", exitCode=exit_code, stdoutTail=tail
        ) == ToolResult("recorded")
    await desk.refused("recordBuildResult", command="make test")
    await desk.call("submitOutput", **CLAIM)
    assert seen == [
        Submission(
            output=OUTPUT,
            builds=(
                BuildClaim(command="make test", exit_code=1, stdout_tail="boom"),
                BuildClaim(command="make test", exit_code=0, stdout_tail=long[-TAIL_CHARACTERS:]),
            ),
        )
    ]


async def test_a_claim_that_does_not_hold_can_be_put_right(tmp_path: Path) -> None:
    async def check(submission: Submission) -> tuple[str, ...]:
        return () if "b.py" in submission.output.files_modified else ("`b.py` is not named.",)

    desk = Desk(implement_job(tmp_path, check))
    assert "- `b.py` is not named." in await desk.refused("submitOutput", **CLAIM)
    assert desk.value is None
    await desk.call("submitOutput", **{**CLAIM, "filesModified": ["b.py"]})
    assert desk.value == TaskOutput(
        summary="Done.", files_modified=("b.py",), deviations=(), notes=""
    )


async def test_paths_get_one_spelling_and_deviations_their_ids(tmp_path: Path) -> None:
    """[RL-06]"""
    job = implement_job(tmp_path)
    desk = Desk(job)
    deviations = [
        {
            "severity": severity,
            "category": "missing-test",
            "description": " why ",
            "affectedFiles": ["./b/../a.py", "a.py"],
        }
        for severity in ("minor", "major")
    ]
    await desk.call(
        "submitOutput",
        summary=" Done. ",
        filesModified=["./z.py", "a.py", str(job.root / "a.py"), "dir//é x.py"],
        deviations=deviations,
        notes="",
    )
    assert desk.value == TaskOutput(
        summary="Done.",
        files_modified=("a.py", "dir/é x.py", "z.py"),
        deviations=tuple(
            Deviation(
                id=f"1a-greet-dev-{number}",
                severity=severity,
                category=DeviationCategory.MISSING_TEST,
                description="why",
                affected_files=("a.py",),
            )
            for number, severity in ((1, DeviationSeverity.MINOR), (2, DeviationSeverity.MAJOR))
        ),
        notes="",
    )


@pytest.mark.parametrize("path", ["../a.py", "/etc/passwd", "", ".", "a\0b"])
async def test_a_claimed_path_outside_the_worktree_is_named(tmp_path: Path, path: str) -> None:
    desk = Desk(implement_job(tmp_path))
    refusal = await desk.refused("submitOutput", **{**CLAIM, "filesModified": [path]})
    assert f"filesModified: {path!r} is no file of the worktree" in refusal


def test_a_general_task_gets_the_six_tools(tmp_path: Path) -> None:
    commands = CommandRunner(tmp_path, tmp_path / "scratch", launcher=PlainLauncher())
    try:
        desk = Desk(implement_job(tmp_path), commands)
    finally:
        commands.close()
    assert desk.names == [
        "edit_file",
        "grep",
        "read_file",
        "recordBuildResult",
        "run_shell",
        "search_files",
        "submitOutput",
        "write_file",
    ]


def test_an_explore_task_can_only_read(tmp_path: Path) -> None:
    """W-63"""
    commands = CommandRunner(tmp_path, tmp_path / "scratch", launcher=PlainLauncher())
    try:
        desk = Desk(implement_job(tmp_path, agent_type=AgentType.EXPLORE), commands)
    finally:
        commands.close()
    assert desk.names == ["grep", "read_file", "search_files", "submitOutput"]
    assert "neither write nor run" in desk.session.system
    assert "recordBuildResult" not in desk.session.system + desk.session.seed


def test_the_seed_holds_the_plan_and_what_will_be_run(tmp_path: Path) -> None:
    seed = Desk(implement_job(tmp_path)).session.seed
    assert seed.startswith("# Task 1a-greet\n\n**Objective:** `Greet politely.`\n")
    assert f"# Task plan\n\n```markdown\n{PLAN.strip()}" in seed
    assert "the build gate is run on what you submit" in seed
    assert "- `make test`" in seed
    own = Desk(implement_job(tmp_path, verify_commands=("pytest -q",))).session.seed
    assert "must exit 0:\n- `pytest -q`" in own
    assert "make test" not in own
