"""The half of the report that shows evidence: verification, trees, attempts, costs, provenance."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from ..policy.culprits import distinct_failures
from ..policy.executable_config import WHY, executable_of, needs_word
from ..state.enums import HunkFate
from ..state.hubs import WorkReceipt
from ..state.judgements import VerificationRound
from ..state.records import Confinement, Run, Task
from ..state.work import Attempt, CommandResult, ExecutableChange, FileChange, Usage
from .attribution_file import explained
from .markdown import block, bullets, code, inline, nested, section
from .report_words import duration, many, money, result_of, turns


def verification(run: Run, gate_diff: str) -> Iterator[str]:
    """Mode, commands against the baseline, new failures and the difference of the output."""
    why = f": {inline(run.verification_mode_rationale)}" if run.verification_mode_rationale else ""
    yield f"Mode: {run.verification_mode}{why}"
    if run.skip_baseline:
        yield "The baseline was skipped on request: nothing was compared."
    if not run.verification_rounds:
        yield "No verification round ran."
        yield _listed("The baseline:", map(_command, run.baseline_commands))
        return
    last = run.verification_rounds[-1]
    reason = f": {inline(last.reason)}" if last.reason else ""
    yield bullets(
        (
            f"Round: {last.round}",
            f"Outcome: {last.outcome}{reason}",
            f"Log: {code(last.final_build_log_path)}",
            f"New failures: {len(last.new_failures)}",
        ),
        "",
    )
    yield _listed("Each command, against the baseline:", _compared(run, last))
    yield _listed("New failures of each round:", _new_failures(run))
    if gate_diff.strip():
        yield f"Output of the build gate, baseline against round {last.round}:"
        yield block(gate_diff, "diff")
    else:
        yield "No difference between the build gate's output and the baseline's is known."


def evidence_of(task: Task) -> str:
    """What a task claimed beside what its tree and its commands say."""
    if task.output is None or task.evidence is None:
        return f"{code(task.id)}: nothing was submitted"
    claimed, evidence = set(task.output.files_modified), task.evidence
    real = {change.path for change in evidence.changes}
    real |= {change.old_path for change in evidence.changes if change.old_path}
    below = [f"changed: {_change(change)}" for change in evidence.changes]
    below += [f"claimed, but not changed: {code(path)}" for path in sorted(claimed - real)]
    below += [f"changed, but not claimed: {code(path)}" for path in sorted(real - claimed)]
    below += [
        f"the agent says it ran {code(build.command)}: exit {build.exit_code}"
        for build in evidence.builds
    ]
    below += [f"we ran {_command(each)}" for each in evidence.commands]
    return (
        f"{code(task.id)}: {many(len(claimed), 'file')} claimed, {len(real)} really changed, "
        f"tree {code(evidence.tree)}: {inline(task.output.summary)}{nested(below)}"
    )


def executable_section(run: Run) -> str:
    """What the run changed that makes programs run by themselves; empty when it is nothing."""
    lines = [_executable(task, each) for task in run.tasks for each in executable_of(task)]
    return section("Executable configuration changed", bullets(lines, "")) if lines else ""


def receipts(run: Run) -> Iterator[str]:
    """What became of the accepted hunks of each level, by task and file."""
    if not run.receipts:
        yield "(no level passed)"
    for each in run.receipts:
        counts = Counter[HunkFate]()
        for work in each.work:
            counts[HunkFate.PRESENT] += work.present
            for one in work.replaced:
                counts[one.fate] += one.hunks
        told = ", ".join(f"{counts[fate]} {fate}" for fate in HunkFate)
        listed = code(f"receipts/level-{each.level}.yaml")
        yield f"Level {each.level} at {code(each.tip)}: {told}; each hunk is in {listed}."
        yield bullets(map(_receipt, each.work), "(nothing was accepted)")


def attempts_of(run: Run) -> Iterable[Attempt]:
    """Every attempt of the run, those of no single task first."""
    return chain(run.attempts, *(task.attempts for task in run.tasks))


def attempt_line(attempt: Attempt) -> str:
    """One attempt: who, with which model, how it ended, what it cost."""
    outcome = attempt.outcome or "has no end: running, or cut off"
    took = f", {duration(attempt.started_at, attempt.ended_at)}" if attempt.ended_at else ""
    said = f": {inline(attempt.message)}" if attempt.message else ""
    more = ""
    if attempt.unsettled is not None and attempt.outcome is not None:
        more = f" and up to {money(attempt.unsettled.cost_usd)} that nobody told"
    return (
        f"{code(attempt.id)} {attempt.role}, {code(attempt.executor)} with {code(attempt.model)}: "
        f"{outcome}{took}, {turns(attempt.usage)}, {money(attempt.usage.cost_usd)}{more}{said}"
    )


def usage_table(run: Run) -> str:
    """Tokens and money by role; the total says what is not known."""
    if not run.usage:
        return "(nothing was used)"
    rows = [(role, usage) for role, usage in sorted(run.usage.items())]
    known = sum(usage.cost_usd for _, usage in rows if usage.cost_usd is not None)
    unknown = sorted(role for role, usage in rows if usage.cost_usd is None)
    total = f"Total cost: {money(known)}"
    if unknown:
        total = (
            f"Total cost: unknown; at least {money(known)}, "
            f"the price of what these used is not known: {', '.join(map(inline, unknown))}"
        )
    lines = ["| role | turns | input | output | cached | cost |", "|---|--:|--:|--:|--:|--:|"]
    lines += [f"| {inline(role)} | {_usage_cells(usage)} |" for role, usage in rows]
    return "\n".join((*lines, "", total))


def provenance(run: Run) -> str:
    """From which commit, by whom, with what the result was made."""
    used = sorted({(each.role, each.executor, each.model) for each in attempts_of(run)})
    branch = f" (branch {code(run.base_branch)})" if run.base_branch else " (no branch)"
    return bullets(
        (
            f"Base commit: {code(run.base_commit)}{branch}",
            f"Published: {code(run.published_commit) if run.published_commit else 'nothing yet'}",
            f"Author of commits: {inline(run.identity.name)} {code(run.identity.email)}",
            f"Isolation: {run.isolation}",
            *(f"Sandbox: {confinement(each)}" for each in run.sandboxes),
            f"Document version: {inline(run.schema_version)}",
            *(f"{role}: {code(model)} through {code(by)}" for role, by, model in used),
        ),
        "",
    )


def confinement(each: Confinement) -> str:
    """How commands were held, in a line."""
    reduced = f" because {inline('; '.join(each.reasons))}" if each.reasons else ""
    hosts = ", ".join(map(code, each.network)) or "none"
    setup = f", for `setup` also {', '.join(map(code, each.setup_network))}"
    others = f", for delegated attempts {', '.join(map(code, each.delegated_network))}"
    return (
        f"{each.tier}{reduced}; network: {hosts}{setup if each.setup_network else ''}"
        f"{others if each.delegated_network else ''}; "
        f"{each.processes} processes, {_size(each.memory_bytes)} of memory and "
        f"{each.cpu_seconds} s of computing a process, {_size(each.file_bytes)} a file; "
        f"visible besides the system: {', '.join(map(code, each.read_only)) or 'nothing'}"
    )


def _size(count: int) -> str:
    return f"{count / 1024**3:g} GiB"


def _executable(task: Task, each: ExecutableChange) -> str:
    word = "named in the plan" if each.named else "not named in the plan"
    if needs_word(each):
        word += "; the operator was asked, see Deviations"
    return (
        f"{each.change} {code(each.path)} by {code(task.id)} ({each.kind}: {WHY[each.kind]}), "
        f"{word}{nested(map(inline, each.details))}"
    )


def _receipt(work: WorkReceipt) -> str:
    of = f" ({work.work})" if work.work else ""
    below = [
        f"{code(each.path)}: {_hunks(each.hunks)} {each.fate} by {inline(each.by)}: "
        f"{inline(each.why)}"
        for each in work.replaced
    ]
    return f"{code(work.task_id)}{of}: {_hunks(work.present)} present{nested(below)}"


def _hunks(number: int) -> str:
    return "1 hunk" if number == 1 else f"{number} hunks"


def _compared(run: Run, last: VerificationRound) -> Iterator[str]:
    baseline = {each.command: each for each in run.baseline_commands}
    for each in last.commands:
        worse = each.command in last.regressed_commands
        yield _command(each, baseline.get(each.command), worse)


def _new_failures(run: Run) -> Iterator[str]:
    for each in run.verification_rounds:
        for failure in distinct_failures(each):
            yield f"round {each.round}: {explained(each, failure)}"


def _listed(heading: str, lines: Iterable[str]) -> str:
    listed = bullets(lines, "")
    return f"{heading}\n\n{listed}" if listed else ""


def _command(
    result: CommandResult, before: CommandResult | None = None, worse: bool = False
) -> str:
    compared = f" (baseline: {result_of(before)})" if before else ""
    cut = ", output cut" if result.truncated else ""
    return (
        f"{code(result.command)}: {'REGRESSED, ' if worse else ''}{result_of(result)}{compared}, "
        f"{result.duration_seconds:.1f}s, {code(result.output_path)}{cut}"
    )


def _change(change: FileChange) -> str:
    source = f" from {code(change.old_path)}" if change.old_path else ""
    return (
        f"{change.kind} {code(change.path)}{source} +{change.added_lines} -{change.deleted_lines}"
    )


def _usage_cells(usage: Usage) -> str:
    counts = (usage.turns, usage.input_tokens, usage.output_tokens, usage.cached_tokens)
    return " | ".join((*map(str, counts), money(usage.cost_usd)))
