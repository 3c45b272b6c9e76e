"""Carrying out jobs: one conversation each, in a folder of its own, every ending a value."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from attrs import evolve

from ..state.alive import alive_seconds
from ..state.alive_loop import sleep_in_the_world
from ..state.codec import unstructure
from ..state.config import Config
from ..state.disk import disk_errors, refusal
from ..state.durable import replace
from ..state.enums import AgentType, AttemptOutcome, Isolation
from ..state.errors import DispatchError, StorageError
from ..state.jobs import Job, NotContinued, Result
from ..state.redact import Redactor, secrets_of
from ..state.work import Usage
from .calls import encodable
from .clients import Clients
from .delegated.account import Account, account_of
from .delegated.attempt import DelegatedAttempt, brief, desk_of
from .delegated.choosing import OWN, executors_of, vendor_of, way_of
from .delegated.process import Means
from .executors.delegation import DelegationExecutor
from .language import Servers, servers_for
from .loop import Conversation, LoopEnd
from .metering import Meter, WorkClock
from .model import ModelClient, UserMessage
from .past import Past, past_of
from .patience import Patient
from .retry import RetryPolicy
from .roles import entry_of
from .roles.base import Session
from .sandbox import CommandRunner
from .trace import Trace
from .transcript import Item, Transcript
from .workshop import Workshop

SYSTEM: Final = "system.md"
SEED: Final = "seed.md"
RESULT: Final = "result.json"

A = TypeVar("A")


class Journal(Protocol):
    """Where agents say what happens; the lifecycle's journal fits."""

    def event(self, kind: str, **fields: object) -> None:
        """Append one event."""
        ...

    def line(self, label: str, text: str) -> None:
        """Show one line of the trace."""
        ...


