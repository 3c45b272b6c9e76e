"""A run of a story in processes of its own, each of which may be killed at any effect.

Every start is a child made by ``fork``: it is killed as a real one is, with its threads, and its
caller goes on.  What happened is in the witness's file beside the repository.
"""

import asyncio
import io
import os
import re
import signal
import sys
import traceback
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, cast

from attrs import define, evolve, field
from fakes.casting import MODELS
from fakes.run_harness import Place, git
from fakes.story import GATE, NOW, Decided, Story, short
from fakes.watched_ports import Effect, Kill, Watched, WatchedModel, Witness, watched_ports

from dispatch.agents.executors.scripted_client import ScriptedClient
from dispatch.agents.retry import RetryPolicy
from dispatch.agents.runner import AgentRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.sandbox.runner import CommandRunner
from dispatch.fsm.engine import drive
from dispatch.fsm.ports import Agents, Ports
from dispatch.fsm.retrying import retried
from dispatch.fsm.workplaces import BASELINE
from dispatch.state.codec import unstructure
from dispatch.state.config import RaceConfig
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import AgentType, Role, RunStatus
from dispatch.state.errors import Paused
from dispatch.state.jobs import Job, PlanJob, Result
from dispatch.state.journal import EventJournal
from dispatch.state.records import Run


class End(StrEnum):
    """How a process ended."""

    DONE = "done"
    FAILED = "failed"
    PAUSED = "paused"
    KILLED = "killed"


@define
class Interviewer:
    """Real agents, of whom is told what each is asked; early plans are made too short."""

    inner: Agents
    witness: Witness
    story: Story
    era: int

    def executor_and_model(
        self, job_type: type[Job[Any]], others: int = 0, agent_type: AgentType | None = None
    ) -> tuple[str, str]:
        """As the agents say."""
        return self.inner.executor_and_model(job_type, others, agent_type)

    async def run(self, job: Job[Any]) -> Result[Any]:
        """Have it asked."""
        self.witness.tell(asked=[job.attempt.id, _question(job, self.era)])
        result = await self.inner.run(job)
        if isinstance(job, PlanJob) and result.value is not None:
            # An executor of somebody else's may hand in what our planner's tools would refuse.
            refused = len(set(self._refusals()))
            if refused < self.story.refused_plans and self.era < self.story.sound_from:
                result = evolve(result, value=evolve(result.value, tasks=short(result.value.tasks)))
        return result

    def _refusals(self) -> list[int]:
        run = DocumentStore.open(self.witness.path.parent / "repository" / "dispatch" / "r").run
        return [each.round for each in run.plan_refusals]


Wrap = Callable[[Ports], Ports]

# Keys of the document that a kill may change: times, attempts, and where and how output lies.
MEASURED: Final = frozenset(
    {
        "attempts",
        "usage",
        "at",
        "createdAt",
        "activeSeconds",
        "durationSeconds",
        "outputPath",
        "outputBytes",
        "paused",
    }
)
OF_ATTEMPTS: Final = ("Attempts", "Tokens and cost", "Evidence", "Provenance", "Rounds")
_ATTEMPT: Final = re.compile(rf"\b([\w-]+)\.({'|'.join(Role)})\.\d+\b")
_TIMES: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|\b[\d.]+ ?(?:s|ms)\b")


