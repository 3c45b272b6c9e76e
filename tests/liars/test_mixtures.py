"""Any mixture of honest and lying agents over any small plan: a ``done`` is always true."""

import tempfile
from pathlib import Path

from attrs import define, field, frozen
from fakes.casting import (
    Cast,
    Seat,
    Turns,
    a_task,
    blocking,
    called,
    honest,
    submitted,
    verdict,
    wrote,
)
from fakes.liars import CRITICS, FIX_AGENTS, GATE_CRITICS, IMPLEMENTERS, LIMITS, Liar
from fakes.proof import failing, falsehoods, lies_in
from fakes.run_harness import Place, git
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from dispatch.agents.scripted.script import Reply
from dispatch.state.enums import AttemptOutcome, RunStatus, TaskStatus, Verb
from dispatch.state.judgements import Answer, Escalation
from dispatch.state.records import PlannedTask

NAMES = ("ash", "elm", "fir", "oak")
SHARED = "both.txt"
# Those that can be told; what ends by time or takes megabytes is tried alone.
TOLD = [each for each in IMPLEMENTERS if each.undo and "oversized" not in each.name]
MOST_TURNS = 600
PREFERRED = (Verb.ACCEPT_WITH_NOTE, Verb.FAIL_TASK, Verb.ABORT)


@frozen(kw_only=True)
class Part:
    """How one agent behaves; ``lies`` says that it never does what it claims."""

    name: str
    turns: Turns
    lies: bool = False


@define
class Opinionated:
    """An operator who takes the first of his words that is allowed."""

    words: tuple[Verb, ...]
    asked: list[Escalation] = field(factory=list)

    def announce(self, escalation: Escalation) -> None:
        """Remember a question."""
        self.asked.append(escalation)

    async def answer(self, escalation: Escalation) -> Answer:
        """The first word that is allowed."""
        word = next(each for each in self.words if each in escalation.allowed)
        return Answer(verb=word, at="2026-01-01T00:00:00.000Z", by="script")

    def settle(self, escalation: Escalation) -> None:
        """Nothing is left of a question."""

    def notice(self, text: str) -> None:
        """Nothing is to be done."""


def _shares(seat: Seat) -> tuple[Reply, ...]:
    """Honest work that clashes with everybody's who does the same."""
    own, both = (wrote(path, f"{seat.name}\n") for path in (seat.file, SHARED))
    return (called(own, both, submitted(seat.file, SHARED)),)


def _blocks_once(seat: Seat) -> tuple[Reply, ...]:
    found = ("amend", blocking()) if seat.round == 1 else ("pass",)
    return (called(verdict(seat, *found)),)


def _stubborn(liar: Liar) -> Part:
    return Part(name=liar.name, turns=liar.lies, lies=True)


def _repentant(liar: Liar) -> Part:
    return Part(name=f"{liar.name}, told", turns=liar.repents)


HONEST = Part(name="honest", turns=honest)
WORKERS = st.one_of(
    st.just(HONEST),
    st.just(Part(name="shares a file", turns=_shares)),
    st.sampled_from(TOLD).map(_repentant),
    st.sampled_from(TOLD).map(_stubborn),
)
REVIEWERS = st.one_of(
    st.just(HONEST),
    st.just(Part(name="blocks once", turns=_blocks_once)),
    st.sampled_from(CRITICS).map(_repentant),
)
JUDGES = st.one_of(st.just(HONEST), st.sampled_from(GATE_CRITICS).map(_repentant))
MENDERS = st.one_of(
    st.just(HONEST),
    st.sampled_from(FIX_AGENTS).map(_repentant),
    st.sampled_from(FIX_AGENTS).map(_stubborn),
)


@st.composite
def plans(draw: st.DrawFn) -> tuple[PlannedTask, ...]:
    """One to four tasks; each may depend on any that come before it."""
    names = NAMES[: draw(st.integers(1, len(NAMES)))]
    return tuple(
        a_task(name, *sorted(draw(st.sets(st.sampled_from(names[:place]))) if place else ()))
        for place, name in enumerate(names)
    )


@settings(max_examples=10)
@given(
    plan=plans(),
    workers=st.lists(WORKERS, min_size=4, max_size=4),
    reviewers=st.lists(REVIEWERS, min_size=4, max_size=4),
    judge=JUDGES,
    mender=MENDERS,
    words=st.permutations(PREFERRED),
)
def test_a_run_that_is_done_has_done_what_it_says(
    plan: tuple[PlannedTask, ...],
    workers: list[Part],
    reviewers: list[Part],
    judge: Part,
    mender: Part,
    words: list[Verb],
) -> None:
    """Accepted trees hold their claims, commands exit 0, no lie is committed, nobody wronged."""
    by_name = dict(zip((task.id for task in plan), workers, strict=False))
    critics = dict(zip((task.id for task in plan), reviewers, strict=False))
    note(f"workers {[each.name for each in by_name.values()]}, mender {mender.name}")

    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder) / "repository", operator=Opinionated((*words, Verb.CONTINUE)))
        place.set_up(a__txt="a\n", __gitignore="*.log\n")
        place.config_changes = {"limits": LIMITS}
        parts: dict[str, Turns] = {
            "implementer": lambda seat: by_name[seat.name].turns(seat),
            "critic": lambda seat: critics[seat.name].turns(seat),
            "gateCritic": judge.turns,
            "fixAgent": mender.turns,
        }
        cast = Cast(plan=plan, parts=parts)
        status = place.drive(cast.agents(place))
        event(f"ends as {status}")
        assert len(cast.heard) <= MOST_TURNS
        _check(place, by_name)


def _check(place: Place, parts: dict[str, Part]) -> None:
    run = place.run
    assert falsehoods(place) == []
    branches = git(place.root, "branch", "--list", "--format=%(refname:short)").split()
    if "dispatch/r" in branches:
        assert lies_in(place, "dispatch/r") == []
    for task in run.tasks:
        part = parts[task.id.partition("-")[2]]
        outcomes = {each.outcome for each in task.attempts if each.role == "implementer"}
        if not part.lies:
            assert outcomes <= {AttemptOutcome.OK}, (part.name, outcomes)
        else:
            assert AttemptOutcome.OK not in outcomes
            assert task.status is not TaskStatus.COMPLETED
    if run.status is RunStatus.DONE:
        assert all(task.status is TaskStatus.COMPLETED for task in run.tasks)
        commands = [each for task in run.tasks for each in task.verify_commands]
        assert failing(place.folder / "git", "dispatch/r", commands) == []
