"""The accounts of attempts at work: each request is in the document before it is made.

What a request may use at most is reserved in a save of its own and settled when it is over, so that
a kill at any moment leaves the account no lower than what was spent, and so that one attempt
never holds more than its next turn: the others share what is left, turn by turn.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from attrs import define, evolve

from ..policy.ledger import refusal, scopes, seconds_left
from ..policy.usage import add
from ..state.enums import AttemptOutcome
from ..state.jobs import Result
from ..state.records import Run
from ..state.refusals import Refusal
from ..state.work import Attempt, Usage
from .fold import attempts_of, change_attempt
from .parallel import place_given_up
from .ports import Ports


@define(eq=False)
class AttemptPurse:
    """The purse of one attempt; ``refused`` is the answer that ended it."""

    ports: Ports
    task_id: str | None
    attempt_id: str
    refused: Refusal | None = None

    async def reserve(self, worst: Usage) -> Refusal | None:
        """Record what a request may use; see ``state.jobs.Purse``."""
        under_way = self.ports.under_way
        while True:
            found = scopes(self.ports.store.run, self.task_id, self.ports.worked())
            if refusal(found, worst, reserved=True) is None:
                break
            # What siblings hold comes back when their requests are over, mostly in full.
            self.refused = refusal(found, worst, reserved=under_way.is_empty())
            if self.refused is not None:
                return self.refused
            await under_way.one_over()
        self._change(lambda attempt: evolve(attempt, unsettled=_plus(attempt.unsettled, worst)))
        under_way.begin(self.attempt_id)
        return None

    def settle(self, usage: Usage, unsettled: Usage | None, seconds: float) -> None:
        """Record what was really used."""
        try:
            self._change(
                lambda attempt: evolve(
                    attempt, usage=usage, unsettled=unsettled, active_seconds=seconds
                )
            )
        finally:  # whoever waits must not wait for a process that cannot save
            self.ports.under_way.end(self.attempt_id)

    def report(self, usage: Usage, unsettled: Usage | None, seconds: float) -> Refusal | None:
        """Record what a request that goes on has used, and say which cap it has reached."""
        self._change(
            lambda attempt: evolve(
                attempt, usage=usage, unsettled=unsettled, active_seconds=seconds
            )
        )
        found = scopes(self.ports.store.run, self.task_id, self.ports.worked())
        self.refused = refusal(found)
        return self.refused

    def began(self, session: str) -> None:
        """Record the session by which the attempt can be gone on with."""
        self._change(lambda attempt: evolve(attempt, session_id=session))

    def seconds_left(self, worked: float) -> float:
        """By the caps on wall time of the task and the run."""
        recorded = sum(
            each.active_seconds
            for each in attempts_of(self.ports.store.run, self.task_id)
            if each.id == self.attempt_id
        )
        run, seconds = self.ports.store.run, self.ports.worked()
        return seconds_left(scopes(run, self.task_id, seconds, worked - recorded))

    def waiting(self) -> AbstractAsyncContextManager[None]:
        """A sibling gets the place meanwhile."""
        return place_given_up()

    def refusal_of(self, result: Result[Any]) -> Refusal | None:
        """The cap of the task or the run for which the attempt ended; null: it ended by itself."""
        if result.value is not None:
            return None
        if self.refused is None and result.outcome is AttemptOutcome.TIME_LIMIT:
            return refusal(scopes(self.ports.store.run, self.task_id, self.ports.worked()))
        return self.refused

    def _change(self, change: Callable[[Attempt], Attempt]) -> None:
        def changed(run: Run) -> Run:
            return change_attempt(run, self.task_id, self.attempt_id, change)

        self.ports.store.update(changed)


def _plus(one: Usage | None, other: Usage) -> Usage:
    return other if one is None else add(one, other)
