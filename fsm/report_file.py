"""Writing the report: ``report.html`` and, after it, ``report.md``; both say the same.

Whoever finds ``report.md`` finds the page beside it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from ..policy.comparison import gate_diff
from ..state.durable import write_text_atomic
from ..state.errors import GitError
from ..state.records import Run
from ..state.redact import Redactor
from .builds import outputs_of, roots
from .page.facts import Facts, facts_of, pieces_of
from .page.render import ROOMS, render_page
from .ports import Ports
from .report import render_report

REPORT = "report.md"
PAGE = "report.html"
MAX_PATCH: Final = ROOMS[0].block  # characters of one; the page never shows more


class Patches(Protocol):
    """Where the patches of a run come from."""

    def tip(self, ref: str) -> str | None:
        """Where a full ref name points; null when it does not exist."""
        ...

    def patch(self, commit: str) -> str:
        """A commit as a patch; raises GitError."""
        ...


def write_report(run: Run, ports: Ports) -> Path:
    """Render a run and put its report into place by rename; returns the path of ``report.md``."""
    facts = gather(
        run,
        ports.repository,
        difference=difference(run, ports.folder),
        now=ports.clock.now(),
        redact=ports.redactor,
    )
    return put_report(ports.folder, facts, ports.redactor)


def put_report(folder: Path, facts: Facts, redact: Redactor) -> Path:
    """Write both files of a report; returns the path of ``report.md``."""
    for name, render in RENDERINGS.items():
        write_text_atomic(folder / name, redact.text(render(facts)))
    return folder / REPORT


def gather(run: Run, patches: Patches, *, difference: str, now: str, redact: Redactor) -> Facts:
    """The facts of a report; ``now`` ends the duration.

    Secrets go before anything is escaped: afterwards they would not be recognised.
    """
    found = _patches(run, patches)
    return facts_of(
        run,
        gate_diff=redact.text(difference),
        patches={ref: redact.text(patch) for ref, patch in found.items()},
        now=now,
    )


def difference(run: Run, folder: Path) -> str:
    """How the last final build printed differently from the baseline, as a bounded diff."""
    if not run.verification_rounds or not run.baseline_commands:
        return ""
    places = roots(run, folder)
    return gate_diff(
        outputs_of(folder, run.baseline_commands, places),
        outputs_of(folder, run.verification_rounds[-1].commands, places),
    )


def as_markdown(facts: Facts) -> str:
    """The report as ``report.md`` has it."""
    return render_report(facts.run, gate_diff=facts.gate_diff, now=facts.now)


RENDERINGS: Final[Mapping[str, Callable[[Facts], str]]] = {PAGE: render_page, REPORT: as_markdown}


def _patches(run: Run, source: Patches) -> Mapping[str, str]:
    found = dict[str, str]()
    for task in run.tasks:
        for piece in pieces_of(task):
            found[piece.ref] = _patch(piece.ref, source)[:MAX_PATCH]
    return found


def _patch(ref: str, source: Patches) -> str:
    try:
        commit = source.tip(ref) if ref.startswith("refs/") else ref
        text = "" if commit is None else source.patch(commit)
    except GitError as error:  # a report of a damaged store is wanted most of all
        return f"It could not be read: {error}"
    _, start, patch = text.partition("diff --git ")  # after the message, which the task has
    return start + patch
