"""The report of a run as Markdown: a pure function of the document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ..state.enums import RunStatus, SandboxTier
from ..state.hubs import Receipt
from ..state.judgements import Decision, Escalation, Finding
from ..state.records import Run, Task
from ..state.work import Deviation, UserChange
from .budget_words import budget_lines
from .markdown import block, bullets, code, inline, nested, section
from .next_steps import next_steps
from .report_evidence import (
    attempt_line,
    attempts_of,
    evidence_of,
    executable_section,
    provenance,
    receipts,
    usage_table,
    verification,
)
from .report_races import races_section
from .report_routes import routing_section
from .report_words import duration, place

# Where a run keeps things, relative to its folder; shown to the reader, not used to find them.
PLACES: Final[Mapping[str, str]] = {
    "this report as a page with pictures": "report.html",
    "worktrees": "worktrees/",
    "attempts (seed, transcript, result of each agent)": "attempts/",
    "output of each command": "builds/",
    "each accepted hunk and what became of it": "receipts/",
    "document": "run-state.yaml",
    "events": "events.jsonl",
}


def render_report(run: Run, *, gate_diff: str, now: str) -> str:
    """The whole report, ending in a newline.

    ``gate_diff`` is the difference between the baseline's and the last output of the build gate;
    ``now`` (ISO-8601) ends the duration.  Raises DocumentError for a time that is none.
    """
    parts = (
        f"# Dispatch report: {code(run.name)}",
        _summary(run, now),
        _failure(run),
        section("What to do next", bullets((inline(step) for step in next_steps(run)), "")),
        section(
            "Tasks",
            bullets((_task(task, run.receipts) for task in run.tasks), "(no tasks materialized)"),
        ),
        section("Rounds", _rounds(run)),
        section("Commits", _commits(run)),
        section("Receipts", *receipts(run)),
        section("Verification", *verification(run, gate_diff)),
        section("Plan", *_plan(run)),
        section("Deviations", bullets(_deviations(run), "(none declared)")),
        executable_section(run),
        section("Findings", bullets(_findings(run), "(none)")),
        section("Escalations", bullets(map(_escalation, run.escalations), "(none)")),
        section("Evidence", bullets(map(evidence_of, run.tasks), "(no submissions)")),
        section(
            "Attempts", bullets(map(attempt_line, attempts_of(run)), "(no agents were started)")
        ),
        _user_changes(run),
        races_section(run),
        routing_section(run),
        section("Tokens and cost", usage_table(run), bullets(map(inline, budget_lines(run)), "")),
        section("Provenance", provenance(run)),
        section("Where things are", _places(run)),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _summary(run: Run, now: str) -> str:
    lines = [
        f"Status: {run.status}",
        f"Spec: {code(run.spec_path)}",
        f"Integration branch: {code(run.integration_branch)}",
        f"Started: {inline(run.created_at)}",
        f"Duration: {duration(run.created_at, now)}",
    ]
    if run.paused:
        lines.append(f"Paused: {inline(run.paused)}")
    if any(each.tier is SandboxTier.NONE for each in run.sandboxes):
        lines.append("Sandbox: none; commands of agents and of the build gate ran unconfined")
    return bullets(lines, "")


def _failure(run: Run) -> str:
    if run.failure is None or run.status is not RunStatus.FAILED:
        return ""
    of = f", task {code(run.failure.task_id)}" if run.failure.task_id else ""
    return section(
        "Failure",
        f"It failed while {inline(run.failure.state)}{of} ({run.failure.kind}), "
        f"{inline(run.failure.at)}:",
        block(run.failure.message, "text"),
    )


def _task(task: Task, receipts: Sequence[Receipt]) -> str:
    commit = code(task.commit_sha) if task.commit_sha else "(no commit)"
    below = [inline(task.objective)]
    if task.depends_on:
        below.append(f"after {', '.join(map(code, task.depends_on))}")
    if task.failure is not None:
        below.append(f"failed ({task.failure.kind}): {inline(task.failure.message)}")
    if task.rescue_ref:
        look = f"git log -p -1 {task.rescue_ref}"
        below.append(f"its work is kept under {code(task.rescue_ref)}; to look at it: {code(look)}")
    below += _work_done(task, receipts)
    if task.output is not None and task.output.notes:
        below.append(f"notes: {inline(task.output.notes)}")
    return f"{code(task.id)} [L{task.level}] {task.status} {commit}{nested(below)}"


def _work_done(task: Task, receipts: Sequence[Receipt]) -> Iterator[str]:
    """What became of a task's accepted lines, and its repairs."""
    found = [work for each in receipts for work in each.work if work.task_id == task.id]
    if task.superseded_paths:
        paths = ", ".join(map(code, task.superseded_paths))
        yield f"lines were superseded by a resolved conflict or a sibling's repair, in: {paths}"
    elif found and not any(work.replaced for work in found):
        yield "every accepted line is in its commits"
    for each in task.restarts:
        yield (
            f"made again after its siblings' work in {', '.join(map(code, each.paths))}, which is "
            f"serialised; what it did before is kept under {code(each.ref)}"
        )
    for fix in task.fixes:
        where = f" in {code(fix.commit_sha)}" if fix.commit_sha else ""
        yield f"repaired ({fix.source}, round {fix.round}){where}: {inline(fix.output.summary)}"


