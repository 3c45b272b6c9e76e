"""What a model said is paid for once, however often the run is cut off."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import define, evolve
from fakes.casting import (
    MARKERS,
    Cast,
    Seat,
    a_task,
    blocking,
    called,
    honest,
    shell,
    submitted,
    verdict,
)
from fakes.casting import wrote as writes
from fakes.run_harness import Killed, Place, comparable, git
from fakes.thoroughness import some

from dispatch.agents.loop import MAX_REMINDERS
from dispatch.agents.scripted.script import Call, Reply, Request
from dispatch.fsm.engine import drive
from dispatch.state.config import Caps
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import AttemptOutcome, Isolation, Role, RunStatus
from dispatch.state.errors import BudgetSpent, ProviderStopped
from dispatch.state.records import Run
from dispatch.state.work import Attempt


def slow(seat: Seat) -> tuple[Reply, ...]:
    """An implementer who takes four turns."""
    return (
        called(writes(seat.file, "begun\n")),
        called(shell(f"echo more >> {seat.file}")),
        called(shell(f"echo {seat.name} > {seat.file}")),
        called(submitted(seat.file)),
    )


def strict(seat: Seat) -> tuple[Reply, ...]:
    """A critic who sends a task back once, after a look."""
    look = called(Call(name="read_file", arguments={"path": seat.file}), text="Let me see.")
    if seat.round == 1:
        return (look, called(verdict(seat, "amend", blocking())))
    return (look, *honest(seat))


def cast() -> Cast:
    """Two tasks side by side, of which one takes its time and is sent back once."""
    plan = (a_task("x"), a_task("y"))
    parts = {"implementer 1a-x": slow, "critic 1a-x": strict}
    return Cast(plan=plan, parts=parts)


@define(kw_only=True)
class DyingCast(Cast):
    """Dies at a request, before it is answered or with the answer on its way."""

    dies_at: int = 0
    dead: bool = False

    def reply(self, request: Request) -> Reply:
        """Answer, or die."""
        if self.dead or len(self.heard) + 1 == self.dies_at:
            self.heard.append((Seat.of(request), request))
            self.dead = True
            raise Killed
        return super().reply(request)


@define
class DeadStore:
    """Saves nothing for the dead."""

    inner: DocumentStore
    cast: DyingCast

    @property
    def run(self) -> Run:
        """The document."""
        return self.inner.run

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save, or not."""
        if self.cast.dead:
            raise Killed
        return self.inner.update(change)


def attempts_in(run: Run) -> list[Attempt]:
    """All of them."""
    return [*run.attempts, *(each for task in run.tasks for each in task.attempts)]


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], Place]:
    """Places one after the other, all with the same base commit."""
    first = Place(tmp_path / "first" / "repository")
    first.set_up()

    def make() -> Place:
        root = tmp_path / "again" / "repository"
        shutil.rmtree(root.parent, ignore_errors=True)
        shutil.copytree(first.root, root)
        return Place(root)

    return make


@pytest.fixture
def calm(tmp_path: Path) -> tuple[Place, int]:
    """A run that was never cut off, and how many turns it took."""
    place = Place(tmp_path / "calm" / "repository")
    place.set_up()
    crew = cast()
    assert place.drive(crew.agents(place)) is RunStatus.DONE
    return place, len(crew.heard)


def same(place: Place, calm: Place) -> bool:
    """Whether a run came to the same end."""
    mine, theirs = (
        repr(comparable(each.run)).replace(str(each.root), "") for each in (place, calm)
    )
    branch = "dispatch/r"
    assert git(place.root, "rev-parse", branch) == git(calm.root, "rev-parse", branch)
    assert mine == theirs
    return True


def test_a_kill_at_any_request_costs_one_turn_for_each_agent_at_work(
    fresh: Callable[[], Place], calm: tuple[Place, int]
) -> None:
    quiet, turns = calm
    for number in some(range(1, turns + 1)):
        place = fresh()
        crew = DyingCast(**{each: getattr(cast(), each) for each in ("plan", "parts")})
        crew.dies_at = number
        with pytest.raises((Killed, BaseExceptionGroup)):
            asyncio.run(drive(place.ports(crew.agents(place), DeadStore(place.store(), crew))))
        at_work = sum(each.outcome is None for each in attempts_in(place.run))
        later = cast()
        assert place.drive(later.agents(place)) is RunStatus.DONE
        assert len(crew.heard) + len(later.heard) <= turns + max(1, at_work)
        assert same(place, quiet)
        assert all(each.outcome is not None for each in attempts_in(place.run))


