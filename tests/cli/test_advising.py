"""Who is there to be advised: what is wrong with each candidate on this machine, now."""

from pathlib import Path

import pytest
from attrs import evolve
from fakes.small_records import a_run

from dispatch.advising import PastAdvisor, remember
from dispatch.delegating import delegated_hosts
from dispatch.policy.routing import Option, Way
from dispatch.state.config import (
    Candidate,
    Candidates,
    CommandExecutor,
    Config,
    Limits,
    ModelConfig,
    Price,
    Provider,
)
from dispatch.state.enums import AttemptOutcome, Role, RouteLabel, RoutingMode
from dispatch.state.past_runs import read_past_runs
from dispatch.state.routes import Route, WorkKind
from dispatch.state.work import Attempt

NOW = "2026-01-02T03:04:05.678Z"
OURS: Way = ("litellm", "mine")
MODELS = ModelConfig(**dict.fromkeys(
    ("planner", "implementer", "critic", "gate_critic", "greybeard", "attribution", "fix_agent"),
    "mine",
))  # fmt: skip
PROVIDER = Provider(base_url="http://127.0.0.1:9/v1", adapter="openai", api_key_env="KEY")
CONFIG = Config(
    build_gate=("true",),
    model_config=MODELS,
    provider=PROVIDER,
    prices={"mine": Price(input=2.0, output=8.0)},
)


def installed(folder: Path, name: str) -> str:
    """A ``PATH`` on which the program is."""
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(folder)


def option(candidate: Candidate, config: Config, environ: dict[str, str]) -> Option:
    config = evolve(config, candidates=Candidates(implementer=(candidate,)))
    advisor = PastAdvisor(config, environ, tuple)
    first, second = advisor.options(Role.IMPLEMENTER, OURS)
    assert first.way == OURS
    return second


@pytest.mark.parametrize(
    ("model", "has_program", "key", "problem"),
    [
        ("gpt-1", True, {"OPENAI_API_KEY": "x"}, ""),
        ("claude-1", True, {"OPENAI_API_KEY": "x"}, "codex cannot run the model claude-1"),
        ("gpt-1", False, {"OPENAI_API_KEY": "x"}, "The program codex of the executor codex"),
        ("gpt-1", True, {}, "No key for codex"),
    ],
    ids=["fits", "another's model", "not there", "no key"],
)
def test_a_program_that_cannot_work_is_no_candidate_and_it_is_said_why(
    tmp_path: Path, model: str, has_program: bool, key: dict[str, str], problem: str
) -> None:
    """A model is never put on a program that cannot run it."""
    path = installed(tmp_path, "codex") if has_program else str(tmp_path)
    found = vendor_option(model, {"PATH": path, **key})
    assert found.way == ("codex", model)
    assert found.problem.startswith(problem)
    assert (found.price is None) == bool(found.problem) == bool(problem)


def test_a_program_that_the_sandbox_would_cut_off_is_no_candidate(tmp_path: Path) -> None:
    environ = {"PATH": installed(tmp_path, "codex"), "OPENAI_API_KEY": "x"}
    found = vendor_option("gpt-1", environ, reaches_hosts=False)
    assert found.problem == "codex could not reach its vendor or us from the sandbox"


def vendor_option(model: str, environ: dict[str, str], *, reaches_hosts: bool = True) -> Option:
    """Codex with a model; what is configured is a script, for which nothing is loaded."""
    config = evolve(
        CONFIG,
        provider=None,
        prices={model: Price(input=1.0, output=1.0)},
        candidates=Candidates(implementer=(Candidate(model=model, executor="codex"),)),
    )
    advisor = PastAdvisor(config, environ, tuple, reaches_hosts)
    return advisor.options(Role.IMPLEMENTER, ("scripted", "scripted:none"))[1]


def test_our_own_loop_needs_the_key_and_under_a_cap_in_money_a_price() -> None:
    capped = evolve(CONFIG, limits=Limits(usd=1.0))
    known, unknown = Candidate(model="mine", executor="other"), Candidate(model="theirs")
    key = {"KEY": "x"}
    assert option(unknown, CONFIG, key).problem == ""
    assert option(unknown, CONFIG, {}).problem == "the variable KEY is not set"
    assert option(unknown, capped, key).problem == (
        "its price is not known, and there is a cap in money"
    )
    assert option(known, capped, key).problem == "There is no executor other (used by candidates)"


def test_a_script_is_there_or_not(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("")
    there, gone = (Candidate(model=f"scripted:{tmp_path}/{name}.yaml") for name in "st")
    assert option(there, CONFIG, {"KEY": "x"}) == Option(executor="scripted", model=there.model)
    assert option(gone, CONFIG, {"KEY": "x"}).problem == f"there is no {gone.model}"


def test_the_same_way_twice_is_one_candidate() -> None:
    twice = Candidates(implementer=(Candidate(model="mine"), Candidate(model="mine")))
    advisor = PastAdvisor(evolve(CONFIG, candidates=twice), {"KEY": "x"}, tuple)
    assert [each.way for each in advisor.options(Role.IMPLEMENTER, OURS)] == [OURS]


def test_what_a_run_taught_is_known_to_the_next_one(tmp_path: Path) -> None:
    path, told = tmp_path / "data" / "past", list[str]()
    attempt = Attempt(
        id="plan.planner.1",
        role=Role.PLANNER,
        executor="litellm",
        model="mine",
        started_at=NOW,
        ended_at=NOW,
        outcome=AttemptOutcome.OK,
    )
    remember(a_run(), told.append, path)
    assert not path.exists()
    remember(evolve(a_run(), attempts=(attempt,)), told.append, path)
    assert [each.model for each in read_past_runs(path)] == ["mine"]
    advice = PastAdvisor.of(CONFIG, {"KEY": "x"}, told.append, path).advise(
        WorkKind(role=Role.PLANNER), OURS
    )
    assert (advice.label, advice.candidates[0].attempts, told) == (RouteLabel.STAY, 1, [])


def test_what_cannot_be_kept_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    attempt = Attempt(
        id="a", role=Role.CRITIC, executor="litellm", model="m", started_at=NOW,
        outcome=AttemptOutcome.OK,
    )  # fmt: skip
    told: list[str] = []
    remember(evolve(a_run(), attempts=(attempt,)), told.append, tmp_path / "file" / "past")
    assert len(told) == 1
    assert told[0].startswith("what this run taught is not kept: ")


@pytest.mark.parametrize(
    ("mode", "ordered", "hosts"),
    [
        (RoutingMode.OFF, False, ()),
        (RoutingMode.ADVISE, False, ()),
        (RoutingMode.AUTO, False, ("api.example.org",)),
        (RoutingMode.OFF, True, ("api.example.org",)),
    ],
)
def test_whom_routing_may_choose_is_among_those_who_reach_their_hosts(
    mode: RoutingMode, ordered: bool, hosts: tuple[str, ...]
) -> None:
    config = evolve(
        CONFIG,
        routing=mode,
        candidates=Candidates(implementer=(Candidate(model="m", executor="command"),)),
        command_executor=CommandExecutor(argv=("x",), network=("api.example.org",)),
    )
    order = Route(
        role=Role.IMPLEMENTER,
        label=RouteLabel.SWITCH_EXECUTOR,
        executor="command",
        model="m",
        reason="told so",
        carried_out=True,
        ordered=ordered,
        at=NOW,
        candidates=(),
    )
    assert delegated_hosts(config, (order,)) == hosts
