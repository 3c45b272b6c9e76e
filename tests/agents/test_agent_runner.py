"""Jobs carried out: folders, endings as values, traces, and the model of each role."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import localtime, monotonic, strftime
from typing import Any

import pytest
from attrs import evolve
from fakes.agent_jobs import (
    PLAN,
    config,
    critique_job,
    gate_job,
    greybeard_job,
    implement_job,
    plan_job,
)
from fakes.model_fake import MemoryJournal, ScriptedModel, Step, SteppedTime, turn

from dispatch.agents.model import (
    AssistantMessage,
    Message,
    ModelError,
    ModelErrorKind,
    ModelRequest,
    UserMessage,
)
from dispatch.agents.retry import RetryPolicy
from dispatch.agents.roles import ROLES
from dispatch.agents.runner import AgentRunner
from dispatch.agents.transcript import TRANSCRIPT, read
from dispatch.policy.routing import executor_of
from dispatch.state.config import Config, Fallback, Limits
from dispatch.state.enums import AttemptOutcome, GreybeardRuling
from dispatch.state.jobs import (
    CritiqueJob,
    GateJob,
    GreybeardJob,
    ImplementJob,
    Job,
    OpenPurse,
    PlanJob,
    Result,
)
from dispatch.state.judgements import GreybeardVerdict
from dispatch.state.redact import Redactor
from dispatch.state.refusals import Refusal
from dispatch.state.work import Usage

RULING = {
    "taskId": "1a-greet",
    "deviationId": "1a-greet-dev-1",
    "verdict": "accept",
    "rationale": "Fine.",
}
RULED = turn(("recordGreybeardVerdict", RULING))
RULING_VALUE = GreybeardVerdict(verdict=GreybeardRuling.ACCEPT, rationale="Fine.")


async def _no_sleep(seconds: float) -> None:
    """Time passes elsewhere."""


def _runner(
    *steps: Step, journal: MemoryJournal | None = None, given: Config | None = None, **more: Any
) -> AgentRunner:
    model = ScriptedModel(list(steps))
    return AgentRunner(
        config=given or config(),
        journal=journal or MemoryJournal(),
        commands=None,
        environ={},
        **{
            "clients": lambda name: model,
            "retries": RetryPolicy(retries=2),
            "monotonic": SteppedTime(),
            "sleep": _no_sleep,
            "chance": lambda: 0.0,
            **more,
        },
    )


async def test_an_answer_is_a_value_with_its_usage_and_stays_in_the_folder(tmp_path: Path) -> None:
    """[KL-07]"""
    job = greybeard_job(tmp_path)
    reading = turn(("read_file", {"path": "src/greet.py"}))
    result = await _runner(reading, RULED).run(job)
    assert result == Result(
        outcome=AttemptOutcome.OK,
        value=RULING_VALUE,
        message="",
        usage=Usage(turns=2, input_tokens=20, output_tokens=2, cost_usd=0.02),
    )
    said = read(job.folder / TRANSCRIPT)
    assert isinstance(said[0], UserMessage)
    assert said[0].text == (job.folder / "seed.md").read_text(encoding="utf-8")
    assert [each for each in said if isinstance(each, AssistantMessage)] == [reading, RULED]
    assert json.loads((job.folder / "result.json").read_text(encoding="utf-8")) == {
        "outcome": "ok",
        "message": "",
        "usage": {
            "turns": 2,
            "inputTokens": 20,
            "outputTokens": 2,
            "cachedTokens": 0,
            "costUsd": 0.02,
        },
        "value": {"verdict": "accept", "rationale": "Fine."},
    }
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in job.folder.iterdir()
        if path.is_file()
    }
    assert modes == dict.fromkeys(
        ("result.json", "seed.md", "system.md", "transcript.jsonl"), 0o600
    )
    assert stat.S_IMODE(job.folder.stat().st_mode) == 0o700


async def test_a_folder_is_used_once(tmp_path: Path) -> None:
    """[IM-05] W-25"""
    job = greybeard_job(tmp_path)
    assert (await _runner(RULED).run(job)).outcome is AttemptOutcome.OK
    kept = (job.folder / TRANSCRIPT).read_bytes()
    again = await _runner(RULED).run(job)
    assert again == Result(
        outcome=AttemptOutcome.CRASHED,
        value=None,
        message=f"The folder {job.folder} is in use by another attempt.",
        usage=Usage(),
    )
    assert (job.folder / TRANSCRIPT).read_bytes() == kept


async def test_a_greybeard_without_a_verdict_ends_within_a_bound(tmp_path: Path) -> None:
    """[KL-09] [RL-05] W-13"""
    result = await _runner(*[turn(text="Hm.")] * 9).run(greybeard_job(tmp_path))
    assert (result.outcome, result.usage.turns) == (AttemptOutcome.NO_OUTPUT, 4)


async def test_transient_errors_are_tried_again_and_shown(tmp_path: Path) -> None:
    """W-14"""
    journal = MemoryJournal()
    busy = ModelError(ModelErrorKind.OVERLOAD, "busy")
    result = await _runner(busy, busy, RULED, journal=journal).run(greybeard_job(tmp_path))
    assert (result.outcome, result.usage.turns) == (AttemptOutcome.OK, 1)
    assert [line for _, line in journal.lines[:4]] == [
        'ERROR: {"kind": "overload", "message": "busy"}',
        "retry 1 in 0.5 seconds",
        'ERROR: {"kind": "overload", "message": "busy"}',
        "retry 2 in 1.0 seconds",
    ]


async def test_errors_that_stay_are_an_outcome(tmp_path: Path) -> None:
    busy = ModelError(ModelErrorKind.OVERLOAD, "busy")
    result = await _runner(busy, busy, busy).run(greybeard_job(tmp_path))
    assert (result.outcome, result.message) == (AttemptOutcome.PROVIDER_OVERLOAD, "busy")
    quota = ModelError(ModelErrorKind.QUOTA, "spent")
    other = evolve(greybeard_job(tmp_path), folder=tmp_path / "attempts" / "other")
    result = await _runner(quota).run(other)
    assert (result.outcome, result.message) == (AttemptOutcome.PROVIDER_QUOTA, "spent")


async def test_whatever_a_client_throws_costs_an_attempt_and_keeps_the_usage(
    tmp_path: Path,
) -> None:
    async def broken(request: ModelRequest) -> AssistantMessage:
        raise ZeroDivisionError("a defect")

    result = await _runner(turn(("grep", {"pattern": "x"})), broken).run(greybeard_job(tmp_path))
    assert (result.outcome, result.message, result.usage.turns) == (
        AttemptOutcome.CRASHED,
        "ZeroDivisionError: a defect",
        1,
    )


async def test_a_tree_that_is_not_there_is_an_outcome(tmp_path: Path) -> None:
    result = await _runner(RULED).run(greybeard_job(tmp_path, root=tmp_path / "gone"))
    assert result.outcome is AttemptOutcome.CRASHED


async def test_a_script_that_is_not_there_is_an_outcome(tmp_path: Path) -> None:
    job = greybeard_job(tmp_path)
    job = evolve(job, attempt=evolve(job.attempt, model=f"scripted:{tmp_path}/none.yaml"))
    result = await _runner(clients=None).run(job)
    assert result.outcome is AttemptOutcome.CRASHED
    assert "none.yaml" in result.message


async def test_a_cancelled_attempt_passes_the_cancellation_on_and_can_go_on(
    tmp_path: Path,
) -> None:
    async def hang(request: ModelRequest) -> AssistantMessage:
        await asyncio.Event().wait()
        raise AssertionError

    job = greybeard_job(tmp_path)
    running = asyncio.ensure_future(_runner(turn(("grep", {"pattern": "x"})), hang).run(job))
    async with asyncio.timeout(5):
        while not (job.folder / TRANSCRIPT).exists() or len(read(job.folder / TRANSCRIPT)) < 3:
            await asyncio.sleep(0.005)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    result = await _runner(RULED).run(evolve(job, interrupted=True))
    assert (result.outcome, result.value) == (AttemptOutcome.OK, RULING_VALUE)


async def test_a_disk_that_is_full_at_the_end_does_not_lose_the_answer(tmp_path: Path) -> None:
    job = greybeard_job(tmp_path)
    (job.folder / "result.json").mkdir(parents=True)
    assert (await _runner(RULED).run(job)).outcome is AttemptOutcome.OK


@pytest.mark.parametrize(
    ("job_type", "model"),
    [
        (PlanJob, "m-planner"),
        (ImplementJob, "m-implementer"),
        (CritiqueJob, "m-critic"),
        (GateJob, "m-gate"),
        (GreybeardJob, "m-greybeard"),
    ],
)
def test_every_role_gets_the_model_of_its_own_key(job_type: type[Job[Any]], model: str) -> None:
    """[KL-10] W-23"""
    assert _runner().executor_and_model(job_type) == ("litellm", model)


def test_a_script_has_an_executor_of_its_own() -> None:
    assert executor_of("scripted:demo.yaml") == "scripted"
    given = config(critic="scripted:x")
    assert _runner(given=given).executor_and_model(CritiqueJob) == ("scripted", "scripted:x")


def test_an_unknown_job_is_answered_with_the_known_ones() -> None:
    with pytest.raises(
        LookupError, match="no role takes a Job; known are AttributionJob, CritiqueJob, FixJob"
    ):
        _runner().executor_and_model(Job)


async def test_the_trace_names_the_agent(tmp_path: Path) -> None:
    async def show(sha: str) -> str:
        return ""

    journal = MemoryJournal()
    jobs: tuple[Job[Any], ...] = (
        plan_job(tmp_path),
        implement_job(tmp_path),
        critique_job(tmp_path, round=2),
        gate_job(tmp_path, show),
        greybeard_job(tmp_path),
    )
    for job in jobs:
        said = turn(text="Let me see.")
        await _runner(said, ModelError(ModelErrorKind.AUTH, "no"), journal=journal).run(job)
    assert [label for label, line in journal.lines if line == "text: Let me see."] == [
        "planner",
        "implementer 1a-greet",
        "critic 1a-greet round-2",
        "gate-critic level-1 round-1",
        "greybeard 1a-greet",
    ]


async def test_what_happened_is_told_with_the_attempt(tmp_path: Path) -> None:
    journal = MemoryJournal()
    job = greybeard_job(tmp_path)
    await _runner(RULED, journal=journal).run(job)
    assert [(kind, fields["attempt"]) for kind, fields in journal.events] == [
        ("turn.completed", job.attempt.id),
        ("tool.started", job.attempt.id),
        ("tool.called", job.attempt.id),
    ]


async def test_keys_of_the_environment_never_reach_the_trace(tmp_path: Path) -> None:
    """[TR-06] [IM-07]"""
    journal = MemoryJournal()
    runner = AgentRunner(
        config=config(),
        journal=journal,
        commands=None,
        environ={"OPENCODE_API_KEY": "very-private-value"},
        clients=lambda name: ScriptedModel([turn(text="It is very-private-value."), *[RULED]]),
    )
    await runner.run(greybeard_job(tmp_path))
    mark = Redactor(["very-private-value"]).mark("very-private-value")
    assert journal.lines[0][1] == f"text: It is {mark}."


async def test_a_system_prompt_is_the_same_for_all_jobs_of_a_role(tmp_path: Path) -> None:
    """So that providers can keep it in their cache."""
    prompts = set()
    for number, task_id in enumerate(("1a-greet", "2b-other")):
        job = implement_job(tmp_path, id=task_id, plan_markdown=PLAN * (number + 1))
        job = evolve(job, folder=tmp_path / "attempts" / task_id)
        await _runner(ModelError(ModelErrorKind.AUTH, "no")).run(job)
        prompts.add((job.folder / "system.md").read_text(encoding="utf-8"))
    assert len(prompts) == 1


def test_every_role_in_the_table_takes_one_class_of_jobs() -> None:
    assert len({entry.role for entry in ROLES.values()}) == len(ROLES)


async def test_the_first_request_holds_the_prompt_the_seed_and_the_tools(tmp_path: Path) -> None:
    asked: list[ModelRequest] = []

    async def remember(request: ModelRequest) -> AssistantMessage:
        asked.append(request)
        return RULED

    job = greybeard_job(tmp_path)
    job = evolve(job, attempt=evolve(job.attempt, model="the/model"))
    await _runner(remember).run(job)
    (request,) = asked
    seed: tuple[Message, ...] = (
        UserMessage(text=(job.folder / "seed.md").read_text(encoding="utf-8")),
    )
    assert (request.model, request.messages) == ("the/model", seed)
    assert request.system == (job.folder / "system.md").read_text(encoding="utf-8")
    assert [tool.name for tool in request.tools] == [
        "grep",
        "read_file",
        "search_files",
        "recordGreybeardVerdict",
    ]


async def test_a_spent_allowance_is_waited_for_in_the_conversation_and_without_the_place(
    tmp_path: Path,
) -> None:
    """The time does not count as the agent's, and a sibling may have its place meanwhile."""
    journal, time = MemoryJournal(), SteppedTime()
    happened: list[str] = []

    class Purse(OpenPurse):
        """Says when the place is given up."""

        @asynccontextmanager
        async def waiting(self) -> AsyncIterator[None]:
            happened.append("place given up")
            yield
            happened.append("place taken again")

    async def sleep(seconds: float) -> None:
        happened.append(f"waited {seconds:g} seconds")
        time.now += seconds

    runner = _runner(
        ModelError(ModelErrorKind.QUOTA, "spent", 7200.0),
        RULED,
        journal=journal,
        monotonic=time,
        now=lambda: 1_700_000_000.0,
        sleep=sleep,
        retries=RetryPolicy(total_pause=10_000.0),
    )
    job = evolve(greybeard_job(tmp_path), purse=Purse())
    result = await runner.run(job)
    assert (result.outcome, result.active_seconds) == (AttemptOutcome.OK, 0.0)
    assert happened == ["place given up", "waited 7200 seconds", "place taken again"]
    until = localtime(1_700_007_200)
    assert journal.lines[1][1] == f"paused until {strftime('%H:%M:%S', until)} (quota of m)"
    paused = {"attempt": job.attempt.id, "model": "m", "seconds": 7200.0}
    assert ("attempt.paused", paused) in journal.events


