"""Attempts that another program carries out: handed in at our tools, or ended as values."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes.agent_jobs import critique_job, implement_job, plan_job
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

from dispatch.agents.sandbox.tiers import choose
from dispatch.agents.scripted.script import Reply, Script, When
from dispatch.agents.scripted.thread import ServerThread
from dispatch.state.config import Limits
from dispatch.state.enums import AttemptOutcome, SandboxTier
from dispatch.state.jobs import Result, Submission
from dispatch.state.refusals import Refusal
from dispatch.state.work import TaskOutput, Usage

SUBMISSION = {
    "summary": "It greets politely.",
    "filesModified": ["src/greet.py"],
    "deviations": [],
    "notes": "",
}
OUTPUT = TaskOutput(
    summary="It greets politely.", files_modified=("src/greet.py",), deviations=(), notes=""
)
SUBMIT: Step = ("call", ["submitOutput", SUBMISSION])
WORK: Step = ("write", ["src/greet.py", "print('good morning')\n"])
HOLDS = choose().launcher
needs_bubblewrap = pytest.mark.skipif(
    HOLDS.tier is not SandboxTier.BUBBLEWRAP, reason="bubblewrap does not hold here"
)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Delegating]:
    """Programs in no sandbox."""
    with delegating(tmp_path) as made:
        yield made


def texts(job: Any) -> list[tuple[str, bool]]:
    """What our tools replied."""
    return [
        (reply["content"][0]["text"], reply["isError"])
        for reply in said(job, "reply")
        if "content" in reply
    ]


@needs_bubblewrap
async def test_a_program_in_the_sandbox_works_hands_in_and_is_accounted(tmp_path: Path) -> None:
    seen: list[Submission] = []

    async def check(submission: Submission) -> tuple[str, ...]:
        seen.append(submission)
        return ()

    purse = KeptPurse()
    job = evolve(by_command(implement_job(tmp_path, check)), purse=purse)
    build = {"command": "make test", "exitCode": 0, "stdoutTail": "fine"}
    steps = (SESSION, WORK, ("call", ["recordBuildResult", build]), SUBMIT, USAGE)
    with delegating(tmp_path, HOLDS) as program:
        result = await program.run(job, configured(steps, limits=Limits(usd=2.0)))
    usage = Usage(turns=1, input_tokens=100, output_tokens=10, cost_usd=0.25)
    assert result == Result(
        outcome=AttemptOutcome.OK,
        value=OUTPUT,
        message="",
        usage=usage,
        active_seconds=result.active_seconds,
    )
    assert texts(job) == [("recorded", False), ("ok", False)]
    assert [(each.output, [b.command for b in each.builds]) for each in seen] == [
        (OUTPUT, ["make test"])
    ]
    assert (job.root / "src/greet.py").read_text(encoding="utf-8") == "print('good morning')\n"
    assert json.loads((job.folder / "hand-in.json").read_text(encoding="utf-8")) == SUBMISSION
    assert not (job.folder / "world").exists()
    # All of what the limits leave is held while it works, and given back when it has told.
    assert purse.reserved == [Usage(turns=1, cost_usd=2.0)]
    assert purse.reports == [(usage, Usage(turns=1, cost_usd=1.75))]
    assert purse.settled == [(usage, None)]


async def test_calls_of_our_tools_are_told_when_they_begin_and_when_they_return(
    tmp_path: Path, program: Delegating
) -> None:
    """As those of our own loop, so that whoever watches sees what an attempt is at."""
    wrong = {**SUBMISSION, "deviations": "none"}
    steps = (SESSION, WORK, ("call", ["submitOutput", wrong]), SUBMIT, USAGE)
    await program.run(by_command(implement_job(tmp_path)), configured(steps))
    told = [(kind, fields) for kind, fields in program.journal.events if kind.startswith("tool.")]
    common = {"attempt": "x.implementer.1", "tool": "submitOutput"}
    assert [(kind, {**fields, "seconds": 0.0}) for kind, fields in told] == [
        (kind, {**common, "seconds": 0.0, **fields})
        for kind, fields in (
            ("tool.started", {"turn": 1}),
            ("tool.called", {"turn": 1, "ok": False}),
            ("tool.started", {"turn": 2}),
            ("tool.called", {"turn": 2, "ok": True}),
        )
    ]


async def test_its_tools_are_those_of_our_own_agents_with_their_schemas(
    tmp_path: Path, program: Delegating
) -> None:
    """What is over the tree the program has itself."""
    job = by_command(plan_job(tmp_path))
    await program.run(job, configured((("tools", None),)))
    (reply,) = said(job, "reply")
    assert [tool["name"] for tool in reply["tools"]] == [
        "proposeTask",
        "reviseTask",
        "withdrawTask",
        "finalizePlan",
    ]
    assert all(tool["inputSchema"]["type"] == "object" for tool in reply["tools"])
    assert all(tool["annotations"]["readOnlyHint"] for tool in reply["tools"])


async def test_a_claim_that_does_not_hold_is_refused_with_reasons_and_can_be_repaired(
    tmp_path: Path, program: Delegating
) -> None:
    async def check(submission: Submission) -> tuple[str, ...]:
        return () if submission.output.files_modified else ("src/greet.py was changed.",)

    job = by_command(implement_job(tmp_path, check))
    wrong: Step = ("call", ["submitOutput", {**SUBMISSION, "filesModified": []}])
    shapeless: Step = ("call", ["submitOutput", {"summary": 7}])
    result = await program.run(job, configured((SESSION, WORK, shapeless, wrong, SUBMIT, USAGE)))
    assert (result.outcome, result.value) == (AttemptOutcome.OK, OUTPUT)
    answers = texts(job)
    assert [is_error for _, is_error in answers] == [True, True, False]
    assert "(invalid 1 of at most 6 times)" in answers[0][0]
    assert "- src/greet.py was changed." in answers[1][0]


async def test_the_first_accepted_answer_counts_and_a_second_is_refused(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    other: Step = ("call", ["submitOutput", {**SUBMISSION, "summary": "Something else."}])
    result = await program.run(job, configured((SESSION, SUBMIT, other, ("exit", 1))))
    assert result.value == OUTPUT
    assert texts(job)[1] == (
        "The answer is already resolved. The first accepted call counts.",
        True,
    )


async def test_an_answer_whose_sender_did_not_wait_for_the_reply_counts(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    leave: Step = ("leave", ["submitOutput", SUBMISSION])
    result = await program.run(job, configured((SESSION, leave)))
    assert (result.outcome, result.value) == (AttemptOutcome.OK, OUTPUT)


async def test_exit_code_0_without_an_answer_is_no_success_however_often_it_is_reminded(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    nothing = (SESSION, ("event", {"type": "text", "text": "All done!"}), USAGE)
    result = await program.run(job, configured(nothing, nothing))
    assert (result.outcome, result.value) == (AttemptOutcome.NO_OUTPUT, None)
    assert result.usage == Usage(turns=4, input_tokens=400, output_tokens=40, cost_usd=1.0)
    told = said(job, "told")
    assert len(told) == 4
    assert "(Reminder 3 of 3; after that the attempt ends without a result.)" in told[3]


async def test_one_that_stopped_too_early_hands_in_when_reminded(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    result = await program.run(job, configured((SESSION, WORK, USAGE), (SUBMIT, USAGE)))
    assert (result.outcome, result.value) == (AttemptOutcome.OK, OUTPUT)


@pytest.mark.parametrize(
    ("steps", "limits", "outcome"),
    [
        ([("hang", 60)], Limits(silence_seconds=0.5), AttemptOutcome.SILENCE_LIMIT),
        ([("deaf", None), ("hang", 60)], Limits(wall_seconds=0.5), AttemptOutcome.TIME_LIMIT),
        ([USAGE, USAGE, ("hang", 60)], Limits(turns=2), AttemptOutcome.TURN_LIMIT),
        ([USAGE, USAGE, ("hang", 60)], Limits(usd=0.4), AttemptOutcome.MONEY_LIMIT),
        ([USAGE, ("hang", 60)], Limits(tokens=100), AttemptOutcome.TOKEN_LIMIT),
    ],
)
async def test_one_that_hangs_or_spends_too_much_is_ended(
    tmp_path: Path, steps: list[Step], limits: Limits, outcome: AttemptOutcome
) -> None:
    """Also one that does not listen when it is asked to; what it did not tell stays open."""
    purse = KeptPurse()
    job = evolve(by_command(implement_job(tmp_path)), purse=purse)
    with delegating(tmp_path) as program:
        result = await program.run(job, configured((SESSION, *steps), limits=limits))
    assert (result.outcome, result.value) == (outcome, None)
    assert len(purse.settled) == 1
    assert purse.settled[0][1] is not None


async def test_a_cap_that_its_report_reaches_ends_it(tmp_path: Path, program: Delegating) -> None:
    refused = Refusal(
        outcome=AttemptOutcome.MONEY_LIMIT, cap="runLimits.usd", reason="All spent.", of_run=True
    )
    job = evolve(by_command(implement_job(tmp_path)), purse=KeptPurse(refused=refused))
    result = await program.run(job, configured((SESSION, USAGE, ("hang", 60))))
    assert (result.outcome, result.message) == (AttemptOutcome.MONEY_LIMIT, "All spent.")


async def test_answers_that_are_refused_again_and_again_end_it(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    shapeless: Step = ("call", ["submitOutput", {"summary": 7}])
    result = await program.run(job, configured((SESSION, *[shapeless] * 6, ("hang", 60))))
    assert result.outcome is AttemptOutcome.INVALID_OUTPUT
    assert "(invalid 6 of at most 6 times)" in result.message


@pytest.mark.parametrize(
    "steps",
    [
        [("garbage", None), ("half", '{"type": "usage", "turns": 1')],
        [("flood", 20_000)],
        [("stdin", None)],
        [("grumble", "warning: whatever")],
    ],
)
async def test_noise_on_its_streams_changes_nothing(
    tmp_path: Path, program: Delegating, steps: list[Step]
) -> None:
    job = by_command(implement_job(tmp_path))
    result = await program.run(job, configured((SESSION, SUBMIT, USAGE, *steps)))
    assert (result.outcome, result.value) == (AttemptOutcome.OK, OUTPUT)
    assert result.usage.turns == 1


@needs_bubblewrap
async def test_what_it_started_dies_with_it(tmp_path: Path) -> None:
    """Else it would write into a tree that is somebody else's by then."""
    job = by_command(implement_job(tmp_path))
    late = ("orphan", [0.5, "late.txt"])
    with delegating(tmp_path, HOLDS) as program:
        result = await program.run(job, configured((SESSION, late, SUBMIT)))
        await program.commands.run("sleep 0.7", job.root, tmp_path / "waited")
    assert result.outcome is AttemptOutcome.OK
    assert not (job.root / "late.txt").exists()


