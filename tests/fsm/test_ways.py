"""Routing as the lifecycle meets it: decided once, recorded first, carried out, survived."""

from pathlib import Path
from typing import Any

import pytest
from attrs import define, evolve, field
from fakes.run_harness import Place
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.policy.experience import kind_of
from dispatch.policy.ledger import attempts_of
from dispatch.policy.routes import route_of, with_route
from dispatch.policy.routing import Advice, Option, Way, advise
from dispatch.state.config import Candidate, Candidates, Fallback, Price
from dispatch.state.enums import (
    AgentType,
    AttemptOutcome,
    Role,
    RouteLabel,
    RoutingMode,
    RunStatus,
    TaskClass,
)
from dispatch.state.errors import ProviderStopped
from dispatch.state.records import Run
from dispatch.state.routes import Route, RouteCandidate, WorkKind

PLAN = a_plan(
    planned("x", agent_type=AgentType.INTERN),
    planned("y", agent_type=AgentType.INTERN),
    planned("z", 2, ("x",)),
)
WORKS = {"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n"), "2a-z": writes(z="z\n")}
CHEAP = Option(executor="other", model="v/x-mini", price=Price(input=1.0, output=5.0))
DEAR = Price(input=10.0, output=50.0)
LIGHT = WorkKind(role=Role.IMPLEMENTER, agent_type=AgentType.INTERN, task_class=TaskClass.FEATURE)
OTHER: Way = ("other", "v/x-mini")


@define
class Adviser:
    """An ``Advisor`` port without a past; ``asked`` are the kinds of work it was asked about."""

    candidate: Option = CHEAP
    asked: list[WorkKind] = field(factory=list)

    def options(self, role: Role, configured: Way) -> tuple[Option, ...]:
        """What is configured is dear, and may be broken."""
        executor, model = configured
        return (Option(executor=executor, model=model, price=DEAR), self.candidate)

    def advise(self, work: WorkKind, configured: Way) -> Advice:
        """By what is assumed."""
        self.asked.append(work)
        return advise(work, self.options(work.role, configured), ())


def crew(**changes: Any) -> ScenarioAgents:
    return ScenarioAgents(plans=[PLAN], works=WORKS, **changes)


def settings(mode: RoutingMode) -> dict[str, Any]:
    candidates = Candidates(implementer=(Candidate(model="v/x-mini", executor="other"),))
    return {"routing": mode, "candidates": candidates}


@pytest.fixture
def adviser() -> Adviser:
    """Somebody who thinks that light work should go to the cheaper one."""
    return Adviser()


@pytest.fixture
def place(tmp_path: Path, adviser: Adviser) -> Place:
    """A repository with one file, and routing that is carried out."""
    place = Place(tmp_path / "repository", advisor=adviser)
    place.config_changes = settings(RoutingMode.AUTO)
    place.set_up()
    return place


def ways(run: Run) -> dict[str, Way]:
    return {each.id: (each.executor, each.model) for each in attempts_of(run)}


def implementers(run: Run) -> dict[str, Way]:
    return {name: way for name, way in ways(run).items() if ".implementer." in name}


def test_who_is_chosen_does_all_work_of_the_kind_and_the_decision_is_in_the_document(
    place: Place, adviser: Adviser
) -> None:
    assert place.drive(crew()) is RunStatus.DONE
    run = place.run
    assert implementers(run) == {
        "1a-x.implementer.1": OTHER,
        "1b-y.implementer.1": OTHER,
        "2a-z.implementer.1": ("scenario", "none"),
    }
    assert {way for name, way in ways(run).items() if "implementer" not in name} == {
        ("scenario", "none")
    }
    general, light = run.routes
    assert (general.agent_type, general.label) == (AgentType.GENERAL, RouteLabel.STAY)
    assert evolve(light, at="") == Route(
        role=Role.IMPLEMENTER,
        agent_type=AgentType.INTERN,
        task_class=TaskClass.FEATURE,
        label=RouteLabel.SWITCH_EXECUTOR,
        executor="other",
        model="v/x-mini",
        reason="as good (score 0.78 against 0.80) and cheaper "
        "(0.6750 USD against 6.7500 USD for an attempt)",
        carried_out=True,
        at="",
        candidates=(
            RouteCandidate(
                executor="scenario",
                model="none",
                score=0.8,
                attempts=0,
                basis="assumed of a middle model at light work",
                cost_usd=6.75,
                seconds=None,
            ),
            RouteCandidate(
                executor="other",
                model="v/x-mini",
                score=0.78,
                attempts=0,
                basis="assumed of a small model at light work",
                cost_usd=0.675,
                seconds=None,
            ),
        ),
    )
    report = (place.folder / "report.md").read_text()
    assert "- implementer, intern feature: switch-executor, chosen: `v/x-mini`" in report


