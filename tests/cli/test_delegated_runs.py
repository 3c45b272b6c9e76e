"""Runs whose roles are carried out by other programs, from configuration to report."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import Program, until
from fakes.delegating import SESSION, USAGE, Step, command

from dispatch.agents.sandbox.tiers import choose
from dispatch.agents.scripted.script import Reply, Script, When
from dispatch.agents.scripted.thread import ServerThread
from dispatch.state.document import DOCUMENT
from dispatch.state.enums import AttemptOutcome, RunStatus, SandboxTier
from dispatch.state.errors import ExitCode

SECRET = "sk-ant-0123456789-this-is-no-key"
needs_bubblewrap = pytest.mark.skipif(
    choose().launcher.tier is not SandboxTier.BUBBLEWRAP, reason="bubblewrap does not hold here"
)


def submit(name: str) -> tuple[Step, ...]:
    """The steps of who writes a file of that name."""
    output = {"summary": f"Wrote {name}.", "filesModified": [name], "deviations": [], "notes": ""}
    return (("write", [name, f"{name}\n"]), ("call", ["submitOutput", output]), USAGE)


def proposal(name: str, after: Sequence[str]) -> dict[str, object]:
    """A task that writes a file of that name."""
    return {
        "idHint": name,
        "dependsOn": list(after),
        "objective": f"Write {name}.",
        "planMarkdown": f"# Objective\n\nWrite {name}.\n\n" + "The file holds a line. " * 15,
        "agentType": "general",
        "class": "feature",
        "verifyCommands": [],
        "critiqueEnabled": True,
    }


@needs_bubblewrap
def test_implementers_of_a_run_are_carried_out_by_another_program(tmp_path: Path) -> None:
    """Two levels, one task each; the rest of the roles are our own."""
    run = asking(tmp_path, ("w",), later=("z",))
    steps = {f"Write {name}.": (SESSION, *submit(name)) for name in ("w", "z")}
    run.configure(**command(run, steps, executors={"implementer": "command"}))
    ended = run.program.run("run", "r")
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    attempts = [attempt for task in run.run.tasks for attempt in task.attempts]
    assert [(each.executor, each.outcome) for each in attempts if each.role == "implementer"] == [
        ("command", AttemptOutcome.OK)
    ] * 2
    assert all(each.session_id for each in attempts if each.executor == "command")
    assert {each.usage.cost_usd for each in attempts if each.executor == "command"} == {0.25}
    assert {each.executor for each in run.run.attempts} == {"scripted"}
    report = (run.folder / "report.md").read_text(encoding="utf-8")
    assert "command" in report
    assert run.survivors() == []


@needs_bubblewrap
def test_every_role_can_be_another_program_s(tmp_path: Path) -> None:
    """Two levels, planned, written, reviewed and judged by it; its hosts are written down."""
    run = asking(tmp_path)
    tasks = [proposal("w", ()), proposal("z", ("w",))]
    final = {"verificationMode": "no-new-failures", "verificationModeRationale": "Files only."}
    plan = [("call", ["proposeTask", each]) for each in tasks]
    steps = {
        "You are the planner": (SESSION, *plan, ("call", ["finalizePlan", final]), USAGE),
        "You are the gate critic": (SESSION, ("judge", "level"), USAGE),
        "You are a critic": (SESSION, ("judge", "task"), USAGE),
        "Write w.": (SESSION, *submit("w")),
        "Write z.": (SESSION, *submit("z")),
    }
    roles = ("planner", "implementer", "critic", "gateCritic")
    given = command(run, steps, executors=dict.fromkeys(roles, "command"))
    given["commandExecutor"] = {**given["commandExecutor"], "network": ["api.example.org"]}
    run.configure(**given)
    ended = run.program.run("run", "r")
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    attempts = [*run.run.attempts, *(each for task in run.run.tasks for each in task.attempts)]
    assert sorted((each.role, each.executor, each.outcome) for each in attempts) == [
        ("critic", "command", "ok"),
        ("critic", "command", "ok"),
        ("gateCritic", "command", "ok"),
        ("gateCritic", "command", "ok"),
        ("implementer", "command", "ok"),
        ("implementer", "command", "ok"),
        ("planner", "command", "ok"),
    ]
    report = (run.folder / "report.md").read_text(encoding="utf-8")
    assert "network: none, for delegated attempts `api.example.org`;" in report


@needs_bubblewrap
def test_a_delegated_attempt_goes_on_in_its_session_after_kill_9(tmp_path: Path) -> None:
    """Nothing of the killed program is left, and it is not asked for the same again."""
    run = asking(tmp_path, ("w",))
    fresh = (SESSION, ("write", ["w", "half\n"]), USAGE, ("hang", 60))
    run.configure(**command(run, fresh, submit("w"), executors={"implementer": "command"}))
    with run.program.started("run", "r") as process:
        until(lambda: (run.folder / DOCUMENT).exists() and _has_used(run))
        process.kill()
        until(lambda: not run.survivors())
    ended = run.program.run("run", "r")
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    (task,) = run.run.tasks
    (attempt,) = task.attempts
    assert (attempt.outcome, attempt.usage.turns, attempt.usage.cost_usd) == (
        AttemptOutcome.OK,
        2,
        0.5,
    )
    folder = run.folder / "attempts" / attempt.id
    assert len(sorted(folder.glob("program-*.out"))) == 2


@needs_bubblewrap
def test_after_kill_9_the_session_goes_on_with_a_word_of_its_own_for_the_key(
    tmp_path: Path,
) -> None:
    """The key is asked for anew, by nobody but us, and stands in no file of the run."""
    run = asking(tmp_path, ("w",))
    script = Script()
    script.on("model", When(model="m"), Reply(text="Fine."), times=None)
    ask: Step = ("ask", "AGENT_KEY")
    fresh = (SESSION, ask, ("write", ["w", "half\n"]), USAGE, ("hang", 60))
    with ServerThread(script) as server:
        given = command(run, fresh, (ask, *submit("w")), executors={"implementer": "command"})
        hosts = {"network": ["api.example.org"]}
        led = {"keyVariable": "AGENT_KEY", "baseURL": f"{server.url}/v1", **hosts}
        run.configure(**{**given, "commandExecutor": {**given["commandExecutor"], **led}})
        program = Program(run.user, {"AGENT_KEY": SECRET})
        with program.started("run", "r") as process:
            until(lambda: (run.folder / DOCUMENT).exists() and _has_used(run))
            process.kill()
            until(lambda: not run.survivors())
        ended = program.run("run", "r")
        asked = [request.headers["authorization"] for request in server.requests]
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    assert asked == [f"Bearer {SECRET}"] * 2
    files = [path for path in run.folder.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in files)
    report = (run.folder / "report.md").read_text(encoding="utf-8")
    host = server.url.removeprefix("http://")
    assert f"network: none, for delegated attempts `{host}`, `api.example.org`;" in report


def _has_used(run: Asking) -> bool:
    return any(each.usage.turns for task in run.run.tasks for each in task.attempts)


def test_a_type_of_implementers_may_have_its_own(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",))
    choice = {"intern": {"executor": "command", "model": "tiny"}}
    run.configure(**command(run, (SESSION, *submit("w")), agentTypes=choice))
    ended = run.program.run("run", "r", "--no-sandbox")
    assert ended.code == ExitCode.DONE, ended.err
    (attempt,) = run.run.tasks[0].attempts
    assert (attempt.executor, attempt.model) == ("command", "tiny")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"executors": {"implementer": "cladue"}},
            "There is no executor cladue (used by implementer).",
        ),
        (
            {"executors": {"critic": "command"}},
            "The executor command (used by critic) has no program.",
        ),
        (
            {"executors": {"critic": "command"}, "commandExecutor": {"argv": ["no-such-agent"]}},
            "The program no-such-agent of the executor command (used by critic) is not there.",
        ),
        (
            {"executors": {"critic": "codex"}},
            "codex cannot run the model ",
        ),
        (
            {
                "executors": {"critic": "command"},
                "commandExecutor": {"argv": ["true"], "keyVariable": "AGENT_KEY"},
            },
            "No key for command (used by critic): the environment variable AGENT_KEY is not set.",
        ),
        (
            {
                "executors": {"critic": "command"},
                "commandExecutor": {"argv": ["true"], "baseURL": "https://a.example/v1"},
            },
            "commandExecutor.baseURL (used by critic) is where a key is taken, and none is named.",
        ),
        (
            {
                "executors": {"critic": "command"},
                "commandExecutor": {"argv": ["true"]},
                "runLimits": {"usd": 5},
            },
            "runLimits.usd could not be kept: command (used by critic) tells what it spent only "
            "afterwards",
        ),
        (
            {
                "executors": {"critic": "command"},
                "commandExecutor": {"argv": ["true"], "network": ["10.0.0.1"]},
            },
            "command (used by critic) could not reach 10.0.0.1 from its sandbox",
        ),
    ],
)
def test_what_could_not_be_carried_out_is_refused_before_anything_is_made(
    tmp_path: Path, settings: dict[str, object], sentence: str
) -> None:
    run = asking(tmp_path, ("w",))
    run.configure(**settings)
    ended = run.program.run("run", "r")
    assert ended.code == ExitCode.USAGE
    assert sentence in ended.err
    assert not run.folder.exists()


def test_a_repository_must_not_name_the_program(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",))
    config = run.user.root / "dispatch-config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(f"{text}commandExecutor: {{argv: [evil]}}\n", encoding="utf-8")
    ended = run.program.run("run", "r")
    assert ended.code == ExitCode.USAGE
    assert "belongs into your own" in ended.err


def test_doctor_says_what_a_program_lacks(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",))
    run.configure(executors={"critic": "command"}, commandExecutor={"argv": ["no-such-agent"]})
    ended = run.program.run("doctor")
    assert ended.code == ExitCode.FAILED
    assert "The program no-such-agent of the executor command (used by critic) is not" in ended.out
    run.configure(executors={"critic": "command"}, commandExecutor={"argv": ["true"]})
    assert "command with scripted:" in run.program.run("doctor").out
