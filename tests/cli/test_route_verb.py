"""``dispatch route``: advice with its numbers, carried out on request, and by runs themselves."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from fakes.child_program import Program
from fakes.git_repos import User
from fakes.small_records import a_run, a_task
from fakes.tally_user import KEY, KEY_VARIABLE, set_dear_models, tally_script, tally_user

from dispatch.agents.scripted.thread import ServerThread
from dispatch.policy.ledger import attempts_of
from dispatch.policy.past import spent
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.document_store import DocumentStore
from dispatch.state.enums import AgentType, AttemptOutcome, Role, RunStatus, TaskClass
from dispatch.state.lock import hold
from dispatch.state.past_runs import FILE, note_past_run, read_past_runs, read_spent
from dispatch.state.records import Run
from dispatch.state.routes import Experience, WorkKind

Cli = Callable[..., tuple[int, str, str]]
NOW = "2026-01-02T03:04:05.678Z"
ROUTED = """\
routing: {mode}
candidates:
  implementer:
    - {{model: smoke/second}}
    - {{model: gpt-x, executor: nobody}}
"""
ADVICE = """\
implementer: downshift
  smoke/second through litellm
  because as good (score 0.78 against 0.78) and cheaper (0.6600 USD against 2.1000 USD for an \
attempt)
  - smoke/implementer through litellm: score 0.78, $2.1000 an attempt; assumed of a middle model
  - smoke/second through litellm: score 0.78, $0.6600 an attempt; assumed of a middle model
  - gpt-x through nobody: cannot be taken: There is no executor nobody (used by candidates)
"""


@pytest.fixture
def seat(user: User, monkeypatch: pytest.MonkeyPatch) -> User:
    """The user's home, key and settings, for calls in this process; nothing is run."""
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(user.home))
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    user.write({"dispatch-config.yaml": "buildGate: [make]\n"})
    set_dear_models(user, "http://127.0.0.1:9", ROUTED.format(mode="off"))
    return user


def begun(user: User) -> Path:
    """A run with two tasks, in nobody's hands; its folder."""
    folder = user.root / "dispatch" / "r"
    folder.mkdir(parents=True)
    tasks = (a_task(), evolve(a_task("1b-y"), agent_type=AgentType.INTERN))
    run = evolve(a_run(), target_repo_path=str(user.root), tasks=tasks)
    DocumentStore.create(folder, run)
    return folder


def data_of(user: User) -> Path:
    return user.home / ".local" / "share" / "dispatch" / FILE


def test_advice_has_its_numbers_and_says_what_they_rest_on(seat: User, cli: Cli) -> None:
    assert cli("route", "--role", "implementer") == (0, ADVICE, "")
    code, out, _ = cli("route", "--json")
    data = json.loads(out)
    assert (code, data["version"], data["run"]) == (0, 1, None)
    assert [each["role"] for each in data["advice"]] == list(Role)
    labels = {each["role"]: each["label"] for each in data["advice"]}
    assert labels.pop("implementer") == "downshift"
    assert set(labels.values()) == {"stay"}


def test_what_past_runs_say_changes_the_advice(seat: User, cli: Cli) -> None:
    bad = Experience(
        work=WorkKind(
            role=Role.IMPLEMENTER, agent_type=AgentType.GENERAL, task_class=TaskClass.FEATURE
        ),
        executor="litellm",
        model="smoke/second",
        outcome=AttemptOutcome.NO_OUTPUT,
        accepted=False,
        cost_usd=0.25,
        seconds=30.0,
        ended_at=NOW,
    )
    note_past_run(data_of(seat), a_run("before"), [(str(each), bad) for each in range(4)])
    begun(seat)
    code, out, _ = cli("route", "r", "--role", "implementer")
    assert (code, out.count(": stay\n"), out.count(": downshift\n")) == (0, 2, 0)
    assert (
        "smoke/second through litellm: score 0.39, $0.2500, 30 s an attempt; 4 attempts at this "
        "kind of work, and what is assumed of a middle model" in out
    )


