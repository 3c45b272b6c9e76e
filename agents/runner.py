"""Carrying out jobs: one conversation each, in a folder of its own, every ending a value."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from attrs import frozen

from ..state.codec import unstructure
from ..state.config import Config
from ..state.durable import replace
from ..state.enums import AttemptOutcome, Isolation
from ..state.errors import StorageError
from ..state.jobs import Job, JobCancelled, Result
from ..state.redact import Redactor
from ..state.work import Usage
from .clients import Clients, executor_of
from .loop import Conversation, LoopEnd
from .model import AssistantMessage, Delta, ModelClient, ModelRequest
from .retry import Retry, RetryPolicy, complete_with_retries
from .roles import entry_of
from .roles.base import Session
from .sandbox import CommandRunner
from .trace import Trace
from .transcript import Transcript
from .workshop import Workshop

SYSTEM: Final = "system.md"
SEED: Final = "seed.md"
RESULT: Final = "result.json"

_SECRET_NAMES: Final = ("KEY", "TOKEN", "SECRET", "PASSWORD")

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
    """An ``Agents`` port over our own loop; ``environ`` holds the provider's key.

    ``monotonic``, ``sleep`` and ``chance`` (a share in [0, 1) that spreads retries) are time and
    luck; ``clients`` gives the client for a model string, by default litellm or a script.
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
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._config = config
        self._journal = journal
        self._commands = commands
        self._verbose = verbose
        self._clients = Clients(config, environ)
        self._client_of = clients or self._clients.of
        self._retries = retries or RetryPolicy()
        self._monotonic = monotonic
        self._sleep = sleep
        self._chance = chance
        self._redactor = Redactor(
            value for name, value in environ.items() if name.upper().endswith(_SECRET_NAMES)
        )

    def executor_and_model(self, job_type: type[Job[A]]) -> tuple[str, str]:
        """Which executor and model a job of that class would get."""
        model = self._config.model_config.of(entry_of(job_type).role)
        return executor_of(model), model

    async def run(self, job: Job[A]) -> Result[A]:
        """Give one agent one job; every ending is a value, only JobCancelled is raised.

        A folder that holds a transcript already belongs to another attempt and is refused.
        """
        try:
            with Transcript(job.folder) as transcript:
                return await self._attempt(job, transcript)
        except FileExistsError:
            return _crashed(f"The folder {job.folder} is in use by another attempt.", Usage())
        except OSError as error:
            return _crashed(f"The folder {job.folder} cannot be used: {error}.", Usage())

    async def aclose(self) -> None:
        """Close what the clients hold open."""
        await self._clients.aclose()

    async def _attempt(self, job: Job[A], transcript: Transcript) -> Result[A]:
        label = entry_of(type(job)).label(job)
        trace = Trace(
            partial(self._journal.line, label), verbose=self._verbose, redactor=self._redactor
        )
        conversation: Conversation[A] | None = None
        try:
            session = await asyncio.to_thread(self._session, job)
            conversation = self._conversation(job, session, transcript, trace)
            end = await conversation.run()
            result = _result(end, conversation.usage)
        except asyncio.CancelledError:
            usage = Usage() if conversation is None else conversation.usage
            cancelled: Result[A] = Result(
                outcome=AttemptOutcome.CANCELLED, value=None, message="Interrupted.", usage=usage
            )
            self._keep_result(job.folder, cancelled, trace)
            raise JobCancelled(usage) from None
        except StorageError:
            raise  # the disk's fault: a fresh agent would be paid for in vain
        except Exception as error:  # whatever goes wrong costs an attempt, not the run
            usage = Usage() if conversation is None else conversation.usage
            result = _crashed(f"{type(error).__name__}: {error}", usage)
        self._keep_result(job.folder, result, trace)
        if result.outcome is not AttemptOutcome.OK:
            trace.note(f"ended with {result.outcome}: {result.message}")
        return result

    def _session(self, job: Job[A]) -> Session[A]:
        """The agent made ready, and what it is told kept in its folder."""
        workshop = Workshop(
            root=job.root,
            folder=job.folder,
            limits=self._config.limits,
            shared=self._config.isolation is Isolation.LEVEL,
            commands=self._commands,
        )
        session: Session[A] = entry_of(type(job)).prepare(job, workshop)
        _keep(job.folder / SYSTEM, session.system)
        _keep(job.folder / SEED, session.seed)
        return session

    def _conversation(
        self, job: Job[A], session: Session[A], transcript: Transcript, trace: Trace
    ) -> Conversation[A]:
        client = _Patient(
            client=self._client_of(job.attempt.model),
            policy=self._retries,
            sleep=self._sleep,
            chance=self._chance,
            trace=trace,
        )
        return Conversation(
            client=client,
            model=job.attempt.model,
            system=session.system,
            seed=session.seed,
            tools=session.tools,
            terminal=session.terminal,
            limits=self._config.limits,
            log=transcript,
            trace=trace,
            event=partial(self._journal.event, attempt=job.attempt.id),
            monotonic=self._monotonic,
            redact=self._redactor.without_known,
        )

    def _keep_result(self, folder: Path, result: Result[Any], trace: Trace) -> None:
        plain = {
            "outcome": result.outcome.value,
            "message": result.message,
            "usage": unstructure(result.usage),
            "value": None if result.value is None else unstructure(result.value),
        }
        try:
            _keep(folder / RESULT, json.dumps(plain, ensure_ascii=False, indent=2) + "\n")
        except StorageError as error:
            # The answer itself goes into the document; this copy is for people.
            trace.note(str(error))


@frozen(kw_only=True)
class _Patient:
    """A client whose transient failures are tried again, and shown."""

    client: ModelClient
    policy: RetryPolicy
    sleep: Callable[[float], Awaitable[None]]
    chance: Callable[[], float]
    trace: Trace

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """One turn; raises ModelError when trying again is no use or has been enough."""
        return await complete_with_retries(
            self.client,
            request,
            on_delta,
            policy=self.policy,
            sleep=self.sleep,
            random=self.chance,
            on_retry=self._show,
        )

    def _show(self, retry: Retry) -> None:
        self.trace.turn_ended()
        self.trace.error(retry.error)
        self.trace.note(f"retry {retry.number} in {retry.wait:.1f} seconds")


def _result(end: LoopEnd[A], usage: Usage) -> Result[A]:
    return Result(outcome=end.outcome, value=end.value, message=end.message, usage=usage)


def _crashed(message: str, usage: Usage) -> Result[Any]:
    return Result(outcome=AttemptOutcome.CRASHED, value=None, message=message, usage=usage)


def _keep(path: Path, text: str) -> None:
    replace(path, text.encode("utf-8", "backslashreplace"))
