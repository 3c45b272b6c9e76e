"""Running the build gate: each command's output in a file of its own, and one log for people."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from attrs import evolve

from ..policy.comparison import CommandOutput, compare
from ..policy.failures import parse_failures
from ..policy.normalise import normalise
from ..state.clean_text import clean
from ..state.durable import write_text_atomic
from ..state.enums import VerificationMode
from ..state.records import Run
from ..state.work import BuildFailure, CommandResult
from .ports import Ports
from .workplaces import (
    ATTRIBUTION,
    BASELINE,
    ending,
    entrant_name,
    fix_worktree,
    level_worktree,
    prepare,
)

BASELINE_LOG = "baseline-build.log"
# Read back for comparison; the runner's own cap on output is lower unless configured higher.
MAX_COMPARED_BYTES = 32 * 1024 * 1024


def final_log(number: int) -> str:
    """The file name of one verification round's log."""
    return f"final-build.log-{number}"


async def run_commands(
    ports: Ports, commands: Sequence[str], worktree: Path, folder: str, log: str | None = None
) -> tuple[CommandResult, ...]:
    """Run all commands one after the other, and write one log of all if a name is given."""
    results = []
    for number, command in enumerate(commands, 1):
        await ports.stopping.admit()
        output = ports.folder / "builds" / folder / f"{number}.log"
        result = await ports.commands.run(command, worktree, output)
        ports.journal.line(f"build {folder}", f"$ {command}: {ending(result)}")
        ports.journal.event(
            "command.ended",
            command=command,
            exitCode=result.exit_code,
            seconds=result.duration_seconds,
            log=result.output_path,
        )
        results.append(result)
    if log is not None:
        await asyncio.to_thread(_write_log, ports, results, log)
    return tuple(results)


async def capture_baseline(ports: Ports) -> None:
    """Run the build gate on the base commit in a worktree of its own and record the result.

    Recorded before a kill, it is not run again; only the worktree goes.
    """
    run = ports.store.run
    if not (run.skip_baseline or run.baseline_build_log_path):
        await _capture(ports, run)
    await asyncio.to_thread(ports.repository.remove_worktree, BASELINE)


async def _capture(ports: Ports, run: Run) -> None:
    worktree = await prepare(ports, BASELINE, run.base_commit)
    results = await run_commands(ports, run.build_gate, worktree, BASELINE, BASELINE_LOG)
    outputs = await asyncio.to_thread(outputs_of, ports.folder, results, roots(run, ports.folder))
    failures = tuple(failure for output in outputs for failure in parse_failures(output.text))
    ports.store.update(
        lambda run: evolve(
            run,
            baseline_build_log_path=str(ports.folder / BASELINE_LOG),
            baseline_commands=results,
            baseline_failures=failures,
        )
    )


async def run_gate_for(
    ports: Ports, commands: Collection[str], worktree: Path, folder: str
) -> tuple[CommandResult, ...]:
    """Run the build gate up to the last of these commands; the results of these alone.

    What comes before them may be what they need: a compilation before its tests.
    """
    gate = ports.store.run.build_gate
    last = max(place for place, command in enumerate(gate) if command in commands)
    results = await run_commands(ports, gate[: last + 1], worktree, folder)
    return tuple(each for each in results if each.command in commands)


async def worse_than_baseline(
    ports: Ports, results: Sequence[CommandResult]
) -> tuple[BuildFailure, ...]:
    """The failures of commands of the build gate, run again, that their baseline has not."""
    run = ports.store.run
    unused = list(run.baseline_commands)
    before = []
    for result in results:
        same = next((each for each in unused if each.command == result.command), None)
        if same is not None:
            unused.remove(same)
            before.append(same)
    places = roots(run, ports.folder)
    baseline = await asyncio.to_thread(outputs_of, ports.folder, before, places)
    outputs = await asyncio.to_thread(outputs_of, ports.folder, results, places)
    mode = VerificationMode.NO_NEW_FAILURES
    return (await asyncio.to_thread(compare, mode, baseline, outputs)).new_failures


def roots(run: Run, folder: Path) -> Mapping[str, str]:
    """The paths that mean the same in every worktree, each with its placeholder."""
    worktrees = folder / "worktrees"
    names = {BASELINE, ATTRIBUTION}
    for task in run.tasks:
        names |= {task.id, fix_worktree(task.id), level_worktree(task.level)}
        entrants = () if task.raced is None else task.raced.entrants
        names |= {entrant_name(task.id, each.number) for each in entrants}
    places = {str(worktrees / name): "<WORKTREE>" for name in sorted(names)}
    return {**places, str(run.target_repo_path): "<REPOSITORY>"}


def outputs_of(
    folder: Path, results: Sequence[CommandResult], places: Mapping[str, str]
) -> tuple[CommandOutput, ...]:
    """Finished commands with their normalised output, ready to be compared."""
    return tuple(
        CommandOutput(
            command=result.command,
            exit_code=result.exit_code,
            timed_out=result.timed_out,
            text=normalise(read_output(folder, result), places),
        )
        for result in results
    )


def read_output(folder: Path, result: CommandResult) -> str:
    """What a command printed, as far as it was kept."""
    with (folder / result.output_path).open("rb") as file:
        return file.read(MAX_COMPARED_BYTES).decode("utf-8", "replace")


def _write_log(ports: Ports, results: Sequence[CommandResult], name: str) -> None:
    # For people only: agents' output could forge these headers, so nothing is parsed from it.
    parts = [
        f"$ {result.command}\n# {ending(result)}, {result.duration_seconds:.1f} s\n"
        + read_output(ports.folder, result)
        for result in results
    ]
    write_text_atomic(ports.folder / name, ports.redactor.text(clean("\n".join(parts))))
