"""Attempts that ``fake_cli.py`` carries out, in the sandbox that holds here."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from fakes.agent_jobs import config
from fakes.asking_run import Asking
from fakes.model_fake import MemoryJournal

from dispatch.agents.retry import RetryPolicy
from dispatch.agents.runner import AgentRunner
from dispatch.agents.sandbox import CommandRunner, Launcher, PlainLauncher
from dispatch.state.config import CommandExecutor, Config, Limits
from dispatch.state.jobs import Job, OpenPurse, Result
from dispatch.state.refusals import Refusal
from dispatch.state.work import Usage

CLI = Path(__file__).with_name("fake_cli.py")

Step = tuple[str, Any]

SESSION: Step = ("session", None)
USAGE: Step = (
    "event",
    {"type": "usage", "turns": 1, "inputTokens": 100, "outputTokens": 10, "costUSD": 0.25},
)


def argv(steps: Sequence[Step], resumed: Sequence[Step] = ()) -> tuple[str, ...]:
    """The words that start the fake with these steps."""
    return (
        os.path.realpath(sys.executable),
        "-I",
        str(CLI),
        json.dumps(steps),
        json.dumps(resumed),
    )


def command(
    run: Asking, fresh: object, resumed: Sequence[Step] = (), **more: Any
) -> dict[str, Any]:
    """The settings of a user for whose run the fake carries out attempts."""
    program = run.go.parent / CLI.name
    shutil.copy(CLI, program)
    python = os.path.realpath(sys.executable)
    words = [python, "-I", str(program), json.dumps(fresh), json.dumps(resumed)]
    return {"commandExecutor": {"argv": words, "resumes": True}, **more}


def configured(
    steps: Sequence[Step],
    resumed: Sequence[Step] = (),
    *,
    limits: Limits | None = None,
    **command: Any,
) -> Config:
    """A configuration whose command is the fake."""
    return evolve(
        config(),
        command_executor=CommandExecutor(argv=argv(steps, resumed), resumes=True, **command),
        limits=limits or Limits(),
    )


@define
class KeptPurse(OpenPurse):
    """Remembers what it was told, and refuses what it is told to refuse."""

    refused: Refusal | None = None
    reserved: list[Usage] = field(factory=list)
    reports: list[tuple[Usage, Usage | None]] = field(factory=list)
    settled: list[tuple[Usage, Usage | None]] = field(factory=list)

    async def reserve(self, worst: Usage) -> Refusal | None:
        """Granted."""
        self.reserved.append(worst)
        return None

    def report(self, usage: Usage, unsettled: Usage | None, seconds: float) -> Refusal | None:
        """As it was made."""
        self.reports.append((usage, unsettled))
        return self.refused

    def settle(self, usage: Usage, unsettled: Usage | None, seconds: float) -> None:
        """Kept."""
        self.settled.append((usage, unsettled))


@define
class Delegating:
    """Programs at work for jobs; ``sleeps`` are the waits between them."""

    commands: CommandRunner
    journal: MemoryJournal = field(factory=MemoryJournal)
    sleeps: list[float] = field(factory=list)

    async def run(self, job: Job[Any], given: Config, **more: Any) -> Result[Any]:
        """Have the fake carry a job out."""

        async def sleep(seconds: float) -> None:
            self.sleeps.append(seconds)

        runner = AgentRunner(
            config=given,
            journal=self.journal,
            commands=self.commands,
            retries=RetryPolicy(retries=2, total_pause=3600.0),
            sleep=sleep,
            chance=lambda: 0.0,
            **{"environ": {}, "now": lambda: 1_000.0, **more},
        )
        return await runner.run(job)


@contextmanager
def delegating(folder: Path, launcher: Launcher | None = None) -> Iterator[Delegating]:
    """Programs in a sandbox that shows them the fake; unconfined by default."""
    scratch = folder / "s"
    scratch.mkdir(exist_ok=True)
    commands = CommandRunner(
        folder, scratch, launcher=launcher or PlainLauncher(), read_only=(CLI.parent,)
    )
    try:
        yield Delegating(commands)
    finally:
        commands.close()


def by_command(job: Job[Any], **attempt: Any) -> Any:
    """The job as one of a delegated attempt."""
    return evolve(job, attempt=evolve(job.attempt, executor="command", **attempt))


def said(job: Job[Any], key: str, *, whole: bool = False) -> list[Any]:
    """What the program said of a kind, or whole lines of it, over all its processes."""
    files = sorted(job.folder.glob("program-*.out"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    told = [json.loads(line) for line in lines if line.startswith(f'{{"{key}"')]
    return told if whole else [each[key] for each in told]
