"""A submission against the tree: what changed, what was claimed, what the commands say."""

import asyncio
from pathlib import Path

from attrs import define, evolve

from ..policy.attribution import claimed_path
from ..policy.evidence import claim_problems, command_problems, commands_to_run
from ..policy.executable_config import compared_paths, executable_changes
from ..policy.leaks import MAX_LOOKED_AT, leak_problems
from ..policy.what_runs import MAX_COMPARED
from ..state.enums import ChangeKind
from ..state.git_values import Snapshot
from ..state.jobs import Submission
from ..state.records import Task
from ..state.work import CommandResult, Evidence, ExecutableChange, FileChange
from .builds import read_output, run_commands
from .ports import Ports
from .stopping import Stopping
from .workplaces import check_worktree, prepare

MAX_SHOWN_OUTPUT = 2000  # characters of each failing command's output, from its end


def submitted_ref(subject: str) -> str:
    """The ref of the run's store that keeps what a task, or an entrant of its race, handed in."""
    return f"refs/dispatch/submitted/{subject}"


@define
class Examiner:
    """Checks one attempt's submissions; ``evidence`` and ``commit_time`` are the accepted one's."""

    ports: Ports
    task: Task
    subject: str  # the task, or its entrant in a race
    worktree: Path
    base: str
    attempt_id: str
    shared: bool = False  # others are at work in the same tree
    evidence: Evidence | None = None
    commit_time: int = 0
    _checks: int = 0

    async def check(self, submission: Submission) -> tuple[str, ...]:
        """The problems of a submission, as sentences the agent can act on; none: accepted."""
        repository = self.ports.repository
        snapshot = await asyncio.to_thread(repository.snapshot, self.worktree, self.base)
        changes = self._own(snapshot, submission)
        problems = (
            *snapshot.problems,
            *claim_problems(submission.output, changes, self.task.agent_type),
        )
        if problems:
            return problems
        paths = sorted({path for each in changes for path in (each.path, each.old_path) if path})
        if problems := await asyncio.to_thread(self._leaks, changes, snapshot.tree):
            return problems
        tree = await asyncio.to_thread(repository.pick, self.base, snapshot.tree, paths)
        time = self.ports.clock.commit_time()
        # Kept before anything else happens to the tree: from here on it cannot be lost.
        kept = await asyncio.to_thread(
            repository.keep,
            submitted_ref(self.subject),
            tree,
            self.base,
            self.ports.store.run.identity,
            time,
        )
        results = await self._run(submission, snapshot, kept)
        problems = command_problems(
            self.task,
            build_gate=self.ports.store.run.build_gate,
            baseline=self.ports.store.run.baseline_commands,
            builds=submission.builds,
            results=results,
        )
        if problems:
            return (*problems, *await asyncio.to_thread(self._outputs, results))
        self.evidence = Evidence(
            tree=tree,
            base=self.base,
            changes=changes,
            builds=submission.builds,
            commands=results,
            executable=await asyncio.to_thread(self._executable, changes, tree),
        )
        self.commit_time = time
        return ()

    async def _run(
        self, submission: Submission, snapshot: Snapshot, kept: str
    ) -> tuple[CommandResult, ...]:
        """Run what has to be run on the tree that was submitted, and leave that tree as it was."""
        run = self.ports.store.run
        if not self.ports.config.verify_submissions:
            return ()
        commands = commands_to_run(
            self.task,
            build_gate=run.build_gate,
            builds=submission.builds,
            baseline_captured=bool(run.baseline_commands),
        )
        if not commands:
            return ()
        # Part of a submission, which an agent may finish also while the run comes to its stop.
        ports = evolve(self.ports, stopping=Stopping())
        self._checks += 1
        folder = f"{self.attempt_id}/{self._checks}"
        if self.shared:
            # Siblings are at work in the shared tree: the commands get one of their own.
            place = check_worktree(self.subject)
            worktree = await prepare(ports, place, kept)
            results = await run_commands(ports, commands, worktree, folder)
            await asyncio.to_thread(self.ports.repository.remove_worktree, place)
            return results
        results = await run_commands(ports, commands, self.worktree, folder)
        # What the commands wrote is no work of the agent's and must not meet the next check.
        await asyncio.to_thread(self.ports.repository.restore, self.worktree, snapshot.tree)
        return results

    def _leaks(self, changes: tuple[FileChange, ...], tree: str) -> tuple[str, ...]:
        """Where a change brings in what only the operator may know."""
        read = self.ports.repository.content
        problems = list[str]()
        for each in changes:
            if each.kind is not ChangeKind.DELETED:
                before = read(self.base, each.old_path or each.path, MAX_LOOKED_AT)
                after = read(tree, each.path, MAX_LOOKED_AT)
                problems += leak_problems(each.path, before, after, self.ports.redactor)
        return tuple(problems)

    def _executable(
        self, changes: tuple[FileChange, ...], tree: str
    ) -> tuple[ExecutableChange, ...]:
        """Which of the changes make a program run by itself."""
        read, limit = self.ports.repository.content, MAX_COMPARED + 1
        contents = {
            path: (read(self.base, path, limit), read(tree, path, limit))
            for path in compared_paths(changes)
        }
        asked_for = f"{self.task.objective}\n{self.task.plan_markdown}"
        hooks = self.ports.repository.hooks_folder()
        return executable_changes(changes, contents, asked_for, hooks)

    def _outputs(self, results: tuple[CommandResult, ...]) -> tuple[str, ...]:
        """What the failing commands printed last: without it the agent would run them again."""
        return tuple(
            f"The end of what `{result.command}` printed:\n"
            + read_output(self.ports.folder, result)[-MAX_SHOWN_OUTPUT:].strip()
            for result in results
            if result.exit_code != 0 and result.output_bytes
        )

    def _own(self, snapshot: Snapshot, submission: Submission) -> tuple[FileChange, ...]:
        """The changes that are this task's: in a shared tree, those it claims."""
        if not self.shared:
            return snapshot.changes
        claims = {claimed_path(raw, str(self.worktree)) for raw in submission.output.files_modified}
        return tuple(each for each in snapshot.changes if {each.path, each.old_path} & claims)
