"""The title and text of a pull request for a run that is done: what a reviewer wants to know.

Words of agents are text in it and nothing else: they mention nobody, close no issue, link
nowhere, and sign nothing off.  Who assisted is said in trailers; signing off is for people.
"""

import re
from collections.abc import Iterator
from typing import Final

from ..state.clean_text import clean
from ..state.enums import AttemptOutcome, FindingSeverity
from ..state.records import Run, Task
from .markdown import bullets, code, inline, nested, section
from .report_evidence import attempts_of, executable_section, usage_table
from .report_words import result_of

MAX_TITLE: Final = 120
MAX_BODY: Final = 60_000  # characters; GitHub takes 65,536
_CUT: Final = "\n\n(cut: the report of the run has the rest)\n"
_HEADING: Final = re.compile(r"#{1,6}[ \t]+(\S.*)")
# A character that is not seen, behind what a forge would take for a mention, an issue or a link.
_BREAKS: Final = re.compile(r"([@#]|:(?=//)|\bGH(?=-))", re.IGNORECASE)


def title_of(run: Run, spec_text: str) -> str:
    """The first heading of the spec, or the run's name."""
    for line in clean(spec_text).splitlines():
        heading = _HEADING.fullmatch(line.strip())
        if heading is not None:
            return _cut(heading[1].strip().rstrip("#").strip())
    return f"dispatch: {run.name}"


def body_of(run: Run) -> str:
    """The text, in Markdown, ending in the trailers."""
    parts = (
        section("What was done", bullets((_task(task) for task in run.tasks), "(nothing)")),
        section("Verified", *_verified(run)),
        executable_section(run),
        section("Deviations from the plan", bullets(_deviations(run), "(none)")),
        section("Findings of reviewers that remain", bullets(_advice(run), "(none)")),
        section("Tokens and cost", usage_table(run)),
    )
    text = _quiet("\n\n".join(part for part in parts if part))
    if len(text) > MAX_BODY:
        text = text[:MAX_BODY].rpartition("\n")[0] + _CUT
    return f"{text}\n\n{_trailers(run)}\n"


def _task(task: Task) -> str:
    commits = [task.commit_sha, *(fix.commit_sha for fix in task.fixes)]
    found = ", ".join(code(commit[:12]) for commit in commits if commit)
    below = [inline(task.output.summary)] if task.output else []
    if task.failure is not None:
        below.append(f"failed: {inline(task.failure.message)}")
    return f"{code(task.id)}: {inline(task.objective)} ({found or 'no commit'}){nested(below)}"


def _verified(run: Run) -> Iterator[str]:
    why = f": {inline(run.verification_mode_rationale)}" if run.verification_mode_rationale else ""
    yield f"Compared by {run.verification_mode}{why}"
    if run.skip_baseline:
        yield "The baseline was skipped on request: nothing was compared."
    if not run.verification_rounds:
        yield "No verification round ran."
        return
    last = run.verification_rounds[-1]
    before = {each.command: result_of(each) for each in run.baseline_commands}
    yield bullets(
        (
            f"{code(each.command)}: {result_of(each)}"
            + (f", before {before[each.command]}" if each.command in before else "")
            for each in last.commands
        ),
        "(no commands)",
    )
    yield f"Outcome: {last.outcome}; new failures: {len(last.new_failures)}"


def _deviations(run: Run) -> Iterator[str]:
    for task in run.tasks:
        decided = {each.deviation_id: each.outcome for each in task.decisions}
        for each in task.output.deviations if task.output else ():
            outcome = decided.get(each.id, "not decided")
            yield f"{code(task.id)}, {each.severity}, {outcome}: {inline(each.description)}"


def _advice(run: Run) -> Iterator[str]:
    """What the last round of each reviewer advised without blocking."""
    for task in run.tasks:
        for each in task.critique_verdicts[-1].findings if task.critique_verdicts else ():
            if each.severity is FindingSeverity.ADVISORY:
                where = f"{code(each.file_path)}: " if each.file_path else ""
                yield f"{code(task.id)}: {where}{inline(each.description)}"


def _trailers(run: Run) -> str:
    models = {each.model for each in attempts_of(run) if each.outcome is AttemptOutcome.OK}
    names = sorted(" ".join(clean(model).split()) for model in models)
    return "\n".join((f"Dispatch-Run: {run.name}", *(f"Assisted-by: dispatch:{n}" for n in names)))


def _quiet(text: str) -> str:
    """Headings of ours begin with marks, too, and are not touched: they are followed by a space."""
    return "\n".join(
        line if line.startswith("## ") else _BREAKS.sub("\\1\u200b", line)
        for line in text.split("\n")
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1]}…"
