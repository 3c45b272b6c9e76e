"""``failure-attribution.md``: every new failure of the build gate, its cause, and who says so."""

from typing import Final

from ..policy.culprits import distinct_failures
from ..state.durable import write_text_atomic
from ..state.judgements import Explanation, VerificationRound
from ..state.records import Run
from ..state.work import BuildFailure
from .markdown import bullets, code, inline, nested, section
from .ports import Ports
from .report_words import place

ATTRIBUTION_FILE: Final = "failure-attribution.md"


def write_attribution(ports: Ports, run: Run) -> None:
    """Write the file into the run's folder, whole."""
    text = ports.redactor.text(render_attribution(run))
    write_text_atomic(ports.folder / ATTRIBUTION_FILE, text)


def render_attribution(run: Run) -> str:
    """The file's text; a pure function of the document."""
    rounds = [each for each in run.verification_rounds if each.new_failures]
    parts = [f"# Failures of the build gate: {code(run.name)}", *map(_round, rounds)]
    return "\n\n".join(parts) + "\n"


def explained(record: VerificationRound, failure: BuildFailure) -> str:
    """One failure with its cause, as a list item."""
    where = f"{place(failure.file, failure.line)}: " if failure.file else ""
    head = f"{code(failure.id)} {where}{inline(failure.message)}"
    below = [f"in {code(failure.command)}"] if failure.command else []
    found = next((each for each in record.explanations if each.failure_id == failure.id), None)
    below += _cause(found) if found else ["its cause was not looked for"]
    return f"{head}{nested(below)}"


def _round(record: VerificationRound) -> str:
    failures = distinct_failures(record)
    rebuilt = (
        f"Repairs were integrated; what changed starts at level {record.rebuild_from_level}."
        if record.rebuild_from_level is not None
        else "No repair was integrated in this round."
    )
    return section(
        f"Round {record.round}",
        f"{inline(record.reason)}",
        bullets((explained(record, each) for each in failures), ""),
        rebuilt,
    )


def _cause(found: Explanation) -> list[str]:
    tasks = f": {', '.join(map(code, found.task_ids))}" if found.task_ids else ""
    return [f"cause, by {found.by}: {found.cause}{tasks}", inline(found.reason)]
