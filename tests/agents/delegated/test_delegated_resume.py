"""Delegated attempts that were interrupted: nobody is asked for an answer twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.agent_jobs import PLAN, implement_job, plan_job
from fakes.delegating import (
    SESSION,
    USAGE,
    Delegating,
    KeptPurse,
    Step,
    by_command,
    configured,
    delegating,
    said,
)

from dispatch.state.config import Config, Limits
from dispatch.state.enums import AttemptOutcome
from dispatch.state.jobs import NotContinued, Submission
from dispatch.state.work import TaskOutput, Usage

SUBMISSION = {"summary": "Done.", "filesModified": [], "deviations": [], "notes": ""}
OUTPUT = TaskOutput(summary="Done.", files_modified=(), deviations=(), notes="")
SUBMIT: Step = ("call", ["submitOutput", SUBMISSION])
HANG: Step = ("hang", 60)
LIMIT_SECONDS = 20.0
REPLIED = '{"reply": {"content"'


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Delegating]:
    """Programs in no sandbox."""
    with delegating(tmp_path) as made:
        yield made


async def cut_off(program: Delegating, job: Any, given: Config, until: str) -> str:
    """Interrupt an attempt once its program has said a word; its session."""
    sessions: list[str] = []
    work = asyncio.ensure_future(program.run(evolve(job, began=sessions.append), given))
    output = job.folder / "program-1.out"
    async with asyncio.timeout(LIMIT_SECONDS):
        while not (output.exists() and until in output.read_text(encoding="utf-8")):
            await asyncio.sleep(0.02)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert len(set(sessions)) == 1
    return sessions[0]


def later(job: Any, session: str, **attempt: Any) -> Any:
    """The job as the next process gets it."""
    return evolve(by_command(job, session_id=session, **attempt), interrupted=True)


async def test_a_session_goes_on_by_the_id_that_was_recorded_before_it_began(
    tmp_path: Path, program: Delegating
) -> None:
    build = {"command": "make test", "exitCode": 0, "stdoutTail": ""}
    seen: list[Submission] = []

    async def check(submission: Submission) -> tuple[str, ...]:
        seen.append(submission)
        return ()

    job = by_command(implement_job(tmp_path, check))
    given = configured((SESSION, ("call", ["recordBuildResult", build]), HANG), (SUBMIT, USAGE))
    session = await cut_off(program, job, given, REPLIED)
    result = await program.run(later(job, session), given)
    assert (result.outcome, result.value) == (AttemptOutcome.OK, OUTPUT)
    known = [line for line in said(job, "type", whole=True) if line["type"] == "session"]
    assert known == [{"type": "session", "session": session}]
    assert "was started again just now" in said(job, "told")[-1]
    # What it had recorded before counts still.
    assert [[build.command for build in each.builds] for each in seen] == [["make test"]]


async def test_an_accepted_answer_is_taken_again_without_any_program(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    given = configured((SESSION, SUBMIT, HANG))
    session = await cut_off(program, job, given, REPLIED)
    (before,) = job.folder.glob("program-*.out")
    purse = KeptPurse()
    used = Usage(turns=3, input_tokens=7, cost_usd=0.5)
    result = await program.run(evolve(later(job, session, usage=used), purse=purse), given)
    assert (result.outcome, result.value, result.usage) == (AttemptOutcome.OK, OUTPUT, used)
    assert list(job.folder.glob("program-*.out")) == [before]
    assert purse.reserved == []


async def test_a_plan_that_was_half_proposed_goes_on_from_there(
    tmp_path: Path, program: Delegating
) -> None:
    task = {
        "idHint": "greet",
        "dependsOn": [],
        "objective": "Greet politely.",
        "planMarkdown": PLAN,
        "agentType": "general",
        "level": 1,
        "class": "feature",
        "critiqueEnabled": True,
        "verifyCommands": [],
    }
    job = by_command(plan_job(tmp_path))
    withdraw: Step = ("call", ["withdrawTask", {"id": "greet"}])
    given = configured((SESSION, ("call", ["proposeTask", task]), HANG), (withdraw,))
    session = await cut_off(program, job, given, REPLIED)
    await program.run(later(job, session), given)
    assert said(job, "reply")[1]["content"][0]["text"] == 'withdrawn: id="greet"; left: none'


@pytest.mark.parametrize("session", ["", "gone"])
async def test_without_a_session_to_take_up_a_fresh_attempt_is_due(
    tmp_path: Path, program: Delegating, session: str
) -> None:
    job = by_command(implement_job(tmp_path))
    given = configured((SESSION, USAGE, HANG), (("exit", 1),))
    await cut_off(program, job, given, '{"type": "usage"')
    with pytest.raises(NotContinued):
        await program.run(later(job, session), given)


async def test_one_that_somebody_else_killed_has_not_told_all(
    tmp_path: Path, program: Delegating
) -> None:
    purse = KeptPurse()
    job = evolve(by_command(implement_job(tmp_path)), purse=purse)
    given = configured((SESSION, USAGE, ("exit", 137)), limits=Limits(usd=1.0))
    result = await program.run(job, given)
    assert result.outcome is AttemptOutcome.CRASHED
    assert purse.settled[0][1] == Usage(turns=1, cost_usd=0.75)


async def test_what_a_killed_program_did_not_tell_stays_at_its_worst(
    tmp_path: Path, program: Delegating
) -> None:
    """The same allowance is not taken twice: the session goes on with what was reserved for it."""
    purse = KeptPurse()
    job = evolve(by_command(implement_job(tmp_path)), purse=purse)
    given = configured((SESSION, USAGE, HANG), (SUBMIT, USAGE), limits=Limits(usd=1.0))
    session = await cut_off(program, job, given, '{"type": "usage"')
    once = Usage(turns=1, input_tokens=100, output_tokens=10, cost_usd=0.25)
    left = Usage(turns=1, cost_usd=0.75)
    assert purse.settled == [(once, left)]
    goes_on = later(job, session, usage=once, unsettled=left)
    result = await program.run(goes_on, given)
    assert result.usage == Usage(turns=2, input_tokens=200, output_tokens=20, cost_usd=0.5)
    assert purse.reserved[1] == Usage(turns=1, cost_usd=0.0)
    assert purse.settled[1] == (result.usage, left)