def test_a_file_of_past_runs_that_cannot_be_read_is_told_and_stops_nothing(
    seat: User, cli: Cli
) -> None:
    data_of(seat).parent.mkdir(parents=True)
    data_of(seat).write_text("garbage " * 100)
    code, out, err = cli("route", "--role", "implementer")
    assert (code, out) == (0, ADVICE)
    assert err == (
        f"dispatch: advice without past runs: {data_of(seat)} cannot be used: "
        "file is not a database.\n"
    )


def test_on_request_the_run_follows_the_advice(seat: User, cli: Cli) -> None:
    folder = begun(seat)
    code, _, err = cli("route", "r", "--task", "1a-x", "--execute")
    said = "from its next attempts on run r does so; continue it: dispatch r"
    assert (code, err) == (0, f"dispatch: {said}\n")
    (route,) = load_run(folder / DOCUMENT).routes
    assert (route.task_id, route.model, route.ordered, route.carried_out) == (
        "1a-x",
        "smoke/second",
        True,
        True,
    )


def test_a_run_at_work_is_not_changed(seat: User, cli: Cli) -> None:
    folder = begun(seat)
    with hold(folder, NOW):
        assert cli("route", "r", "--role", "implementer", "--execute")[0] == 5
    assert load_run(folder / DOCUMENT).routes == ()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--execute"], "--execute needs the run that it is about. See `dispatch route --help`"),
        (["--task", "x"], "--task needs the run that it is about. See `dispatch route --help`"),
        (["r", "--task", "x"], "Run r has no task x. Its tasks: 1a-x, 1b-y."),
    ],
)
def test_what_cannot_be_asked_is_refused(
    seat: User, cli: Cli, arguments: list[str], sentence: str
) -> None:
    begun(seat)
    assert cli("route", *arguments) == (2, "", f"dispatch: {sentence}\n")


def test_nobody_is_sent_to_work_who_cannot(
    seat: User, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = begun(seat)
    monkeypatch.delenv(KEY_VARIABLE)
    code, out, err = cli("route", "r", "--task", "1a-x", "--execute")
    assert out.startswith("implementer, general feature, task 1a-x: invalid\n")
    assert (code, err) == (
        2,
        "dispatch: For implementer, general feature there is nobody who can work, so nothing was "
        "changed. Put right what the list names, or ask for another role.\n",
    )
    assert load_run(folder / DOCUMENT).routes == ()


def test_only_the_users_own_file_may_turn_routing_on(seat: User, cli: Cli) -> None:
    seat.write({"dispatch-config.yaml": "buildGate: [make]\nrouting: auto\n"})
    code, _, err = cli("route")
    assert (code, "routing: belongs into your own" in err) == (2, True)


def models_of(run: Run) -> set[tuple[str, str]]:
    return {(each.role, each.model) for each in attempts_of(run)}


def test_a_run_carries_the_advice_out_and_teaches_the_next_one(tmp_path: Path) -> None:
    """The whole way, with the program, over HTTP."""
    user = tally_user(tmp_path / "user")
    program = Program(user, {KEY_VARIABLE: KEY})
    with ServerThread(tally_script()) as server:
        set_dear_models(user, server.url, ROUTED.format(mode="auto"))
        ended = program.run("run", "r")
    assert ended.code == 0, ended.err
    run = load_run(user.root / "dispatch" / "r" / DOCUMENT)
    assert run.status is RunStatus.DONE
    assert {model for role, model in models_of(run) if role == Role.IMPLEMENTER} == {"smoke/second"}
    assert {each.label for each in run.routes} == {"downshift"}
    assert all(each.carried_out and not each.ordered for each in run.routes)
    report = program.run("report", "r", "--format", "md")
    assert "## Routing" in report.out
    assert len(read_past_runs(data_of(user))) == len(attempts_of(run))
    assert read_spent(data_of(user)) == spent(run) != ()
    advice = program.run("route", "r", "--role", "implementer", "--json")
    (general, *_) = [
        each for each in json.loads(advice.out)["advice"] if each["agentType"] == "general"
    ]
    tried = {each["model"]: each["attempts"] for each in general["candidates"]}
    assert tried["smoke/implementer"] == tried["gpt-x"] == 0
    assert tried["smoke/second"] > 0
