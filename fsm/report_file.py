"""Writing ``report.md``: the document as a page, with the difference of the build gate's output."""

from pathlib import Path

from ..policy.comparison import gate_diff
from ..state.durable import write_text_atomic
from ..state.records import Run
from .builds import outputs_of, roots
from .ports import Ports
from .report import render_report

REPORT = "report.md"


def write_report(run: Run, ports: Ports) -> Path:
    """Render a run and put its report into place by rename; returns the path."""
    path = ports.folder / REPORT
    text = render_report(run, gate_diff=difference(run, ports.folder), now=ports.clock.now())
    write_text_atomic(path, ports.redactor.text(text))
    return path


def difference(run: Run, folder: Path) -> str:
    """How the last final build printed differently from the baseline, as a bounded diff."""
    if not run.verification_rounds or not run.baseline_commands:
        return ""
    places = roots(run, folder)
    return gate_diff(
        outputs_of(folder, run.baseline_commands, places),
        outputs_of(folder, run.verification_rounds[-1].commands, places),
    )
