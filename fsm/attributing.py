"""Finding out who broke the build gate: by running it on commits, and else by an agent."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import define, evolve, field

from ..policy.culprits import Found, Probe, investigate, unexplained, with_explanations
from ..policy.outcomes import is_providers_fault
from ..state.enums import AttributedBy, FailureCause, Role
from ..state.jobs import AttributionJob
from ..state.judgements import Attribution, Explanation, VerificationRound
from ..state.records import Run
from ..state.work import Attempt, BuildFailure
from .attempts import AgentFailed, carry_out
from .attribution_file import write_attribution
from .builds import BASELINE_LOG, final_log, run_gate_for, worse_than_baseline
from .chain import chain_from, patches_of, top_level
from .ports import Ports
from .rebuild import Link
from .workplaces import ATTRIBUTION, level_worktree, prepare

MAX_LOG_BYTES: Final = 4 * 1024 * 1024  # of each log, for the agent to page through


async def attribute(ports: Ports) -> VerificationRound:
    """The last round with a cause for each of its failures; each is recorded when it is found.

    Raises AgentFailed when the provider failed the attribution agent.
    """
    record = ports.store.run.verification_rounds[-1]
    if unexplained(record):
        search = await _search(ports, record)
        for failure in unexplained(record):
            found = await search.cause_of(failure)
            if found is not None:
                _record(ports, (found,))
        if unexplained(ports.store.run.verification_rounds[-1]):
            await _ask_agent(ports)
        await asyncio.to_thread(ports.repository.remove_worktree, ATTRIBUTION)
        _tell(ports)
    run = ports.store.run
    await asyncio.to_thread(write_attribution, ports, run)
    return run.verification_rounds[-1]


def change_round(run: Run, change: Callable[[VerificationRound], VerificationRound]) -> Run:
    """The run with its last verification round changed."""
    *earlier, last = run.verification_rounds
    return evolve(run, verification_rounds=(*earlier, change(last)))


def _tell(ports: Ports) -> None:
    """One line of the trace for all failures of the same cause; the file has each."""
    record = ports.store.run.verification_rounds[-1]
    causes = Counter((each.cause, each.task_ids, each.by) for each in record.explanations)
    for (cause, task_ids, by), count in causes.items():
        whose = ", ".join(task_ids) or cause
        failures = "1 failure is" if count == 1 else f"{count} failures are"
        ports.journal.line("run", f"{failures} put down to {whose}, by {by}")


def _record(ports: Ports, explanations: tuple[Explanation, ...]) -> None:
    ports.store.update(
        lambda run: change_round(run, lambda record: with_explanations(record, explanations))
    )
    for each in explanations:
        ports.journal.event(
            "failure.attributed",
            failure=each.failure_id,
            cause=each.cause,
            tasks=each.task_ids,
            by=each.by,
        )


@define(kw_only=True)
class _Search:
    """Runs failing commands again on the trees of commits; what was seen of a tree is kept."""

    ports: Ports
    round: int
    links: tuple[Link, ...]
    runs_left: int
    _seen: dict[tuple[str, str], frozenset[str]] = field(factory=dict)
    _trees: list[str] = field(factory=list)

    async def cause_of(self, failure: BuildFailure) -> Explanation | None:
        """The cause of one failure; null when that takes more runs than are left."""
        if not self._trees:
            commits = [self._base(), *(link.commit or "" for link in self.links)]
            tree_of = self.ports.repository.tree_of
            self._trees += [await asyncio.to_thread(tree_of, commit) for commit in commits]
        while True:
            seen = {
                place: self._seen[failure.command, tree]
                for place, tree in enumerate(self._trees)
                if (failure.command, tree) in self._seen
            }
            step = investigate(failure.id, len(self.links), seen)
            if isinstance(step, Found):
                return self._explanation(failure, step)
            if self.runs_left < 1:
                return None
            self.runs_left -= 1
            await self._run(failure.command, step)

    def _base(self) -> str:
        return self.ports.store.run.level_boundaries["1"]

    async def _run(self, command: str, probe: Probe) -> None:
        ports, place = self.ports, probe.place
        commit = self._base() if place == 0 else self.links[place - 1].commit
        assert commit is not None  # links without a commit are left out
        worktree = await prepare(ports, ATTRIBUTION, commit)
        folder = f"{ATTRIBUTION}-{self.round}/{place}-{len(self._seen) + 1}"
        results = await run_gate_for(ports, (command,), worktree, folder)
        worse = await worse_than_baseline(ports, results)
        names = frozenset(each.id for each in worse)
        self._seen[command, self._trees[place]] = names

    def _explanation(self, failure: BuildFailure, found: Found) -> Explanation:
        cause, reason = found.cause, found.reason
        task_ids: tuple[str, ...] = ()
        if found.place is not None:
            link = self.links[found.place - 1]
            if link.task_id is None:  # no agent repairs what the operator did: he is asked
                cause = FailureCause.NONE
            else:
                task_ids = (link.task_id,)
            owner = link.task_id or "the operator"
            reason = f"It came in with commit {link.commit} of {owner}. {reason}"
        return Explanation(
            failure_id=failure.id,
            cause=cause,
            task_ids=task_ids,
            by=AttributedBy.BISECTION,
            reason=reason,
        )


async def _search(ports: Ports, record: VerificationRound) -> _Search:
    return _Search(
        ports=ports,
        round=record.round,
        links=tuple(link for link in await chain_from(ports, 1) if link.commit is not None),
        runs_left=ports.config.attribution_runs,
    )


async def _ask_agent(ports: Ports) -> None:
    run = ports.store.run
    record = run.verification_rounds[-1]
    name = level_worktree(top_level(run))
    worktree = await asyncio.to_thread(ports.repository.existing_worktree, name)
    assert worktree is not None  # the build gate ran in it
    tasks = tuple(task for task in run.tasks if task.failure is None)
    patches = {task.id: await patches_of(ports, task) for task in tasks}

    def make(attempt: Attempt, folder: Path) -> AttributionJob:
        return AttributionJob(
            attempt=attempt,
            root=worktree,
            folder=folder,
            round=record.round,
            failures=unexplained(record),
            tasks=tasks,
            patches=patches,
            baseline_log=_log(ports.folder / BASELINE_LOG),
            final_log=_log(ports.folder / final_log(record.round)),
        )

    def accept(run: Run, answer: Attribution) -> Run:
        return change_round(run, lambda record: with_explanations(record, answer.explanations))

    subject = f"verification-{record.round}"
    try:
        await carry_out(ports, Role.ATTRIBUTION, subject, None, AttributionJob, make, accept)
    except AgentFailed as error:
        if is_providers_fault(error.outcome):
            raise
        _record(ports, tuple(_unknown(each, error.message) for each in unexplained(record)))


def _unknown(failure: BuildFailure, reason: str) -> Explanation:
    """Nobody knows: the operator is asked, rather than a task blamed."""
    return Explanation(
        failure_id=failure.id,
        cause=FailureCause.NONE,
        by=AttributedBy.ATTRIBUTION,
        reason=reason,
    )


def _log(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(MAX_LOG_BYTES).decode("utf-8", "replace")