@needs_bubblewrap
async def test_who_only_reads_cannot_write(tmp_path: Path) -> None:
    job = by_command(critique_job(tmp_path))
    with delegating(tmp_path, HOLDS) as program:
        result = await program.run(job, configured((SESSION, WORK)))
    assert result.outcome is AttemptOutcome.CRASHED
    assert "Read-only file system" in result.message


async def test_its_key_is_the_only_one_of_ours_that_it_gets(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    names = ["AGENT_KEY", "OTHER_KEY", "DISPATCH_MODEL", "DISPATCH_WRITES"]
    given = configured((SESSION, ("variables", names), SUBMIT), key_variable="AGENT_KEY")
    environ = {"AGENT_KEY": "sk-mine", "OTHER_KEY": "sk-yours"}
    await program.run(job, given, environ=environ)
    assert said(job, "variables") == [
        {"AGENT_KEY": "sk-mine", "OTHER_KEY": None, "DISPATCH_MODEL": "m", "DISPATCH_WRITES": "1"}
    ]


@pytest.mark.parametrize("held", [False, True])
async def test_with_an_address_its_key_is_added_by_us_and_it_gets_another_word(
    tmp_path: Path, held: bool
) -> None:
    """In the sandbox, which leads nowhere else, and without one; each process gets its own."""
    if held and HOLDS.tier is not SandboxTier.BUBBLEWRAP:
        pytest.skip("bubblewrap does not hold here")
    job = by_command(implement_job(tmp_path))
    look: Step = ("variables", ["AGENT_KEY"])
    script = Script()
    script.on("model", When(model="m"), Reply(text="Fine."), times=None)
    with ServerThread(script) as server, delegating(tmp_path, HOLDS if held else None) as program:
        given = configured(
            (SESSION, look, ("ask", "AGENT_KEY"), WORK, USAGE),
            (look, ("ask", "AGENT_KEY"), SUBMIT),
            key_variable="AGENT_KEY",
            base_url=f"{server.url}/v1",
        )
        result = await program.run(job, given, environ={"AGENT_KEY": "sk-mine"})
        asked = [request.headers["authorization"] for request in server.requests]
    assert (result.outcome, result.value) == (AttemptOutcome.OK, OUTPUT)
    assert asked == ["Bearer sk-mine"] * 2
    assert [each["status"] for each in said(job, "status", whole=True)] == [200, 200]
    words = [each["AGENT_KEY"] for each in said(job, "variables")]
    assert len(set(words)) == 2
    assert all(word.startswith("dispatch-") for word in words)


async def test_a_stated_limit_is_waited_for_and_the_session_goes_on(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    spent = {"type": "error", "kind": "quota", "message": "Come back.", "resetsAt": 1_600.0}
    result = await program.run(
        job, configured((SESSION, WORK, ("event", spent), ("exit", 1)), (SUBMIT, USAGE))
    )
    assert (result.outcome, result.value) == (AttemptOutcome.OK, OUTPUT)
    assert program.sleeps == [600.0]
    assert ("attempt.paused", {"attempt": "x.implementer.1", "model": "m", "seconds": 600.0}) in (
        program.journal.events
    )
    assert "was started again just now" in said(job, "told")[1]


async def test_a_provider_that_keeps_failing_is_an_outcome(
    tmp_path: Path, program: Delegating
) -> None:
    job = by_command(implement_job(tmp_path))
    busy = (("event", {"type": "error", "kind": "overload", "message": "Busy."}), ("exit", 1))
    result = await program.run(job, configured((SESSION, *busy), busy))
    assert (result.outcome, result.message) == (AttemptOutcome.PROVIDER_OVERLOAD, "Busy.")
    assert len(said(job, "told")) == 3
    assert len(program.sleeps) == 2