def test_a_kill_at_any_save_costs_one_turn_for_each_agent_at_work(
    fresh: Callable[[], Place], calm: tuple[Place, int]
) -> None:
    quiet, turns = calm
    number, is_over = 1, False
    while not is_over:
        place = fresh()
        crew = cast()
        is_over = place.drive(crew.agents(place), number, after=bool(number % 2)) is not None
        at_work = sum(each.outcome is None for each in attempts_in(place.run))
        later = cast()
        assert place.drive(later.agents(place)) is RunStatus.DONE
        assert len(crew.heard) + len(later.heard) <= turns + max(1, at_work)
        assert same(place, quiet)
        number += 11  # before and after in turns, over all of them


def test_an_attempt_goes_on_under_its_id_with_what_it_used(fresh: Callable[[], Place]) -> None:
    place = fresh()
    place.config_changes = {"max_parallel": 1}
    crew = DyingCast(plan=(a_task("x"),), parts={"implementer": slow}, dies_at=4)
    with pytest.raises((Killed, BaseExceptionGroup)):
        asyncio.run(drive(place.ports(crew.agents(place), DeadStore(place.store(), crew))))
    (cut,) = place.run.tasks[0].attempts
    assert (cut.outcome, cut.usage.turns) == (None, 2)
    assert cut.unsettled is not None
    later = Cast(plan=(a_task("x"),), parts={"implementer": slow})
    assert place.drive(later.agents(place)) is RunStatus.DONE
    whole = place.run.tasks[0].attempts[0]
    assert (whole.id, whole.outcome, whole.usage.turns) == (cut.id, AttemptOutcome.OK, 4)
    assert whole.unsettled == cut.unsettled  # the turn that nobody can tell the price of
    kinds = [kind for kind, fields in place.journal.events if fields.get("attempt") == cut.id]
    assert [each for each in kinds if each.startswith("attempt.")] == [
        "attempt.started",
        "attempt.resumed",
        "attempt.ended",
    ]


def test_a_worktree_that_was_changed_or_deleted_is_brought_back(
    fresh: Callable[[], Place],
) -> None:
    for harm in ("change", "delete"):
        place = fresh()
        crew = DyingCast(plan=(a_task("x"),), parts={"implementer": slow}, dies_at=4)
        with pytest.raises((Killed, BaseExceptionGroup)):
            asyncio.run(drive(place.ports(crew.agents(place), DeadStore(place.store(), crew))))
        worktree = place.folder / "worktrees" / "1a-x"
        assert (worktree / "x.txt").read_text() == "begun\nmore\n"
        if harm == "delete":
            shutil.rmtree(worktree)
        else:
            (worktree / "x.txt").write_text("mine\n")
            (worktree / "a.txt").unlink()
        later = Cast(plan=(a_task("x"),), parts={"implementer": slow})
        assert place.drive(later.agents(place)) is RunStatus.DONE
        assert [seat.role for seat, _ in later.heard].count(Role.IMPLEMENTER) == 2
        assert place.files("dispatch/r") == ["a.txt", "x.txt"]
        assert len(place.run.tasks[0].attempts) == 1 + 1  # and its critic


def test_in_a_shared_tree_an_interrupted_agent_starts_afresh(fresh: Callable[[], Place]) -> None:
    """Its siblings' work lies in the same tree, so there is none to bring back."""
    place = fresh()
    place.changes = {"isolation": Isolation.LEVEL}
    place.config_changes = {"isolation": Isolation.LEVEL}
    crew = DyingCast(plan=(a_task("x"),), parts={"implementer": slow}, dies_at=4)
    with pytest.raises((Killed, BaseExceptionGroup)):
        asyncio.run(drive(place.ports(crew.agents(place), DeadStore(place.store(), crew))))
    assert place.drive(cast_of_x().agents(place)) is RunStatus.DONE
    outcomes = [each.outcome for each in place.run.tasks[0].attempts]
    assert outcomes == [AttemptOutcome.CRASHED, AttemptOutcome.OK, AttemptOutcome.OK]


def cast_of_x() -> Cast:
    """One task, whose implementer takes four turns."""
    return Cast(plan=(a_task("x"),), parts={"implementer": slow})


