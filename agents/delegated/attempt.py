"""One delegated attempt: its program started, waited for and gone on with, to a value."""

import asyncio
import shutil
import time
import uuid
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from attrs import evolve, frozen

from ...policy.outcomes import is_providers_fault
from ...state.enums import AttemptOutcome
from ...state.jobs import Job, NotContinued
from ...state.redact import Redactor
from .. import sentences
from ..executors.delegation import (
    Delegation,
    DelegationExecutor,
    Ending,
    HandOff,
    Prepared,
    Said,
    ToolUsed,
    TurnEnded,
)
from ..limits import Stop
from ..loop import MAX_REMINDERS, Log, LoopEnd
from ..metering import WorkClock
from ..retry import Wait, Waits
from ..roles.base import Session
from ..sandbox.policy import MAX_TIMEOUT_SECONDS, Sandbox
from ..templates import render
from ..tools import Effect
from ..transcript import Item
from ..workshop import EVIDENCE
from .account import Account
from .desk import Desk, own_specs
from .operator_proxy import OperatorProxy
from .process import MESSAGE_CHARACTERS, DelegatedProcess, Means

if TYPE_CHECKING:
    from .gateway import Gateway

SERVER: Final = "dispatch"  # what programs call our server of tools
WORLD: Final = "world"  # subfolder of the attempt's: the program's home and temporary files
GRACE_SECONDS: Final = 5.0  # between asking the program to end and ending it

_SESSIONS: Final = uuid.UUID("5f8b4f3e-6d5c-5f0a-9a53-0c1f2f0d7c11")
_TIME_OF_DAY: Final = "%H:%M:%S"

A = TypeVar("A")


@frozen(kw_only=True)
class Vendor:
    """Where the model is, and the key, as name and value of a variable.

    ``through_us``: the program asks us instead of ``base_url``, and never gets the key.  ``hosts``
    are all that it reaches by itself.  ``base_url`` is null where the program knows it;
    ``is_provider``: it is the configuration's provider, who speaks as the vendor does.  ``proxy``
    is the operator's, through which we reach ``base_url``; null: none.
    """

    model: str
    hosts: tuple[str, ...] = ()
    key: tuple[str, str] | None = None
    base_url: str | None = None
    is_provider: bool = False
    through_us: bool = False
    proxy: OperatorProxy | None = None


def brief(session: Session[Any]) -> str:
    """What an agent is told besides that works in somebody else's program."""
    return "\n" + render(
        "delegated",
        server=SERVER,
        tools=[spec.name for spec in own_specs(session)],
        terminal=session.terminal.spec.name,
        writes=_writes(session),
    )


def desk_of(
    session: Session[A],
    means: Means,
    folder: Path,
    log: Log,
    clock: WorkClock,
    redactor: Redactor,
) -> Desk[A]:
    """Where the attempt in ``folder`` hands in."""
    return Desk(
        session,
        folder=folder,
        log=log,
        clock=clock,
        trace=means.trace,
        event=means.event,
        redactor=redactor,
    )