@define
class MortalRun:
    """One run of a story in ``folder``; ``wrap`` is put around the ports, the watch around that."""

    folder: Path
    story: Story
    wrap: Wrap = lambda ports: ports
    ends: list[End] = field(factory=list)

    @property
    def place(self) -> Place:
        """The repository and the run."""
        config = {
            "model_config": MODELS,
            "max_parallel": self.story.parallel,
            "attribution_runs": self.story.attribution_runs,
            "race": RaceConfig(n=self.story.entrants),
        }
        changes = {"isolation": self.story.isolation, "hub_files": self.story.hub_files}
        return Place(
            self.folder / "repository", gate=(GATE,), config_changes=config, changes=changes
        )

    @property
    def witness(self) -> Witness:
        """What was told so far."""
        return Witness(self.folder / "witness.jsonl")

    @property
    def run(self) -> Run:
        """The document on disk."""
        return self.place.run

    def set_up(self) -> None:
        """Make the repository and an empty run."""
        place = self.place
        place.set_up()
        git(place.root, "config", "user.name", "Olga")
        git(place.root, "config", "user.email", "o@e.org")
        place.store()

    @property
    def era(self) -> int:
        """How many retries and pauses there were."""
        retries = sum(entry.event == "retried" for entry in self.run.history)
        return retries + self.ends.count(End.PAUSED)

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be done with it."""
        retries = sum(entry.event == "retried" for entry in self.run.history)
        status = self.run.status
        return status is RunStatus.DONE or (
            status is RunStatus.FAILED and retries >= self.story.retries
        )

    def start(self, kill: Kill | None = None) -> End:
        """Start the run once, or retry it if the story says so; how that ended."""
        child = os.fork()
        if not child:
            self._be(kill)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, status
            end = End.KILLED
        else:
            wrong = list(self.witness.told("error"))
            assert not wrong, wrong[-1]
            end = list(End)[os.WEXITSTATUS(status)]
        self.ends.append(end)
        return end

    def live(self, at_most: int = 40) -> None:
        """Start it again and again until it is over."""
        for _ in range(at_most):
            if self.is_over:
                return
            self.start()
        raise AssertionError(f"the run is not over after {at_most} starts: {self.run.status}")

    def _be(self, kill: Kill | None) -> None:
        witness = Witness(self.witness.path, kill)
        try:
            end = self._drive(witness)
        except BaseException:
            witness.tell(error=traceback.format_exc())
            os._exit(len(End))
        witness.ended()
        os._exit(list(End).index(end))

    def _drive(self, witness: Witness) -> End:
        # A terminal's keys and what pytest captures are no business of this process.
        sys.stdout = sys.stderr = io.StringIO()
        place, era = self.place, self.era
        journal = EventJournal(place.folder, stream=io.StringIO(), now=lambda: NOW)
        client = WatchedModel(ScriptedClient(self.story.cast(era).script()), witness)
        commands = CommandRunner(place.folder, place.folder / "scratch", launcher=PlainLauncher())
        runner = AgentRunner(
            config=place.config(),
            journal=journal,
            commands=cast(Any, Watched(commands, Effect.COMMAND, witness)),
            environ={},
            clients=lambda model: client,
            retries=RetryPolicy(retries=0),
        )
        place.operator = Decided(place.folder, self.story)
        ports = place.ports(Interviewer(runner, witness, self.story, era), place.store())
        ports = watched_ports(self.wrap(evolve(ports, journal=journal)), witness)
        if ports.store.run.status is RunStatus.FAILED and not self.is_over:
            ports.store.update(lambda run: retried(run, NOW))
            # Agents are sound again, or not, by the era that begins now.
            witness.tell(retried=1)
            return self._drive(witness)
        try:
            return End(asyncio.run(drive(ports)).value)
        except Paused:
            return End.PAUSED


def result_of(mortal: MortalRun) -> dict[str, Any]:
    """What a run came to, without what a kill may change."""
    run, place = mortal.run, mortal.place
    branch = git(place.root, "for-each-ref", "--format=%(objectname)", "refs/heads/dispatch/r")
    commits = git(place.root, "log", "--format=%H %s", branch, "--") if branch else ""
    worktrees = {each.name for each in (place.folder / "worktrees").iterdir()}
    document = _without(unstructure(run), str(place.root))
    if run.failure is not None and run.failure.state == RunStatus.PLANNING:
        # The baseline is captured beside the planner: whether it was first is chance.
        document = {key: value for key, value in document.items() if "baseline" not in key}
        worktrees.discard(BASELINE)
    return {
        "status": run.status.value,
        "commits": commits.splitlines(),
        "answers": sorted((each.id, each.answer.verb) for each in run.escalations if each.answer),
        "document": document,
        "report": _report(place),
        "worktrees": sorted(worktrees),
    }


def _without(value: Any, root: str) -> Any:
    """Plain data without what is measured or counts attempts."""
    if isinstance(value, dict):
        kept = {key: _without(each, root) for key, each in value.items() if key not in MEASURED}
        if "escalations" in kept:  # in the order in which parallel tasks asked
            kept["escalations"].sort(key=lambda each: each["id"])
        return kept
    if isinstance(value, list | tuple):
        return [_without(each, root) for each in value]
    if not isinstance(value, str):
        return value
    return _ATTEMPT.sub(r"\1.\2.<n>", value.replace(root, "<root>"))


def _report(place: Place) -> list[str]:
    """The report without its sections on attempts and their cost, and without times."""
    path = place.folder / "report.md"
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8").replace(str(place.root), "<root>")
    head, *sections = text.split("\n## ")
    kept = [each for each in sections if not each.startswith(OF_ATTEMPTS)]
    return [
        _ATTEMPT.sub(r"\1.\2.<n>", _TIMES.sub("<time>", line))
        for line in "\n## ".join((head, *kept)).splitlines()
        if not line.startswith(("- Started:", "- Duration:"))
    ]


def _question(job: Job[Any], era: int) -> str:
    """What makes two jobs the same question."""
    subject = job.attempt.id.rsplit(".", 2)[0]  # each entrant of a race is asked for itself
    parts: list[object] = [type(job).__name__, era, subject]
    for name in ("round", "source", "level", "deviation", "refusals", "to_settle"):
        parts.append(getattr(job, name, ""))
    task = getattr(job, "task", None)
    if task is not None:
        parts += [task.id, len(task.restarts)]
    return repr(parts)
