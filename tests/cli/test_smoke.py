"""Three small runs from outside, over HTTP: a plan and no more, a whole run, a run gone on with."""

import signal
from pathlib import Path

import pytest
from fakes.child_program import Program, document, until
from fakes.git_repos import User, a_user

from dispatch.agents.scripted.script import Call, Reply, Script, When
from dispatch.agents.scripted.thread import ServerThread

RUN = "dispatch-smoke"
KEY_VARIABLE = "SMOKE_API_KEY"
CONFIG = """\
buildGate: ["echo baseline-marker"]
isolation: level
verifySubmissions: false
provider: {{baseURL: "{url}/v1", adapter: openai, apiKeyEnv: SMOKE_API_KEY}}
modelConfig:
  planner: smoke/planner
  implementer: smoke/implementer
  critic: smoke/critic
  gateCritic: smoke/gate-critic
  greybeard: smoke/greybeard
  attribution: smoke/attribution
  fixAgent: smoke/fix-agent
"""
SPEC = "# Greet\n\nA program that greets whoever it is told to.\n"
KEPT = (
    "createdAt",
    "baseCommit",
    "integrationBranch",
    "identity",
    "baselineBuildLogPath",
    "baselineCommands",  # with how long each took
    "baselineFailures",
)
READING = ("read_file", "grep", "search_files")


@pytest.fixture
def user(tmp_path: Path) -> User:
    """A user with a repository that is nearly empty, and a spec."""
    return a_user(tmp_path, {"spec.md": SPEC, "src/main.ts": "export {};\n"})


@pytest.fixture
def program(user: User) -> Program:
    """The program, with a key."""
    return Program(user, {KEY_VARIABLE: "dummy"})


def test_a_plan_is_made_and_written_down_before_anybody_carries_it_out(
    user: User, program: Program
) -> None:
    """[SM-01] The planner alone; the run is interrupted while the first implementers think."""
    plan = (_propose("greet"), _propose("format"), _propose("wire", "1a-greet", "1b-format"))
    script = Script()
    script.on("plan", When(tool="proposeTask"), Reply(calls=(*plan, _finalize())))
    for task_id in ("1a-greet", "1b-format"):
        script.on(task_id, When(tool="submitOutput", contains=(task_id,)), Reply(), held=True)
    with ServerThread(script) as server:
        _configure(user, server)
        with program.started(RUN, "--skip-baseline") as process:
            server.wait_seen("1a-greet")
            server.wait_seen("1b-format")
            process.popen.send_signal(signal.SIGINT)
            ended = process.wait()
        server.settled()
        (asked,) = script.rule("plan").requests
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.splitlines()[-1] == (
        f"dispatch: Interrupted; what was done is kept. Continue it: dispatch {RUN}"
    )
    run = document(user, RUN)
    assert run["status"] == "executing"
    assert [(task["id"], task["level"], task["dependsOn"]) for task in _tasks(run)] == [
        ("1a-greet", 1, []),
        ("1b-format", 1, []),
        ("2a-wire", 2, ["1a-greet", "1b-format"]),
    ]
    folder = user.root / "dispatch" / RUN
    assert {path.parent.name: path.read_text() for path in folder.glob("tasks/*/plan.md")} == {
        "1a-greet": _plan("greet"),
        "1b-format": _plan("format"),
        "2a-wire": _plan("wire"),
    }
    planning = ("proposeTask", "reviseTask", "withdrawTask", "finalizePlan")
    assert set(asked.tools) == {*READING, *planning}


def test_a_run_of_two_levels_leaves_the_evidence_of_each_step(user: User, program: Program) -> None:
    """[SM-02] Absolute paths, and each agent's work and its end in one message."""
    trees = user.root / "dispatch" / RUN / "worktrees"
    greet = {"src/greet.ts": "export const greet = 1;\n", "src/greet.test.ts": "greet;\n"}
    wire = {"src/index.ts": 'export * from "./greet";\n'}
    script = Script()
    calls = (_propose("greet"), _propose("wire", "1a-greet"), _finalize())
    script.on("plan", When(tool="proposeTask"), Reply(calls=calls))
    _carried_out(script, "1a-greet", trees / "level-1", greet)
    _carried_out(script, "2a-wire", trees / "level-2", wire)
    with ServerThread(script) as server:
        _configure(user, server)
        ended = program.run(RUN)
        server.check()
    folder = user.root / "dispatch" / RUN
    assert (ended.code, ended.out) == (0, f"{folder}/report.md\n")
    run = document(user, RUN)
    first, second = tasks = _tasks(run)
    assert run["status"] == "done"
    assert [(task["id"], task["level"], task["dependsOn"]) for task in tasks] == [
        ("1a-greet", 1, []),
        ("2a-wire", 2, ["1a-greet"]),
    ]
    assert [(task["status"], task["amendmentRoundsTotal"]) for task in tasks] == [
        ("completed", 0),
        ("completed", 0),
    ]
    assert [task["worktreePath"] for task in tasks] == [f"{trees}/level-1", f"{trees}/level-2"]
    assert [_contents(trees / "level-1", greet), _contents(trees / "level-2", wire)] == [
        greet,
        wire,
    ]
    verdict = {"round": 1, "status": "pass", "findings": [], "newTests": []}
    assert [task["critiqueVerdicts"] for task in tasks] == [[verdict], [verdict]]
    assert run["gateVerdicts"] == [
        {"level": 1, "round": 1, "status": "pass", "perTask": {"1a-greet": _passed()}},
        {"level": 2, "round": 1, "status": "pass", "perTask": {"2a-wire": _passed()}},
    ]
    store = folder / "git"
    tips = [user.git("rev-parse", f"dispatch/{RUN}-level-{n}", cwd=store) for n in (1, 2)]
    assert tips == [task["commitSHA"] for task in tasks]
    assert [_files(user, first), _files(user, second)] == [sorted(greet), sorted(wire)]
    assert (run["baselineBuildLogPath"], run["baselineFailures"]) == (
        f"{folder}/baseline-build.log",
        [],
    )
    _assert_one_round_that_passed(run, folder)
    # The gate ran twice, and nothing else did.
    assert sorted(path.name for path in (folder / "builds").iterdir()) == ["baseline", "final-1"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "attempts",
        "baseline-build.log",
        "builds",
        "events.jsonl",
        "final-build.log-1",
        "git",
        "lock",
        "receipts",
        "report.html",
        "report.md",
        "run-state.prev.yaml",
        "run-state.yaml",
        "shadows",
        "spec.md",
        "tasks",
        "worktrees",
    ]