def _rounds(run: Run) -> str:
    amendments = sum(task.amendment_rounds_total for task in run.tasks)
    fixes = sum(task.verification_fix_rounds_total for task in run.tasks)
    return bullets(
        (
            f"Amendment rounds: {amendments}",
            f"Verification fix rounds: {fixes}",
            f"Gate verdicts: {len(run.gate_verdicts)}",
        ),
        "",
    )


def _commits(run: Run) -> str:
    landed = (
        (task.id, commit)
        for task in run.tasks
        for commit in (task.commit_sha, *(fix.commit_sha for fix in task.fixes))
        if commit is not None
    )
    edits = (
        f"{inline(edit.by)} (answer to {code(edit.escalation_id)}): {code(edit.commit_sha)}"
        + nested(
            f"lines were superseded by a later repair, in: {code(path)}"
            for path in edit.superseded_paths
        )
        for edit in run.operator_edits
        if edit.commit_sha is not None
    )
    return bullets(
        (*(f"{code(task_id)}: {code(commit)}" for task_id, commit in landed), *edits),
        "(no commits landed)",
    )


def _plan(run: Run) -> Iterator[str]:
    levels = max((task.level for task in run.tasks), default=0)
    yield f"Levels: {levels}"
    if run.plan_refusals:
        yield "Plans that were sent back:"
        yield bullets(
            (
                f"round {each.round}{nested(map(inline, each.reasons))}"
                for each in run.plan_refusals
            ),
            "",
        )
    if run.level_boundaries:
        yield "The commit before each level:"
        order = sorted(run.level_boundaries.items(), key=lambda item: int(item[0]))
        yield bullets(
            (
                f"{f'level {level}' if int(level) <= levels else 'after the last'}: {code(commit)}"
                for level, commit in order
            ),
            "",
        )


def _deviations(run: Run) -> Iterator[str]:
    for task in run.tasks:
        decisions = {each.deviation_id: each for each in task.decisions}
        for deviation in task.output.deviations if task.output else ():
            yield _deviation(deviation, decisions.get(deviation.id))


def _deviation(deviation: Deviation, decision: Decision | None) -> str:
    below = [f"files: {', '.join(map(code, deviation.affected_files)) or '(none named)'}"]
    if decision is None:
        below.append("not decided")
    else:
        below.append(f"by the rule for {deviation.severity}: {decision.initial}")
        if decision.greybeard is not None:
            ruling = decision.greybeard
            below.append(f"greybeard: {ruling.verdict}: {inline(ruling.rationale)}")
        if decision.operator_answer is not None:
            below.append(f"operator: {inline(decision.operator_answer)}")
        below.append(f"outcome: {decision.outcome}: {inline(decision.reason)}")
    head = f"{code(deviation.id)} {deviation.severity}, {deviation.category}"
    return f"{head}: {inline(deviation.description)}{nested(below)}"


def _findings(run: Run) -> Iterator[str]:
    for task in run.tasks:
        for verdict in task.critique_verdicts:
            yield (
                f"{code(task.id)}, critic, round {verdict.round}: {verdict.status}"
                f"{nested(map(_finding, verdict.findings))}"
            )
    for gate in run.gate_verdicts:
        yield f"level {gate.level}, gate critic, round {gate.round}: {gate.status}" + nested(
            f"{code(task_id)} {each.status}"
            + "".join(f"; {_finding(one)}" for one in each.findings)
            for task_id, each in sorted(gate.per_task.items())
        )


def _finding(finding: Finding) -> str:
    line = finding.line_range[0] if finding.line_range else None
    where = f" {place(finding.file_path, line)}" if finding.file_path else ""
    return f"{finding.severity} {code(finding.id)}{where}: {inline(finding.description)}"


def _escalation(question: Escalation) -> str:
    below = [
        f"why: {inline(question.reason)}",
        f"asked while {question.state}, {inline(question.created_at)}",
    ]
    if question.answer is None:
        below.append(f"OPEN; allowed answers: {', '.join(map(code, question.allowed))}")
    else:
        answer = question.answer
        note = f" ({inline(answer.note)})" if answer.note else ""
        below.append(f"{inline(answer.by)} answered {code(answer.verb)}{note}, {inline(answer.at)}")
    of = f", task {code(question.task_id)}" if question.task_id else ""
    return f"{code(question.id)}{of}: {inline(question.question)}{nested(below)}"


def _user_changes(run: Run) -> str:
    if not run.user_changes:
        return ""
    return section("Changes in your repository", bullets(map(_user_change, run.user_changes), ""))


def _user_change(change: UserChange) -> str:
    what = "which failed for it" if change.failed else "which is not held responsible"
    told = (*change.programs, *change.others)
    return f"while {code(change.attempt_id)} was at work, {what}:{nested(map(inline, told))}"


def _places(run: Run) -> str:
    folder = f"{run.target_repo_path}/dispatch/{run.name}"
    trees = sorted({task.worktree_path for task in run.tasks if task.worktree_path})
    return bullets(
        (
            *(f"{what}: {code(f'{folder}/{path}')}" for what, path in PLACES.items()),
            *(f"worktree: {code(path)}" for path in trees),
        ),
        "",
    )