def test_advice_alone_changes_nobody(place: Place) -> None:
    place.config_changes = settings(RoutingMode.ADVISE)
    assert place.drive(crew()) is RunStatus.DONE
    run = place.run
    assert set(ways(run).values()) == {("scenario", "none")}
    assert [(each.label, each.carried_out) for each in run.routes] == [
        (RouteLabel.STAY, False),
        (RouteLabel.SWITCH_EXECUTOR, False),
    ]


def test_without_candidates_nobody_is_asked(place: Place, adviser: Adviser) -> None:
    place.config_changes = {"routing": RoutingMode.AUTO}
    assert place.drive(crew()) is RunStatus.DONE
    assert (place.run.routes, adviser.asked) == ((), [])


def test_when_who_was_chosen_comes_to_nothing_what_is_configured_takes_over(place: Place) -> None:
    place.config_changes |= {"fallback": Fallback(implementer=("next",))}
    broken = {"1a-x.implementer.1": AttemptOutcome.PROVIDER_AUTH}
    broken["1a-x.implementer.2"] = AttemptOutcome.PROVIDER_AUTH
    assert place.drive(crew(broken=broken)) is RunStatus.DONE
    assert [way for name, way in implementers(place.run).items() if name.startswith("1a")] == [
        OTHER,
        ("scenario", "none"),
        ("scenario", "other-1"),
    ]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_killed_around_any_save_decides_once_and_ends_the_same(
    tmp_path: Path, after: bool
) -> None:
    def of(name: str) -> tuple[Place, Adviser]:
        adviser = Adviser()
        place = Place(tmp_path / name, advisor=adviser)
        place.config_changes = settings(RoutingMode.AUTO)
        place.set_up()
        return place, adviser

    straight, _ = of("straight")
    assert straight.drive(crew()) is RunStatus.DONE
    for at in (6, 8, 10):  # around the decision for the first level and what follows it
        place, _ = of(f"killed-{at}")
        players = crew()
        assert place.drive(players, at, after=after) is None
        assert place.drive(players) is RunStatus.DONE
        assert kinds(place.run) == kinds(straight.run)
        assert set(implementers(place.run).values()) == set(implementers(straight.run).values())
        assert place.run.published_commit == straight.run.published_commit


def kinds(run: Run) -> list[tuple[WorkKind, RouteLabel]]:
    return [
        (
            WorkKind(role=each.role, agent_type=each.agent_type, task_class=each.task_class),
            each.label,
        )
        for each in run.routes
    ]


def test_a_decision_that_no_longer_fits_is_made_again_and_the_old_one_stays(place: Place) -> None:
    """The program that was chosen is gone when the run goes on."""
    stopping = crew(broken={"1b-y.implementer.1": AttemptOutcome.CANCELLED})
    with pytest.raises(ProviderStopped):
        place.drive(stopping)
    gone = evolve(CHEAP, problem="other is not installed")
    place.advisor = Adviser(candidate=gone)
    assert place.drive(crew()) is RunStatus.DONE
    labels = [each.label for each in place.run.routes if each.agent_type is AgentType.INTERN]
    assert labels == [RouteLabel.SWITCH_EXECUTOR, RouteLabel.STAY]


def test_what_the_operator_ordered_for_a_task_goes_before_the_policy(
    place: Place, adviser: Adviser
) -> None:
    """Also with routing off, only for that task, and from its next attempt on."""
    names = ("1a-x.implementer.1", "1b-y.implementer.1")
    place.config_changes = settings(RoutingMode.OFF)
    place.advisor = None
    with pytest.raises(ProviderStopped):
        place.drive(crew(broken=dict.fromkeys(names, AttemptOutcome.CANCELLED)))
    advice = adviser.advise(LIGHT, ("scenario", "none"))
    at = "2026-01-02T03:04:05.678Z"
    order = route_of(LIGHT, advice, at=at, carried_out=True, ordered=True, task_id="1b-y")
    place.store().update(lambda run: with_route(run, order))
    assert place.drive(crew()) is RunStatus.DONE
    worked = {
        each.id: (each.executor, each.model)
        for each in attempts_of(place.run)
        if each.role is Role.IMPLEMENTER and each.outcome is AttemptOutcome.OK
    }
    assert worked == {
        "1a-x.implementer.2": ("scenario", "none"),
        "1b-y.implementer.2": OTHER,
        "2a-z.implementer.1": ("scenario", "none"),
    }
    assert kind_of(Role.IMPLEMENTER, place.run.tasks[1]) == LIGHT