def test_a_run_killed_while_it_was_planned_keeps_its_baseline(user: User, program: Program) -> None:
    """[SM-03] What was measured and chosen before stays; the baseline does not run again."""
    greet = {"src/greet.ts": "export const greet = 1;\n"}
    script = Script()
    calls = (_propose("greet"), _finalize())
    script.on("plan", When(tool="proposeTask"), Reply(calls=calls), held=True, times=2)
    tree = user.root / "dispatch" / RUN / "worktrees" / "level-1"
    _carried_out(script, "1a-greet", tree, greet)
    with ServerThread(script) as server:
        _configure(user, server)
        with program.started(RUN) as process:
            server.wait_seen("plan")
            until(lambda: bool(document(user, RUN).get("baselineCommands")))
            process.kill()
        before = document(user, RUN)
        server.settled()
        server.release("plan")
        ended = program.run(RUN)
        server.check()
    assert (before["status"], before["tasks"]) == ("planning", [])
    assert ended.code == 0
    after = document(user, RUN)
    assert {key: after[key] for key in KEPT} == {key: before[key] for key in KEPT}
    assert after["status"] == "done"
    assert [(task["id"], task["status"]) for task in _tasks(after)] == [("1a-greet", "completed")]
    _assert_one_round_that_passed(after, user.root / "dispatch" / RUN)


def _configure(user: User, server: ServerThread) -> None:
    user.write({"dispatch-config.yaml": CONFIG.format(url=server.url)})


def _plan(name: str) -> str:
    return (
        f"# Objective\n\nMake `{name}`.\n\n# How\n\n" + "As simply as it can be done. " * 8 + "\n"
    )


def _propose(name: str, *depends_on: str) -> Call:
    return Call(
        name="proposeTask",
        arguments={
            "idHint": name,
            "dependsOn": [each.partition("-")[2] for each in depends_on],
            "objective": f"Make {name}.",
            "planMarkdown": _plan(name),
            "agentType": "general",
            "class": "feature",
            "verifyCommands": [],
            "critiqueEnabled": True,
        },
    )


def _finalize() -> Call:
    arguments = {
        "verificationMode": "baseline-equality",
        "verificationModeRationale": "The gate says the same whatever is done.",
    }
    return Call(name="finalizePlan", arguments=arguments)


def _carried_out(script: Script, task_id: str, tree: Path, files: dict[str, str]) -> None:
    """A task's implementer, critic and gate critic, none of whom has anything to object."""
    level = int(task_id[0])
    writes = [
        Call(name="write_file", arguments={"path": f"{tree}/{path}", "content": text})
        for path, text in files.items()
    ]
    output = {"summary": "Made.", "filesModified": list(files), "deviations": [], "notes": ""}
    verdict = {"taskId": task_id, "status": "pass", "findings": [], "newTests": []}
    gate = {"level": level, "status": "pass", "perTask": {task_id: _passed()}}
    answers = {
        "submitOutput": (*writes, Call(name="submitOutput", arguments=output)),
        "recordVerdict": (Call(name="recordVerdict", arguments=verdict),),
        "recordGateVerdict": (Call(name="recordGateVerdict", arguments=gate),),
    }
    for tool, calls in answers.items():
        when = When(tool=tool, contains=(task_id,))
        script.on(f"{tool} {task_id}", when, Reply(calls=calls))


def _passed() -> dict[str, object]:
    return {"status": "pass", "findings": []}


def _tasks(run: dict[str, object]) -> list[dict[str, object]]:
    tasks = run["tasks"]
    assert isinstance(tasks, list)
    return tasks


def _contents(root: Path, files: dict[str, str]) -> dict[str, str]:
    return {name: (root / name).read_text() for name in files}


def _files(user: User, task: dict[str, object]) -> list[str]:
    return user.git("show", "--format=", "--name-only", str(task["commitSHA"])).split("\n")


def _assert_one_round_that_passed(run: dict[str, object], folder: Path) -> None:
    rounds = run["verificationRounds"]
    assert isinstance(rounds, list)
    (only,) = rounds
    (command,) = only.pop("commands")
    assert (command["command"], command["exitCode"]) == ("echo baseline-marker", 0)
    assert only.pop("reason")
    assert only == {
        "round": 1,
        "finalBuildLogPath": f"{folder}/final-build.log-1",
        "newFailures": [],
        "regressedCommands": [],
        "attribution": {},
        "explanations": [],
        "rebuildFromLevel": None,
        "reviews": {},
        "outcome": "pass",
    }
    assert "baseline-marker\n" in (folder / "final-build.log-1").read_text()
