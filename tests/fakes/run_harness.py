"""A whole run in one process: real git, document and commands; only the agents are played."""

import asyncio
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from fakes.legal_events import require_row

from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.sandbox.runner import CommandRunner
from dispatch.fsm.engine import drive
from dispatch.fsm.ports import Advisor, Agents, Operator, Ports, Store
from dispatch.gitops.store import RunRepository
from dispatch.state.clock import SystemClock
from dispatch.state.config import Config, ModelConfig
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import RunStatus
from dispatch.state.errors import WaitingForOperator
from dispatch.state.judgements import Answer, Escalation
from dispatch.state.records import Identity, Run
from dispatch.state.redact import Redactor

GIT_ENV = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "U",
    "GIT_AUTHOR_EMAIL": "u@example.org",
    "GIT_COMMITTER_NAME": "U",
    "GIT_COMMITTER_EMAIL": "u@example.org",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
}


def git(folder: Path, *words: str) -> str:
    """What git prints, without the last line end."""
    done = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, env=GIT_ENV
    )
    return done.stdout.decode().rstrip("\n")


class Killed(BaseException):
    """The process ended here."""


@define
class KillingStore:
    """A store that dies before or after a save that is counted from 1."""

    inner: DocumentStore
    at: int = 0
    after: bool = False
    saves: int = 0

    @property
    def run(self) -> Run:
        """The document."""
        return self.inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, or die."""
        self.saves += 1
        # Dead processes save nothing: whatever is still being cleaned up must fail, too.
        if self.at and (self.saves > self.at or (self.saves == self.at and not self.after)):
            raise Killed
        run = self.inner.update(change)
        if self.saves == self.at:
            raise Killed
        return run


@define
class StumblingStore:
    """A store that raises an error of no known kind instead of one save, counted from 1."""

    inner: DocumentStore
    at: int
    saves: int = 0

    @property
    def run(self) -> Run:
        """The document."""
        return self.inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, or stumble."""
        self.saves += 1
        if self.saves == self.at:
            raise RuntimeError("stumbled")
        return self.inner.update(change)