async def test_a_provider_that_hangs_is_at_fault_and_not_the_agent_s_silence(
    tmp_path: Path,
) -> None:
    """Three tries together are silent for longer than one agent may be."""

    async def hang(request: ModelRequest) -> AssistantMessage:
        await asyncio.sleep(0.2)
        raise ModelError(ModelErrorKind.TIMEOUT, "no answer", usage=None)

    given = evolve(config(), limits=Limits(silence_seconds=0.5))
    runner = _runner(hang, hang, hang, given=given, monotonic=monotonic)
    result = await runner.run(greybeard_job(tmp_path))
    assert (result.outcome, result.message) == (AttemptOutcome.TRANSPORT, "no answer")


async def test_an_attempt_ends_when_its_purse_gives_no_more(tmp_path: Path) -> None:
    """The model is not asked, and the outcome is that of the cap."""

    class Empty(OpenPurse):
        """Refuses the second request."""

        asked = 0

        async def reserve(self, worst: Usage) -> Refusal | None:
            self.asked += 1
            refusal = Refusal(
                outcome=AttemptOutcome.MONEY_LIMIT,
                cap="runLimits.usd",
                reason="Spent.",
                of_run=True,
            )
            return refusal if self.asked > 1 else None

    job = evolve(greybeard_job(tmp_path), purse=Empty())
    result = await _runner(turn(("grep", {"pattern": "x"})), RULED).run(job)
    assert (result.outcome, result.message, result.usage.turns) == (
        AttemptOutcome.MONEY_LIMIT,
        "Spent.",
        1,
    )


async def test_an_attempt_ends_when_the_time_of_others_is_over(tmp_path: Path) -> None:
    class Late(OpenPurse):
        """The run has no time left."""

        def seconds_left(self, worked: float) -> float:
            return -1.0

    result = await _runner(RULED).run(evolve(greybeard_job(tmp_path), purse=Late()))
    assert (result.outcome, result.usage) == (AttemptOutcome.TIME_LIMIT, Usage())


def test_models_of_the_fallback_come_after_a_role_s_own() -> None:
    given = evolve(config(), fallback=Fallback(critic=("m-second", "scripted:x")))
    runner = _runner(given=given)
    assert [runner.executor_and_model(CritiqueJob, number) for number in range(3)] == [
        ("litellm", "m-critic"),
        ("litellm", "m-second"),
        ("scripted", "scripted:x"),
    ]
