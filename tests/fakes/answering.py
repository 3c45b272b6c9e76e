"""An operator who answers every question at once, through its file; runs compared at the end."""

import io
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from fakes.run_harness import KillingStore, Place, git

from dispatch.state.escalation_file import Reply, write_reply
from dispatch.state.judgements import Escalation
from dispatch.state.operator_channel import OperatorChannel
from dispatch.state.records import Run

NOW = "2026-01-01T00:00:00.000Z"


class AtOnce(OperatorChannel):
    """The real way to the operator, who fills in each question's file as soon as it is there.

    ``edits`` are files that he writes before that, where a question leaves him a worktree.
    """

    def __init__(
        self, folder: Path, answers: Mapping[str, Reply], edits: Mapping[str, str]
    ) -> None:
        super().__init__(folder, stream=io.StringIO(), now=lambda: NOW)
        self._answers = answers
        self._edits = edits

    def announce(self, escalation: Escalation) -> None:
        """Ask, and answer."""
        super().announce(escalation)
        worktree = escalation.details.get("worktree")
        if isinstance(worktree, str):
            for name, text in self._edits.items():
                (Path(worktree) / name).write_text(text, encoding="utf-8")
        other = write_reply(self._folder, escalation, self._answers[escalation.id])
        assert other is None


@define
class Noting(KillingStore):
    """Notes the saves that a question or an edit has to do with, and the one after each."""

    noted: set[int] = field(factory=set)

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, and look what became of the questions."""
        before = self.run
        after = super().update(change)
        asked = (after.escalations, after.operator_edits)
        is_open = any(each.answer is None for each in after.escalations)
        if asked != (before.escalations, before.operator_edits) or is_open:
            self.noted |= {self.saves, self.saves + 1}
        return after


def a_place(
    folder: Path, answers: Mapping[str, Reply], edits: Mapping[str, str] | None = None
) -> Place:
    """A repository of the user ``Olga``, who answers."""
    place = Place(folder / "repository")
    place.set_up()
    git(place.root, "config", "user.name", "Olga")
    git(place.root, "config", "user.email", "o@e.org")
    place.operator = AtOnce(place.folder, answers, edits or {})
    return place


def comparable(place: Place) -> str:
    """A document without what a kill may change: times, attempts, where output lies."""

    def task(each: Any) -> Any:
        evidence = each.evidence and evolve(each.evidence, commands=())
        fixes = tuple(evolve(fix, evidence=evolve(fix.evidence, commands=())) for fix in each.fixes)
        failure = each.failure and evolve(each.failure, at="")
        return evolve(each, attempts=(), evidence=evidence, fixes=fixes, failure=failure)

    run: Run = place.run
    run = evolve(
        run,
        created_at="",
        attempts=(),
        usage={},
        baseline_commands=(),
        failure=run.failure and evolve(run.failure, at=""),
        verification_rounds=tuple(evolve(each, commands=()) for each in run.verification_rounds),
        history=tuple(evolve(each, at="") for each in run.history),
        escalations=tuple(
            evolve(each, created_at="") for each in sorted(run.escalations, key=lambda e: e.id)
        ),
        tasks=tuple(map(task, run.tasks)),
    )
    return repr(run).replace(str(place.root), "<root>")


def paid(run: Run) -> Counter[str]:
    """How often agents came to an end, by what they were asked."""
    attempts = (*run.attempts, *(each for task in run.tasks for each in task.attempts))
    return Counter(each.id.rpartition(".")[0] for each in attempts if each.outcome == "ok")
