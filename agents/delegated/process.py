"""One process of a delegated attempt: started in the sandbox, listened to, and ended when due."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import define, evolve, field, frozen

from ...state.config import Limits
from ...state.enums import AttemptOutcome
from ...state.jobs import Job
from ...state.refusals import Refusal
from ..executors.delegation import (
    DelegationExecutor,
    Event,
    Exit,
    Prepared,
    Said,
    SessionBegan,
    ToolUsed,
    Troubled,
    TurnEnded,
)
from ..limits import Spent, Stop, exhausted, overdue
from ..metering import WorkClock
from ..model import Delta
from ..retry import RetryPolicy
from ..sandbox.policy import Sandbox
from ..sandbox.process import Ended, Talk
from ..sandbox.runner import CommandRunner, Program
from ..trace import Trace
from .account import Account
from .desk import Desk
from .door import Door
from .listening import MAX_EVENTS, Lines

ACCEPTED_SECONDS: Final = 60.0  # to say a last word, and what it used, once its answer is accepted
LOOK_SECONDS: Final = 0.1
STDERR_CHARACTERS: Final = 4_000
MESSAGE_CHARACTERS: Final = 2_000


@frozen(kw_only=True)
class Means:
    """What an attempt works with, and what its waits are made of; see ``AgentRunner``."""

    commands: CommandRunner
    limits: Limits
    retries: RetryPolicy
    trace: Trace
    event: Callable[..., None]
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]


@define(kw_only=True)
class DelegatedProcess:
    """A program at work; ``began`` gets its word that a session is there.

    ``events`` are what it said, the last of them; ``stop`` is why we ended it, if we did.
    """

    executor: DelegationExecutor
    means: Means
    job: Job[Any]
    desk: Desk[Any]
    account: Account
    clock: WorkClock
    began: Callable[[str], None]
    events: deque[Event] = field(factory=lambda: deque(maxlen=MAX_EVENTS), init=False)
    stop: Stop | None = field(default=None, init=False)
    _refused: Refusal | None = field(default=None, init=False)
    _heard: float = field(default=0.0, init=False)
    _accepted_at: float | None = field(default=None, init=False)

    async def run(self, prepared: Prepared, key: str, sandbox: Sandbox, output: Path) -> Exit:
        """See the program to its end, and the calls of our tools that it left under way, too.

        ``key`` is for it alone; ``output`` gets its standard output, the file beside it
        with the suffix ``err`` the other one.
        """
        loop = asyncio.get_running_loop()
        errors = output.with_suffix(".err")

        def take(events: tuple[Event, ...]) -> None:
            # In the program's thread, which so hears no more before this is dealt with.
            asyncio.run_coroutine_threadsafe(self._take(events), loop).result()

        lines = Lines(self.executor.parse, take)
        program = Program(
            words=prepared.argv,
            variables={**prepared.variables, **({prepared.key: key} if prepared.key else {})},
            files=prepared.files,
            talk=Talk(
                stdin=prepared.stdin.encode("utf-8", "replace"),
                heard=lines.heard,
                errors=errors,
                stop=lambda: "" if self.stop is None else self.stop.message or "stopped",
            ),
        )
        self._heard = self.clock()
        assert sandbox.hand_off is not None  # how else would it hand in
        async with Door(sandbox.hand_off, self.desk) as door:
            work = asyncio.ensure_future(
                self.means.commands.start(sandbox, program, self.job.root, output)
            )
            ended = await self._watched(work, lines)
            await door.drained()
        await self._take(lines.rest())
        self.means.trace.turn_ended()
        return Exit(
            code=ended.exit_code,
            signal=ended.signal,
            stopped=None if self.stop is None else self.stop.outcome,
            stderr=await asyncio.to_thread(_end_of, errors),
        )

    async def _watched(self, work: "asyncio.Future[Ended]", lines: Lines) -> Ended:
        """Its end; bounded by the limits on wall time and silence, and by our own checks."""
        try:
            while not work.done():
                self.stop = self.stop or self._due(lines)
                await asyncio.wait({work}, timeout=LOOK_SECONDS)
            return work.result()
        finally:
            work.cancel()
            await asyncio.wait({work})

    async def _take(self, events: Sequence[Event]) -> None:
        self._heard = self.clock()
        trace = self.means.trace
        ours = tuple(spec.name for spec in self.desk.specs)  # the desk shows calls of them
        for event in events:
            self.events.append(event)
            match event:
                case SessionBegan():
                    self._begin(event)
                case Said():
                    trace.delta(Delta(kind="text", text=event.text))
                    trace.turn_ended()
                case ToolUsed() if not event.name.endswith(ours):
                    trace.note(f"→ {event.name}({event.summary})")
                case Troubled():
                    trace.note(f"{event.outcome}: {event.message}")
                case TurnEnded():
                    self._turn_ended(event)
                case _:
                    pass  # what it says of itself is for ``classify``

    def _begin(self, event: SessionBegan) -> None:
        self.began(event.session)
        if event.tools_failed and self.stop is None:
            message = f"Our server of tools did not begin in it: {event.tools_failed}"
            self.stop = Stop(AttemptOutcome.CRASHED, message[:MESSAGE_CHARACTERS])

    def _turn_ended(self, event: TurnEnded) -> None:
        account = self.account
        account.told(event.usage)
        seconds = round(self.clock(), 3)
        refused = self.job.purse.report(account.usage, account.unsettled, seconds)
        self._refused = self._refused or refused
        self.means.event(
            "turn.completed",
            turn=account.usage.turns,
            finishReason="",
            toolCalls=0,
            inputTokens=event.usage.input_tokens,
            outputTokens=event.usage.output_tokens,
            costUSD=event.usage.cost_usd,
        )

    def _due(self, lines: Lines) -> Stop | None:
        """Why the program has to be ended now."""
        if self.desk.failure is not None:
            return Stop(AttemptOutcome.CRASHED, "our own check failed")
        if self.desk.value is not None:
            now = self.clock.monotonic()
            self._accepted_at = now if self._accepted_at is None else self._accepted_at
            is_late = now - self._accepted_at >= ACCEPTED_SECONDS
            return Stop(AttemptOutcome.OK, "its answer was accepted") if is_late else None
        if stop := self.desk.given_up():
            return stop
        if lines.flooded:
            return Stop(AttemptOutcome.CRASHED, "It wrote more than any program has to say.")
        if self._refused is not None:
            return Stop(self._refused.outcome, self._refused.reason)
        worked = self.clock()
        if self.desk.is_busy:
            self._heard = worked  # it waits for us
        last = min(self.means.limits.wall_seconds, worked + self.job.purse.seconds_left(worked))
        limits = evolve(self.means.limits, wall_seconds=last)
        spent = Spent(
            usage=self.account.usage,
            wall_seconds=worked,
            silent_seconds=max(0.0, worked - self._heard),
        )
        return exhausted(spent, limits) or overdue(spent, limits)


def _end_of(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ""
    return data[-4 * STDERR_CHARACTERS :].decode("utf-8", "replace")[-STDERR_CHARACTERS:]