class AgentRunner:
    """An ``Agents`` port over our own loop and other programs; ``environ`` holds their keys.

    ``monotonic``, ``now`` (seconds since 1970), ``sleep`` and ``chance`` (a share in [0, 1) that
    spreads retries) are time and luck; ``clients`` gives the client for a model string, by default
    litellm or a script; ``executors`` are the other programs.
    """

    def __init__(
        self,
        *,
        config: Config,
        journal: Journal,
        commands: CommandRunner | None,
        environ: Mapping[str, str],
        verbose: bool = False,
        clients: Callable[[str], ModelClient] | None = None,
        retries: RetryPolicy | None = None,
        monotonic: Callable[[], float] = alive_seconds,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = sleep_in_the_world,
        chance: Callable[[], float] = random.random,
        redactor: Redactor | None = None,
        executors: Mapping[str, DelegationExecutor] | None = None,
    ) -> None:
        self._config = config
        self._environ = environ
        self._executors = executors_of(config) if executors is None else executors
        self._journal = journal
        self._commands = commands
        self._verbose = verbose
        self._clients = Clients(config, environ)
        self._client_of = clients or self._clients.of
        self._retries = retries or RetryPolicy(total_pause=config.max_quota_wait_seconds)
        self._monotonic = monotonic
        self._now = now
        self._sleep = sleep
        self._chance = chance
        self._redactor = redactor or Redactor(secrets_of(environ))

    def executor_and_model(
        self, job_type: type[Job[A]], others: int = 0, agent_type: AgentType | None = None
    ) -> tuple[str, str]:
        """Which executor and model a job of that class gets after so many models of its role."""
        role = entry_of(job_type).role
        return way_of(self._config, self._executors, role, agent_type, others)

    async def run(self, job: Job[A]) -> Result[A]:
        """Give one agent one job, or go on with one; every ending is a value.

        A folder that holds a transcript already belongs to another attempt and is refused.  Raises
        NotContinued for an interrupted attempt that cannot go on.
        """
        if job.interrupted:
            transcript, items = _told(job.folder)
            with transcript:
                return await self._attempt(job, transcript, items)
        try:
            with Transcript.new(job.folder) as transcript:
                return await self._attempt(job, transcript)
        except FileExistsError:
            return _crashed(f"The folder {job.folder} is in use by another attempt.", Usage())
        except OSError as error:
            if refused := refusal(error, job.folder):
                raise refused from error
            return _crashed(f"The folder {job.folder} cannot be used: {error}.", Usage())

    async def aclose(self) -> None:
        """Close what the clients hold open."""
        await self._clients.aclose()

    async def _attempt(
        self, job: Job[A], transcript: Transcript, items: tuple[Item, ...] = ()
    ) -> Result[A]:
        label = entry_of(type(job)).label(job)
        trace = Trace(
            partial(self._journal.line, label), verbose=self._verbose, redactor=self._redactor
        )
        meter: Meter | None = None
        account: Account | None = None
        known = job.attempt
        clock = WorkClock(self._monotonic, known.active_seconds)
        servers: Servers | None = None
        try:
            if known.executor in OWN:  # other programs have their own
                servers = self._servers(job)
            session = await asyncio.to_thread(self._session, job, servers)
            if known.executor not in OWN:
                attempt = self._delegated(job, session, clock, transcript, trace)
                account = attempt.account
                return self._done(
                    job, _result(await attempt.run(items), account.usage), clock, trace
                )
            past = await _past(job, session, items) if job.interrupted else None
            meter = Meter(
                self._client_of(known.model),
                job.purse,
                clock,
                usage=known.usage,
                unsettled=known.unsettled,
            )
            conversation = self._conversation(job, session, meter, clock, transcript, trace)
            if past is not None:
                trace.note(f"goes on after {len(past.turns)} turns")
            result = _result(await conversation.run(past), meter.usage)
        except NotContinued:
            raise
        except Exception as error:  # whatever goes wrong costs an attempt, not the run
            if refused := refusal(error, job.folder):
                raise refused from error  # the machine's fault: a fresh agent would be in vain
            told = account or meter
            usage = known.usage if told is None else told.usage
            result = _crashed(f"{type(error).__name__}: {error}", usage)
        finally:
            if servers is not None:
                await servers.aclose()
        return self._done(job, result, clock, trace)

    def _done(self, job: Job[A], result: Result[A], clock: WorkClock, trace: Trace) -> Result[A]:
        """The result as it is kept and shown."""
        result = evolve(result, active_seconds=round(clock(), 3))
        self._keep_result(job.folder, result, trace)
        if result.outcome is not AttemptOutcome.OK:
            trace.note(f"ended with {result.outcome}: {result.message}")
        return result

    def _servers(self, job: Job[A]) -> Servers | None:
        return servers_for(
            self._config.language_servers, self._commands, job.root, job.folder, self._redactor
        )

    def _session(self, job: Job[A], servers: Servers | None) -> Session[A]:
        """The agent made ready, and what it is told kept in its folder."""
        workshop = Workshop(
            root=job.root,
            folder=job.folder,
            limits=self._config.limits,
            shared=self._config.isolation is Isolation.LEVEL,
            commands=self._commands,
            redactor=self._redactor,
            servers=servers,
        )
        session: Session[A] = entry_of(type(job)).prepare(job, workshop)
        session = evolve(
            session,
            system=self._redactor.text(session.system),
            seed=self._redactor.text(session.seed),
        )
        if not job.interrupted:
            if job.attempt.executor not in OWN:
                session = evolve(session, system=session.system + brief(session))
            _keep(job.folder / SYSTEM, session.system)
            _keep(job.folder / SEED, session.seed)
            return session
        # What it was told at first: another version of ours may put it in other words.
        return evolve(session, system=(job.folder / SYSTEM).read_text(encoding="utf-8"))

    def _delegated(
        self,
        job: Job[A],
        session: Session[A],
        clock: WorkClock,
        transcript: Transcript,
        trace: Trace,
    ) -> DelegatedAttempt[A]:
        """Another program at the job."""
        executor = self._executors.get(job.attempt.executor)
        if executor is None or self._commands is None:
            raise NotContinued(f"There is no executor {job.attempt.executor} here.")
        means = Means(
            commands=self._commands,
            limits=self._config.limits,
            retries=self._retries,
            trace=trace,
            event=partial(self._journal.event, attempt=job.attempt.id),
            now=self._now,
            sleep=self._sleep,
            chance=self._chance,
        )
        if not job.interrupted:
            transcript.append(UserMessage(text=encodable(session.seed)))
        return DelegatedAttempt(
            executor,
            vendor_of(self._config, executor, job.attempt.model, self._environ),
            means,
            job=job,
            session=session,
            desk=desk_of(session, means, job.folder, transcript, clock, self._redactor),
            account=account_of(executor, job.attempt, self._config),
            clock=clock,
        )

    def _conversation(
        self,
        job: Job[A],
        session: Session[A],
        meter: Meter,
        clock: WorkClock,
        transcript: Transcript,
        trace: Trace,
    ) -> Conversation[A]:
        event = partial(self._journal.event, attempt=job.attempt.id)
        client = Patient(
            client=meter,
            clock=clock,
            purse=job.purse,
            policy=self._retries,
            now=self._now,
            sleep=self._sleep,
            chance=self._chance,
            trace=trace,
            event=event,
        )
        return Conversation(
            client=client,
            meter=meter,
            clock=clock,
            seconds_left=job.purse.seconds_left,
            model=job.attempt.model,
            system=session.system,
            seed=session.seed,
            tools=session.tools,
            terminal=session.terminal,
            limits=self._config.limits,
            log=transcript,
            trace=trace,
            event=event,
            redactor=self._redactor,
            tree=None if job.tree is None else job.tree.now,
        )

    def _keep_result(self, folder: Path, result: Result[Any], trace: Trace) -> None:
        plain = {
            "outcome": result.outcome.value,
            "message": result.message,
            "usage": unstructure(result.usage),
            "value": None if result.value is None else unstructure(result.value),
        }
        try:
            _keep(
                folder / RESULT,
                json.dumps(self._redactor.value(plain), ensure_ascii=False, indent=2) + "\n",
            )
        except StorageError as error:
            # The answer itself goes into the document; this copy is for people.
            trace.note(str(error))