class DelegatedAttempt(Generic[A]):
    """An attempt carried out by somebody else's program, in our sandbox, under our clocks.

    What it used is in ``account``, what it handed in at ``desk``; its own words prove nothing.
    """

    def __init__(
        self,
        executor: DelegationExecutor,
        vendor: Vendor,
        means: Means,
        *,
        job: Job[A],
        session: Session[A],
        desk: Desk[A],
        account: Account,
        clock: WorkClock,
    ) -> None:
        self._executor = executor
        self._vendor = vendor
        self._means = means
        self._job = job
        self._told = session
        self._desk = desk
        self.account = account
        self._clock = clock
        self._terminal = session.terminal.spec.name
        self._waits = Waits(policy=means.retries)
        self._starts = 0
        self._session = job.attempt.session_id or ""
        self._has_begun = job.interrupted  # there is a session to go on with

    async def run(self, items: Sequence[Item]) -> LoopEnd[A]:
        """Have the program work until an answer is accepted or something ends it.

        ``items`` is the transcript of an interrupted attempt.  Raises NotContinued when its session
        cannot be taken up, and whatever our own checks raise.
        """
        prompt, reminders = self._told.seed, 0
        if self._job.interrupted:
            await self._desk.recall(items)
            if self._desk.value is not None:
                return await self._accepted()
            if not (self._session and self._executor.capabilities.resumes):
                raise NotContinued(f"{self._executor.name} has no session to go on with.")
            prompt = sentences.goes_on(self._terminal)
        while True:
            ending, stop = await self._process(prompt)
            if self._desk.failure is not None:
                raise self._desk.failure
            if self._desk.value is not None:
                return await self._accepted()
            if stop is not None:
                return LoopEnd(outcome=stop.outcome, message=stop.message)
            self._has_begun = self._has_begun and self._executor.capabilities.resumes
            is_silent = self._executor.capabilities.resumes_silently
            if ending.outcome is AttemptOutcome.NO_OUTPUT and self._has_begun and not is_silent:
                reminders += 1
                if reminders > MAX_REMINDERS:
                    return _ended(ending)
                prompt = sentences.nothing_handed_in(reminders, MAX_REMINDERS, self._terminal)
                self._means.trace.note(f"stopped without an answer: reminder {reminders}")
                continue
            asked = ending.resets_at
            asked = None if asked is None else max(0.0, asked - self._means.now())
            wait = self._waits.after(ending.outcome, asked, self._means.chance)
            if wait is None:
                return _ended(ending)
            await self._wait(wait)
            prompt = sentences.goes_on(self._terminal) if self._has_begun else self._told.seed

    async def _accepted(self) -> LoopEnd[A]:
        # Nothing of the program's own is needed any more, and much of it may be downloads.
        await asyncio.to_thread(shutil.rmtree, self._world, ignore_errors=True)
        return LoopEnd(outcome=AttemptOutcome.OK, value=self._desk.value)

    async def _process(self, prompt: str) -> tuple[Ending, Stop | None]:
        """One process and how it ended, or why we ended it; what it used is recorded."""
        account, purse = self.account, self._job.purse
        with self._clock.stopped():
            refused = await purse.reserve(account.worst())
        if refused is not None:
            refusal = Stop(refused.outcome, refused.reason)
            return Ending(outcome=refusal.outcome, message=refusal.message), refusal
        all_told = False
        try:
            ending, stop, all_told = await self._started(prompt)
            return ending, stop
        except NotContinued:
            all_told = True  # it never got as far as asking for anything
            raise
        finally:
            account.ended(all_told=all_told)
            purse.settle(account.usage, account.unsettled, round(self._clock(), 3))

    async def _started(self, prompt: str) -> tuple[Ending, Stop | None, bool]:
        async with self._gateway() as gateway:
            return await self._asking(prompt, gateway)

    def _gateway(self) -> "AbstractAsyncContextManager[Gateway | None]":
        """Where the program finds its model, unless it finds that by itself."""
        vendor, commands = self._vendor, self._means.commands
        if not vendor.through_us or vendor.base_url is None or vendor.key is None:
            return nullcontext()
        from .gateway import Gateway  # heavy, and not every run delegates

        # Where commands have a network of their own, a port of ours is none of theirs.
        is_offline = commands.inside(commands.sandbox(self._job.root)).is_offline
        place = commands.socket("gateway") if is_offline else None
        note = self._means.trace.note
        return Gateway(vendor.base_url, vendor.key[1], place, note, proxy=vendor.proxy)

    async def _asking(
        self, prompt: str, gateway: "Gateway | None"
    ) -> tuple[Ending, Stop | None, bool]:
        sandbox, goes_on = self._sandbox(gateway), self._has_begun
        prepared = self._prepared(prompt, sandbox, gateway)
        if self._session:
            self._job.began(self._session)
        self._starts += 1
        process = DelegatedProcess(
            executor=self._executor,
            means=self._means,
            job=self._job,
            desk=self._desk,
            account=self.account,
            clock=self._clock,
            began=self._begin,
        )
        key = "" if self._vendor.key is None else self._vendor.key[1]
        key = key if gateway is None else gateway.word
        before = sum(1 for _ in self._job.folder.glob("program-*.out"))
        output = self._job.folder / f"program-{before + 1}.out"
        calls = self._desk.calls
        exited = await process.run(prepared, key, sandbox, output)
        accepted = self._desk.value is not None
        stop = process.stop or self._desk.given_up()
        if stop is not None and gateway is not None and gateway.trouble:  # it may wait in silence
            stop = evolve(stop, message=f"{stop.message} Its last request: {gateway.trouble}.")
        ending = self._executor.classify(exited, tuple(process.events), accepted)
        if ending.outcome is AttemptOutcome.OK and not accepted:
            message = f"It ended without a call of {self._terminal} that was accepted."
            ending = Ending(outcome=AttemptOutcome.NO_OUTPUT, message=message)
        turned_away = is_providers_fault(ending.outcome) and stop is None
        did = self._desk.calls > calls or any(
            isinstance(each, Said | ToolUsed | TurnEnded) for each in process.events
        )
        if goes_on and self._starts == 1 and not (did or accepted or stop or turned_away):
            raise NotContinued(f"{self._executor.name} did not take its session up again.")
        # A shell, or a program that gives a signal on, says of it with a code from 128 on.
        by_itself = exited.stopped is None and exited.code is not None and exited.code < 128
        told = by_itself and any(isinstance(each, TurnEnded) for each in process.events)
        return ending, stop, told or turned_away

    def _begin(self, session: str) -> None:
        self._has_begun = True
        if session and session != self._session:
            self._session = session
            self._job.began(session)

    def _sandbox(self, gateway: "Gateway | None") -> Sandbox:
        """The tree, a home of the attempt's own, a way to the model, and no more."""
        commands = self._means.commands
        sandbox = commands.sandbox(self._job.root)
        limits = evolve(
            sandbox.limits,
            timeout_seconds=MAX_TIMEOUT_SECONDS,  # the attempt's own limits are ours to watch
            silence_seconds=MAX_TIMEOUT_SECONDS,
            grace_seconds=GRACE_SECONDS,
        )
        return evolve(
            sandbox,
            scratch=self._world,
            network=self._vendor.hosts,
            read_only=(*sandbox.read_only, self._job.folder.absolute() / EVIDENCE),
            limits=limits,
            is_writable=_writes(self._told),
            hand_off=commands.socket("hand-off"),
            gateway=None if gateway is None else gateway.way,
        )

    def _prepared(self, prompt: str, sandbox: Sandbox, gateway: "Gateway | None") -> Prepared:
        inside, limits = self._means.commands.inside(sandbox), self._means.limits
        if not self._has_begun:
            self._session = self._new_session()
        delegation = Delegation(
            model=self._vendor.model,
            system=self._told.system,
            prompt=prompt,
            worktree=self._job.root,
            home=inside.home,
            temporary=inside.temporary,
            hand_off=HandOff(
                name=SERVER,
                argv=inside.bridge,
                tools=tuple(spec.name for spec in self._desk.specs),
            ),
            writes=_writes(self._told),
            session=self._session,
            base_url=self._vendor.base_url if gateway is None else gateway.base_url,
            is_provider=self._vendor.is_provider,
            key_variable=None if self._vendor.key is None else self._vendor.key[0],
            max_turns=max(1, limits.turns - self.account.usage.turns),
            max_usd=self.account.left().cost_usd,
        )
        if self._has_begun:
            return self._executor.resume(delegation, self._session)
        return self._executor.prepare(delegation)

    def _new_session(self) -> str:
        """Made of what the document says, so that it is the same after a kill."""
        if not self._executor.capabilities.chooses_session:
            return ""
        place, began = self._job.folder.absolute(), self._job.attempt.started_at
        return str(uuid.uuid5(_SESSIONS, f"{place}/{began}/{self._starts}"))

    @property
    def _world(self) -> Path:
        return self._job.folder.absolute() / WORLD

    async def _wait(self, wait: Wait) -> None:
        means = self._means
        if not wait.paused:
            means.trace.note(f"retry {wait.number} in {wait.seconds:.1f} seconds")
            await means.sleep(wait.seconds)
            return
        model = self._job.attempt.model
        until = time.localtime(means.now() + wait.seconds)
        means.trace.note(f"paused until {time.strftime(_TIME_OF_DAY, until)} (quota of {model})")
        means.event("attempt.paused", model=model, seconds=round(wait.seconds, 1))
        with self._clock.stopped():  # whoever waits for an allowance is not at work
            async with self._job.purse.waiting():
                await means.sleep(wait.seconds)


def _writes(session: Session[Any]) -> bool:
    return any(tool.effect is Effect.TREE for tool in session.tools)


def _ended(ending: Ending) -> LoopEnd[A]:
    return LoopEnd(outcome=ending.outcome, message=ending.message[:MESSAGE_CHARACTERS])