class SilentJournal:
    """Keeps what it is told; an event that is not published is a failure."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self.lines: list[str] = []

    def event(self, kind: str, **fields: object) -> None:
        """Keep an event."""
        require_row(kind, set(fields))
        self.events.append((kind, fields))

    def complete(self, **fields: object) -> None:
        """Keep the last event."""
        self.event("run.completed", **fields)

    def line(self, label: str, text: str) -> None:
        """Keep a line."""
        self.lines.append(f"[{label}] {text}")


@define
class ScriptedOperator:
    """Answers each question with the next verb, or the last one again; remembers what it saw."""

    verbs: list[str]
    asked: list[Escalation] = field(factory=list)
    notices: list[str] = field(factory=list)

    def announce(self, escalation: Escalation) -> None:
        """Remember a question."""
        self.asked.append(escalation)

    async def answer(self, escalation: Escalation) -> Answer:
        """The next verb."""
        verb = self.verbs.pop(0) if len(self.verbs) > 1 else self.verbs[0]
        assert verb in escalation.allowed
        return Answer(verb=verb, note="", at="2026-01-01T00:00:00.000Z", by="script")

    def settle(self, escalation: Escalation) -> None:
        """Nothing is left of a question."""

    def notice(self, text: str) -> None:
        """Remember a notice."""
        self.notices.append(text)


class AbsentOperator:
    """Nobody waits for an answer."""

    def announce(self, escalation: Escalation) -> None:
        """Nobody hears it."""

    async def answer(self, escalation: Escalation) -> Answer:
        """There is none."""
        raise WaitingForOperator(escalation.question)

    def settle(self, escalation: Escalation) -> None:
        """There is nothing to put aside."""

    def notice(self, text: str) -> None:
        """Nobody hears it."""


@define
class Place:
    """A repository with one commit, and a run of it that may be driven again and again."""

    root: Path
    name: str = "r"
    gate: tuple[str, ...] = ("test ! -e broken",)
    pinned: str | None = "1700000000"
    changes: dict[str, Any] = field(factory=dict)
    config_changes: dict[str, Any] = field(factory=dict)
    journal: SilentJournal = field(factory=SilentJournal)
    operator: Operator = field(factory=AbsentOperator)
    redactor: Redactor = field(factory=Redactor)
    advisor: Advisor | None = None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / "dispatch" / self.name

    def set_up(self, **files: str) -> None:
        """Make the repository with these files; ``__`` in a name stands for a dot."""
        self.root.mkdir(parents=True)
        git(self.root, "init", "-q", "-b", "main")
        for name, text in (files or {"a__txt": "a\n"}).items():
            (self.root / name.replace("__", ".")).write_text(text, encoding="utf-8")
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", "base")
        exclude = self.root / ".git" / "info" / "exclude"
        exclude.parent.mkdir(exist_ok=True)
        exclude.write_text("/dispatch/\n", encoding="utf-8")

    def config(self) -> Config:
        """The configuration of the run."""
        models = ModelConfig(**dict.fromkeys(_ROLES, "none"))
        return evolve(Config(build_gate=self.gate, model_config=models), **self.config_changes)

    def store(self) -> DocumentStore:
        """The run's document, made when it is not there."""
        if (self.folder / "run-state.yaml").exists():
            return DocumentStore.open(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        run = Run(
            name=self.name,
            spec_path="spec.md",
            target_repo_path=str(self.root),
            integration_branch=f"dispatch/{self.name}",
            base_commit=git(self.root, "rev-parse", "HEAD"),
            identity=Identity(name="U", email="u@example.org"),
            build_gate=self.gate,
            created_at="2026-01-01T00:00:00.000Z",
        )
        return DocumentStore.create(self.folder, evolve(run, **self.changes))

    def ports(self, agents: Agents, store: Store) -> Ports:
        """Everything the engine needs."""
        environ = {} if self.pinned is None else {"SOURCE_DATE_EPOCH": self.pinned}
        return Ports(
            store=store,
            agents=agents,
            repository=RunRepository(self.root, self.folder, self.name),
            commands=CommandRunner(self.folder, self.folder / "scratch", launcher=PlainLauncher()),
            operator=self.operator,
            journal=self.journal,
            clock=SystemClock(environ),
            config=self.config(),
            folder=self.folder,
            spec_text="# Spec\n",
            redactor=self.redactor,
            advisor=self.advisor,
        )

    def drive(self, agents: Agents, at: int = 0, *, after: bool = False) -> RunStatus | None:
        """Start or go on; null when it was killed at save ``at``."""
        store = KillingStore(self.store(), at, after)
        try:
            return self.drive_over(agents, store)
        except BaseExceptionGroup as group:
            if group.subgroup(Killed) is None:
                raise
            return None
        except Killed:
            return None

    def drive_over(self, agents: Agents, store: Store) -> RunStatus:
        """Start or go on with a store of the caller's."""
        return asyncio.run(drive(self.ports(agents, store)))

    @property
    def run(self) -> Run:
        """The document as it is on disk."""
        return DocumentStore.open(self.folder).run

    def files(self, commit: str) -> list[str]:
        """The paths in a commit of the user's repository."""
        return git(self.root, "ls-tree", "-r", "-z", "--name-only", commit).split("\0")[:-1]


@define
class MortalStore:
    """Dies before (or right after) the first save of a document that is as described."""

    inner: DocumentStore
    dies_at: Callable[[Run], bool]
    after: bool = False
    dead: bool = False

    @property
    def run(self) -> Run:
        """The document."""
        return self.inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, or die."""
        if self.dead or (not self.after and self.dies_at(change(self.inner.run))):
            self.dead = True
            raise Killed
        run = self.inner.update(change)
        if self.dies_at(run):
            self.dead = True
            raise Killed
        return run


def killed(place: "Place", agents: Any, dies_at: Callable[[Run], bool], *, after: bool) -> None:
    """Drive a run until it is killed there."""
    store = MortalStore(place.store(), dies_at, after)
    try:
        asyncio.run(drive(place.ports(agents, store)))
    except (BaseExceptionGroup, Killed):
        assert store.dead


def comparable(run: Run) -> Any:
    """A document without what a kill may change: times, attempts, where output lies."""

    def evidence(each: Any) -> Any:
        commands = tuple(evolve(one, duration_seconds=0.0, output_path="") for one in each.commands)
        return evolve(each, commands=commands)

    def entrant(each: Any) -> Any:
        known = each.evidence and evidence(each.evidence)
        return evolve(each, attempt_id="", kept_ref=bool(each.kept_ref), evidence=known)

    def task(each: Any) -> Any:
        fixes = tuple(evolve(fix, evidence=evidence(fix.evidence)) for fix in each.fixes)
        raced = each.raced and evolve(each.raced, entrants=tuple(map(entrant, each.raced.entrants)))
        known = evidence(each.evidence)
        return evolve(each, attempts=(), evidence=known, fixes=fixes, raced=raced)

    return evolve(
        run,
        created_at="",
        attempts=(),
        usage={},
        baseline_commands=(),
        verification_rounds=tuple(evolve(each, commands=()) for each in run.verification_rounds),
        history=tuple(evolve(each, at="") for each in run.history),
        tasks=tuple(task(each) for each in run.tasks),
    )


_ROLES = (
    "planner",
    "implementer",
    "critic",
    "gate_critic",
    "greybeard",
    "attribution",
    "fix_agent",
)