def _told(folder: Path) -> tuple[Transcript, tuple[Item, ...]]:
    try:
        with disk_errors(folder):
            (folder / SYSTEM).stat()  # written behind the transcript's start
            return Transcript.existing(folder)
    except FileNotFoundError:
        raise NotContinued("It had not begun.") from None
    except (OSError, ValueError) as error:
        raise NotContinued(f"Its transcript cannot be read: {error}.") from None


async def _past(job: Job[A], session: Session[A], items: tuple[Item, ...]) -> Past:
    """What an interrupted conversation has come to, with the tree as it was then."""
    past = past_of(items, session.terminal.spec.name)
    if past is None:
        raise NotContinued("The model had said nothing.")
    first = past.messages[0]
    if not isinstance(first, UserMessage) or first.text != encodable(session.seed):
        raise NotContinued("What it is asked for is not what it was asked for before.")
    if job.tree is not None:
        if past.tree is None:
            raise NotContinued("Its tree could not be kept.")
        if past.first_tree != await job.tree.start():
            raise NotContinued("It began from another commit.")
        try:
            await job.tree.bring_back(past.tree)
        except StorageError:
            raise
        except DispatchError as error:
            raise NotContinued(f"Its tree cannot be brought back: {error.message}") from None
    return past


def _result(end: LoopEnd[A], usage: Usage) -> Result[A]:
    return Result(outcome=end.outcome, value=end.value, message=end.message, usage=usage)


def _crashed(message: str, usage: Usage) -> Result[Any]:
    return Result(outcome=AttemptOutcome.CRASHED, value=None, message=message, usage=usage)


def _keep(path: Path, text: str) -> None:
    replace(path, text.encode("utf-8", "backslashreplace"))