def test_after_a_cap_of_the_run_was_raised_the_agent_goes_on(fresh: Callable[[], Place]) -> None:
    place = fresh()
    place.changes = {"run_limits": Caps(turns=3)}
    crew = cast_of_x()
    with pytest.raises(BudgetSpent):
        place.drive(crew.agents(place))
    store = place.store()
    store.update(lambda run: evolve(run, run_limits=Caps()))
    later = cast_of_x()
    assert place.drive(later.agents(place)) is RunStatus.DONE
    assert [seat.role for seat, _ in crew.heard].count(Role.IMPLEMENTER) == 2
    assert [seat.role for seat, _ in later.heard].count(Role.IMPLEMENTER) == 2
    assert place.run.tasks[0].attempts[0].usage.turns == 4


def test_after_a_provider_stopped_the_agent_goes_on(fresh: Callable[[], Place]) -> None:
    place = fresh()
    crew = cast_of_x()

    def gone(seat: Seat) -> tuple[Reply, ...]:
        return (*slow(seat)[:2], Reply(status=401, error="No such key."))

    crew.parts = {"implementer": gone}
    with pytest.raises(ProviderStopped):
        place.drive(crew.agents(place))
    later = cast_of_x()
    assert place.drive(later.agents(place)) is RunStatus.DONE
    assert [seat.role for seat, _ in later.heard].count(Role.IMPLEMENTER) == 2
    (whole, _) = place.run.tasks[0].attempts
    assert (whole.outcome, whole.usage.turns) == (AttemptOutcome.OK, 4)


def test_a_conversation_that_a_provider_does_not_take_is_not_sent_for_ever(
    fresh: Callable[[], Place],
) -> None:
    """Refused when it went on, it is given up, and the next start begins anew."""
    place = fresh()
    crew = cast_of_x()
    crew.parts = {
        "implementer": lambda seat: (*slow(seat)[:2], Reply(status=400, error="Not like this."))
    }
    for outcomes in ([None], [AttemptOutcome.PROVIDER_REFUSED]):
        with pytest.raises(ProviderStopped):
            place.drive(crew.agents(place))
        assert [each.outcome for each in place.run.tasks[0].attempts] == outcomes
    assert place.drive(cast_of_x().agents(place)) is RunStatus.DONE


def in_conflict() -> Cast:
    """Two tasks that write one file; who first repairs it says nothing, the second does."""

    def both(seat: Seat) -> tuple[Reply, ...]:
        change = writes("shared.txt", f"{seat.name}\n")
        return (
            called(change, writes(seat.file, f"{seat.name}\n")),
            called(submitted(seat.file, "shared.txt")),
        )

    def repair(seat: Seat) -> tuple[Reply, ...]:
        if "came to nothing" not in seat.seed:
            return (Reply(text="I think."),)
        return (
            called(shell(f"sed -i -E '{MARKERS}' shared.txt")),
            called(shell("sort -o shared.txt shared.txt")),
            called(submitted("shared.txt")),
        )

    plan = (a_task("x"), a_task("y"))
    return Cast(plan=plan, parts={"implementer": both, "fixAgent": repair})


def test_the_second_try_of_a_repair_goes_on_like_the_first(fresh: Callable[[], Place]) -> None:
    """It is told again what the first was told, and no kill adds a try."""
    quiet = fresh()
    crew = in_conflict()
    assert quiet.drive(crew.agents(quiet)) is RunStatus.DONE
    roles = [seat.role for seat, _ in crew.heard]
    last = max(number for number, role in enumerate(roles, 1) if role is Role.FIX_AGENT)
    assert roles.count(Role.FIX_AGENT) == 2 * (1 + MAX_REMINDERS) + 3
    for number in (last - 3, last - 1):
        place = fresh()
        dying = DyingCast(plan=crew.plan, parts=crew.parts, dies_at=number)
        with pytest.raises((Killed, BaseExceptionGroup)):
            asyncio.run(drive(place.ports(dying.agents(place), DeadStore(place.store(), dying))))
        later = in_conflict()
        assert place.drive(later.agents(place)) is RunStatus.DONE
        assert len(dying.heard) + len(later.heard) <= len(roles) + 1
        assert place.files("dispatch/r") == ["a.txt", "shared.txt", "x.txt", "y.txt"]
