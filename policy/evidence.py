"""A submission's claims against the tree and the exit codes: what does not hold, in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ..state.enums import AgentType, ChangeKind
from ..state.records import Task
from ..state.work import BuildClaim, CommandResult, FileChange, TaskOutput
from .attribution import claimed_path

MAX_RECORDED_RERUN: Final = 10
MAX_LISTED: Final = 200  # paths in one sentence


def claim_problems(
    output: TaskOutput, changes: Sequence[FileChange], agent_type: AgentType, root: str = ""
) -> tuple[str, ...]:
    """Where ``filesModified`` and the tree disagree; ``root`` lets a claim be absolute.

    A deleted path counts as changed, and so do both names of a rename.
    """
    claims = {raw: claimed_path(raw, root) for raw in output.files_modified}
    claimed = {path for path in claims.values() if path is not None}
    real = _names(changes)
    problems = []
    outside = sorted(raw for raw, path in claims.items() if path is None)
    if outside:
        problems.append(
            "filesModified names what is no file of your tree; remove from it: "
            f"{_listed(map(_quoted, outside))}."
        )
    if agent_type is AgentType.EXPLORE and real:
        problems.append(
            "This is an explore task and must leave the tree as it was; "
            f"undo your changes to: {_listed(_described(real, real))}."
        )
    unclaimed = sorted(real.keys() - claimed)
    if unclaimed and agent_type is not AgentType.EXPLORE:
        problems.append(
            "These paths are changed, but filesModified does not name them; add them to it, or "
            f"undo the changes: {_listed(_described(unclaimed, real))}."
        )
    unchanged = sorted(claimed - real.keys())
    if unchanged:
        problems.append(
            "filesModified names these paths, but they are as they were (or git ignores them); "
            f"remove them from it: {_listed(map(_quoted, unchanged))}."
        )
    return tuple(problems)


def new_test_problems(output: TaskOutput, wanted: Sequence[str]) -> tuple[str, ...]:
    """Which of the test files that a critic asked for a repair leaves out."""
    missing = sorted(set(wanted) - set(output.files_modified))
    if not missing:
        return ()
    return (
        "The review asks for tests in these files; add or extend each of them and name it in "
        f"filesModified: {_listed(map(_quoted, missing))}.",
    )


def empty_repair_problems(output: TaskOutput) -> tuple[str, ...]:
    """What is wrong with a repair that changes nothing: it settles a finding only by a reason."""
    if output.files_modified or output.notes.strip():
        return ()
    return (
        "The repair changes nothing, and notes does not say why; repair what was found, or say in "
        "notes why nothing has to change.",
    )


def commands_to_run(
    task: Task,
    *,
    build_gate: Sequence[str],
    builds: Sequence[BuildClaim],
    baseline_captured: bool = True,
) -> tuple[str, ...]:
    """What to run on a submitted tree: each command once, the task's own first.

    Without ``verifyCommands`` it is the build gate, unless there is no baseline to hold it
    against; then the last ``MAX_RECORDED_RERUN`` commands that the agent says ended well.
    """
    gate = build_gate if baseline_captured else ()
    return tuple(dict.fromkeys((*(task.verify_commands or gate), *_claimed_to_pass(builds))))


def command_problems(
    task: Task,
    *,
    build_gate: Sequence[str],
    baseline: Sequence[CommandResult],
    builds: Sequence[BuildClaim],
    results: Sequence[CommandResult],
) -> tuple[str, ...]:
    """What the commands we ran (``results``) say against a submission; what was not run, nothing.

    ``verifyCommands`` must exit 0.  Without any, a command of the build gate may fail only if it
    failed in the baseline.  What the agent recorded with exit code 0 must give 0 again.
    """
    by_command = {result.command: result for result in results}
    before = {result.command: result for result in baseline}
    problems = []
    for command in dict.fromkeys(task.verify_commands or build_gate):
        result = by_command.get(command)
        if result is None or _passed(result):
            continue
        if task.verify_commands:
            problems.append(
                f"The task's verify command {_quoted(command)} must exit with 0; {_ending(result)}."
            )
        elif command not in before or _passed(before[command]):
            problems.append(
                f"The build gate's command {_quoted(command)} passed before your changes; "
                f"{_ending(result)}."
                if command in before
                else f"The build gate's command {_quoted(command)} must exit with 0; "
                f"{_ending(result)}."
            )
    for command in _claimed_to_pass(builds):
        result = by_command.get(command)
        if result is not None and not _passed(result):
            problems.append(
                f"You recorded {_quoted(command)} with exit code 0; {_ending(result)}. "
                "Repair what fails, run it again, and record what it gives then."
            )
    return tuple(problems)


def sibling_problems(
    results: Sequence[CommandResult], before: Sequence[CommandResult], owners: Mapping[str, str]
) -> tuple[str, ...]:
    """Which commands of other tasks (``owners``) a repair broke: they passed without it."""
    passed = {result.command for result in before if _passed(result)}
    return tuple(
        f"The verify command {_quoted(result.command)} of task {owners[result.command]} passed "
        f"before your repair; {_ending(result)}. Its work must stay as it is."
        for result in results
        if result.command in passed and not _passed(result)
    )


def _names(changes: Iterable[FileChange]) -> Mapping[str, str]:
    """Every changed path with what happened to it; a rename has two."""
    names = {}
    for change in changes:
        names[change.path] = str(change.kind)
        if change.kind is ChangeKind.RENAMED and change.old_path is not None:
            names[change.path] = f"renamed from {_quoted(change.old_path)}"
            names[change.old_path] = f"renamed to {_quoted(change.path)}"
    return names


def _described(paths: Iterable[str], real: Mapping[str, str]) -> Iterable[str]:
    return (f"{_quoted(path)} ({real[path]})" for path in sorted(paths))


def _claimed_to_pass(builds: Sequence[BuildClaim]) -> tuple[str, ...]:
    # Only what was said last of a command is a claim: failing first and then passing is work.
    last = {build.command: build.exit_code for build in builds}
    passed = [command for command, exit_code in last.items() if exit_code == 0]
    return tuple(passed[-MAX_RECORDED_RERUN:])


def _passed(result: CommandResult) -> bool:
    return result.exit_code == 0 and not result.timed_out


def _ending(result: CommandResult) -> str:
    if result.timed_out:
        return f"we ran it, and it did not end within {result.duration_seconds:.0f} seconds"
    if result.exit_code is None:
        return f"we ran it, and signal {result.signal} ended it"
    return f"we ran it, and it exited with {result.exit_code}"


def _quoted(text: str) -> str:
    # A name may hold anything; escaped, it can neither break the sentence nor pose as one.
    return f"`{text}`" if text.isprintable() and "`" not in text else ascii(text)


def _listed(words: Iterable[str]) -> str:
    known = list(words)
    more = len(known) - MAX_LISTED
    return ", ".join(known[:MAX_LISTED]) + (f" and {more} more" if more > 0 else "")
