"""A whole run whose roles are vendors' real programs, over a scripted model; without them a skip.

The model is on the loopback address, which no sandbox leads to: so these runs have none.
"""

import os
from functools import partial
from pathlib import Path

from fakes.asking_run import FINAL, asking, proposal
from fakes.child_program import Program
from fakes.vendor_programs import DIALECTS, SECRET, folder_of

from dispatch.agents.scripted.script import Call, Reply, Request, Script
from dispatch.agents.scripted.thread import ServerThread
from dispatch.state.enums import AttemptOutcome, RunStatus
from dispatch.state.errors import ExitCode
from dispatch.state.yaml_text import dumps, loads

CLAUDE, CODEX = DIALECTS["claude"], DIALECTS["codex"]
DONE = Reply(text="That is all.")


def test_a_planner_and_implementers_are_different_programs(tmp_path: Path) -> None:
    """Two levels; each implementer claims too little first, is told so, and repairs it."""
    path = os.pathsep.join((str(folder_of("claude")), str(folder_of("codex")), os.environ["PATH"]))
    run = asking(tmp_path, ("w",), later=("z",))
    script = Script()
    _planner(script)
    for name in ("w", "z"):
        _implementer(script, name)
    with ServerThread(script) as server:
        url = server.url.replace("127.0.0.1", "localhost")
        _configure(run.user.root / "dispatch-config.yaml", f"{url}/v1")
        executors = {"planner": "claude", "implementer": "codex"}
        run.configure(executors=executors)
        program = Program(run.user, {"PATH": path, "TEST_KEY": SECRET})
        ended = program.run("run", "r", "--no-sandbox")
    assert ended.code == ExitCode.DONE, ended.err
    assert run.run.status == RunStatus.DONE
    attempts = [*run.run.attempts, *(each for task in run.run.tasks for each in task.attempts)]
    assert [(each.role, each.executor, each.outcome) for each in attempts if each.session_id] == [
        ("planner", "claude", AttemptOutcome.OK),
        ("implementer", "codex", AttemptOutcome.OK),
        ("implementer", "codex", AttemptOutcome.OK),
    ]
    assert all(each.usage.input_tokens == 40 for each in attempts if each.session_id)
    assert SECRET not in (run.folder / "run-state.yaml").read_text(encoding="utf-8")
    assert run.survivors() == []


def _planner(script: Script) -> None:
    """One call a turn, since each has to be answered before the next."""
    calls = (proposal("w"), proposal("z", "w"), ("finalizePlan", FINAL))
    replies = [
        Reply(calls=(Call(name=f"mcp__dispatch__{name}", arguments=arguments),))
        for name, arguments in calls
    ]
    for turn, reply in enumerate((*replies, DONE)):
        script.on(f"plan {turn}", partial(_is, "anthropic", turn, ""), reply)


def _implementer(script: Script, name: str) -> None:
    output = {"summary": f"Wrote {name}.", "deviations": [], "notes": ""}
    replies = (
        CODEX.run(f"echo {name} > {name}"),
        CODEX.hand_in(**output, filesModified=[]),
        CODEX.hand_in(**output, filesModified=[name]),
        DONE,
    )
    about = f"# Objective\n\nWrite {name}."
    for turn, reply in enumerate(replies):
        script.on(f"{name} {turn}", partial(_is, "responses", turn, about), reply)


def _is(wire: str, turn: int, about: str, request: Request) -> bool:
    return (request.wire, request.turn) == (wire, turn) and about in request.text


def _configure(path: Path, url: str) -> None:
    config = loads(path.read_text(encoding="utf-8"))
    assert isinstance(config, dict)
    config["modelConfig"] |= {"planner": CLAUDE.model, "implementer": CODEX.model}
    config["provider"] = {"baseURL": url, "adapter": "openai", "apiKeyEnv": "TEST_KEY"}
    path.write_text(dumps(config), encoding="utf-8")
