"""An operator who reads plans: she may change the file first, then answers as she was told to."""

from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from dispatch.state.errors import WaitingForOperator
from dispatch.state.judgements import Answer, Escalation


@define
class Una:
    """Answers with the next verb and note; where there is none left, nobody waits for her."""

    answers: list[tuple[str, str]] = field(factory=list)
    edit: Callable[[Path], None] | None = None  # of the plan's file, at each question
    asked: list[str] = field(factory=list)

    def announce(self, escalation: Escalation) -> None:
        """Remember the question."""
        self.asked.append(escalation.id)

    async def answer(self, escalation: Escalation) -> Answer:
        """The next answer."""
        if self.edit is not None:
            self.edit(Path(str(escalation.details["plan"])))
        if not self.answers:
            raise WaitingForOperator(escalation.question)
        verb, note = self.answers.pop(0)
        return Answer(verb=verb, note=note, at="2026-01-01T00:00:00.000Z", by="una")

    def settle(self, escalation: Escalation) -> None:
        """Nothing is left of it."""

    def notice(self, text: str) -> None:
        """Nothing is told."""
