"""The machine: a run that is killed again and again, against the same run that never was."""

import os
import tempfile
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from typing import Any, ClassVar

from attrs import frozen
from fakes.mortal_run import MortalRun, Wrap, result_of
from fakes.story import Story
from fuzz.run_invariants import agents_at_work, check_all, requests_served
from fuzz.story_strategies import kills, stories
from hypothesis import event, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dispatch.state.enums import Isolation


@frozen
class Straight:
    """What a run comes to that is never killed, and how many effects of each kind it has."""

    result: dict[str, Any]
    counts: dict[str, int]
    served: int


class Resuming(RuleBasedStateMachine):
    """Kills in any start, also in the recovery from a kill; the end is the straight run's.

    ``wrap`` is put around the ports of the run that is killed: it plants what must be found.
    """

    wrap: ClassVar[Wrap] = staticmethod(lambda ports: ports)
    told: ClassVar[st.SearchStrategy[Story]] = stories()

    def __init__(self) -> None:
        super().__init__()
        self.folder = scratch()
        self.is_sound = True

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Tell the story straight, and set up a run of it to be killed."""
        story = data.draw(self.told, label="story")
        self.is_sound = False
        self.straight = straight(story)
        self.mortal = MortalRun(self.folder, story, type(self).wrap)
        self.mortal.set_up()
        self.may_be_lost = 0
        self.is_sound = True
        event(f"straight: {self.straight.result['status']}")

    @precondition(lambda self: not self.mortal.is_over)
    @rule(data=st.data())
    def be_killed(self, data: st.DataObject) -> None:
        """Start it, and kill it at an effect, if it gets there."""
        kill = data.draw(kills(self.straight.counts), label="kill")
        self._start(kill)

    @precondition(lambda self: not self.mortal.is_over)
    @rule()
    def go_on(self) -> None:
        """Start it, and let it be."""
        self._start(None)

    @precondition(lambda self: self.mortal.is_over)
    @rule()
    def start_what_is_over(self) -> None:
        """Not a byte of the document moves."""
        document = self.mortal.place.folder / "run-state.yaml"
        before = document.read_bytes()
        self._start(None)
        assert document.read_bytes() == before

    @invariant()
    def holds(self) -> None:
        """Everything that must hold at any moment."""
        if hasattr(self, "mortal") and self.is_sound:
            self.is_sound = False
            check_all(self.mortal)
            self.is_sound = True

    def teardown(self) -> None:
        """Go on to the end, and compare."""
        try:
            if hasattr(self, "mortal") and self.is_sound:
                self.mortal.live()
                check_all(self.mortal)
                check_same(result_of(self.mortal), self.straight.result)
                self._check_turns()
        finally:
            rmtree(self.folder, ignore_errors=True)

    def _check_turns(self) -> None:
        """A kill costs at most one turn of each agent at work; in a shared tree, all of them."""
        if self.mortal.story.isolation is Isolation.TASK:
            assert requests_served(self.mortal) <= self.straight.served + self.may_be_lost

    def _start(self, kill: Any) -> None:
        self.is_sound = False
        end = self.mortal.start(kill)
        self.is_sound = True
        if end == "killed":
            self.may_be_lost += max(1, agents_at_work(self.mortal))
        where = list(self.mortal.witness.told("killed"))[-1] if end == "killed" else ""
        note(f"{end} {where}")
        event(f"{end} {kill.effect if end == 'killed' and kill else ''}")


def scratch() -> Path:
    """A new folder: in memory if possible, for what only a power cut takes is not tested here."""
    memory = Path("/dev/shm")
    where = memory if os.access(memory, os.W_OK) else None
    return Path(tempfile.mkdtemp(prefix="dispatch-fuzz-", dir=where))


def check_same(mine: dict[str, Any], straight: dict[str, Any]) -> None:
    """Part by part, so that a difference is small enough to read."""
    for part, wanted in straight.items():
        found = _differences(mine[part], wanted, part)
        assert not found, "\n".join(found)


@lru_cache(maxsize=256)
def straight(story: Story) -> Straight:
    """The story told once without a kill."""
    folder = scratch()
    try:
        mortal = MortalRun(folder, story)
        mortal.set_up()
        mortal.live()
        check_all(mortal)
        counts: dict[str, int] = {}
        for effects in mortal.witness.told("effects"):
            counts = {key: max(counts.get(key, 0), count) for key, count in effects.items()}
        return Straight(result_of(mortal), counts, requests_served(mortal))
    finally:
        rmtree(folder, ignore_errors=True)


def _differences(mine: Any, wanted: Any, where: str) -> list[str]:
    if isinstance(mine, dict) and isinstance(wanted, dict):
        keys = sorted({*mine, *wanted})
        return [
            line
            for key in keys
            for line in _differences(mine.get(key), wanted.get(key), f"{where}.{key}")
        ]
    if isinstance(mine, list) and isinstance(wanted, list) and len(mine) == len(wanted):
        pairs = enumerate(zip(mine, wanted, strict=True))
        return [line for n, pair in pairs for line in _differences(*pair, f"{where}[{n}]")]
    return [] if mine == wanted else [f"{where}: {mine!r} instead of {wanted!r}"]
