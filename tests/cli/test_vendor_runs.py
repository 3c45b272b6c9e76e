"""A whole run whose roles are vendors' real programs, over a scripted model; else a skip."""

import os
import re
from functools import partial
from pathlib import Path

import pytest
from fakes.asking_run import FINAL, Asking, asking, proposal
from fakes.child_program import Program
from fakes.delegating import SESSION, USAGE, Step, command
from fakes.vendor_programs import DIALECTS, SECRET, folder_of

from dispatch.agents.sandbox.tiers import choose
from dispatch.agents.scripted.script import Call, Reply, Request, Script
from dispatch.agents.scripted.thread import ServerThread
from dispatch.state.enums import AttemptOutcome, Role, RunStatus, SandboxTier
from dispatch.state.errors import ExitCode
from dispatch.state.yaml_text import dumps, loads

needs_bubblewrap = pytest.mark.skipif(
    choose().launcher.tier is not SandboxTier.BUBBLEWRAP, reason="bubblewrap does not hold here"
)
CLAUDE, CODEX = DIALECTS["claude"], DIALECTS["codex"]
DONE = Reply(text="That is all.")
LITELLM = "scripted-judge"  # a model at the provider's, for our own loop
EXECUTORS = {
    "planner": "claude",
    "implementer": "codex",
    "critic": "command",
    "fixAgent": "claude",
}
BY_WHOM = (
    ("plan.planner.1", "claude"),
    ("level-1.gateCritic.1", "litellm"),
    ("level-1.gateCritic.2", "litellm"),
    ("level-2.gateCritic.1", "litellm"),
    ("1a-w.implementer.1", "codex"),
    ("1a-w.critic.1", "command"),
    ("1a-w.fixAgent.1", "claude"),
    ("1a-w.critic.2", "command"),
    ("2a-z.implementer.1", "codex"),
    ("2a-z-dev-1.greybeard.1", "scripted"),
    ("2a-z.critic.1", "command"),
)
SHORT: dict[str, object] = {
    "severity": "moderate",
    "category": "scope",
    "description": "The file z is shorter than planned.",
    "affectedFiles": ["z"],
}
BLOCKING = {
    "id": "w-1",
    "severity": "blocking",
    "description": "One line is too few.",
    "filePath": "w",
    "lineRange": [1, 1],
}


@needs_bubblewrap
def test_every_role_is_somebody_else_s_and_the_run_tells_who_did_what(tmp_path: Path) -> None:
    """Two levels: planned by Claude Code, written by Codex, reviewed by a program of the user's.

    The gate is judged by our own loop over litellm, a deviation by a model of a script; what the
    review found Claude Code repairs.  Implementers claim too little first, and are told so.
    """
    path = os.pathsep.join((str(folder_of("claude")), str(folder_of("codex")), os.environ["PATH"]))
    run = asking(tmp_path)
    script = Script()
    _planner(script)
    _implementer(script, "w")
    _implementer(script, "z", SHORT)
    _fix_agent(script)
    _gate_critic(script)
    greybeard = tmp_path / "greybeard.yaml"
    greybeard.write_text(dumps(RULING), encoding="utf-8")
    with ServerThread(script) as server:
        models = {
            "planner": CLAUDE.model,
            "implementer": CODEX.model,
            "critic": "reviewer",
            "fixAgent": CLAUDE.model,
            "gateCritic": LITELLM,
            "greybeard": f"scripted:{greybeard}",
        }
        _configure(run.user.root / "dispatch-config.yaml", f"{server.url}/v1", models)
        run.configure(**command(run, REVIEWS, executors=EXECUTORS))
        program = Program(run.user, {"PATH": path, "TEST_KEY": SECRET})
        ended = program.run("run", "r")
    assert ended.code == ExitCode.DONE, ended.err
    assert run.run.status == RunStatus.DONE
    attempts = [*run.run.attempts, *(each for task in run.run.tasks for each in task.attempts)]
    assert [(each.id, each.executor, each.outcome) for each in attempts] == [
        (attempt, executor, AttemptOutcome.OK) for attempt, executor in BY_WHOM
    ]
    # Who works in a program of somebody else's has a session to be gone on with.
    ours = ("litellm", "scripted")
    assert [each.id for each in attempts if each.executor not in ours] == [
        each.id for each in attempts if each.session_id
    ]
    tokens = {each.usage.input_tokens for each in attempts if each.role is Role.IMPLEMENTER}
    assert tokens == {40}  # four turns, the claim that was refused among them
    report = (run.folder / "report.md").read_text(encoding="utf-8")
    provenance = report.partition("## Provenance")[2].partition("\n## ")[0]
    said = [line for line in provenance.splitlines() if "` through `" in line]
    assert said == [
        "- critic: `reviewer` through `command`",
        "- fixAgent: `claude-scripted` through `claude`",
        "- gateCritic: `scripted-judge` through `litellm`",
        f"- greybeard: `scripted:{greybeard}` through `scripted`",
        "- implementer: `gpt-scripted` through `codex`",
        "- planner: `claude-scripted` through `claude`",
    ]
    listed = report.partition("## Attempts")[2].partition("\n## ")[0]
    assert [line.split(" with ")[0] for line in listed.strip().splitlines()] == [
        f"- `{attempt}` {attempt.split('.')[1]}, `{executor}`" for attempt, executor in BY_WHOM
    ]
    assert [_note(run, task.commit_sha) for task in run.run.tasks] == [
        [
            "implementer 1a-w.implementer.1: gpt-scripted (codex), ok",
            "critic 1a-w.critic.1: reviewer (command), ok",
            "fixAgent 1a-w.fixAgent.1: claude-scripted (claude), ok",
            "critic 1a-w.critic.2: reviewer (command), ok",
            "critique, round 1: amend, 1 findings",
            "critique, round 2: pass, 0 findings",
        ],
        [
            "implementer 2a-z.implementer.1: gpt-scripted (codex), ok",
            f"greybeard 2a-z-dev-1.greybeard.1: scripted:{greybeard} (scripted), ok",
            "critic 2a-z.critic.1: reviewer (command), ok",
            "critique, round 1: pass, 0 findings",
        ],
    ]
    assert run.user.git("show", "dispatch/r:w") == "w\nmore"
    assert SECRET not in (run.folder / "run-state.yaml").read_text(encoding="utf-8")
    assert run.survivors() == []


def _verdict(task: str, *findings: object) -> tuple[Step, ...]:
    """The steps of a critic."""
    status = "amend" if findings else "pass"
    verdict = {"taskId": task, "status": status, "findings": findings, "newTests": []}
    return (SESSION, ("call", ["recordVerdict", verdict]), USAGE)


REVIEWS = {
    "# Review of task 1a-w: level 1, round 1": _verdict("1a-w", BLOCKING),
    "# Review of task 1a-w: level 1, round 2": _verdict("1a-w"),
    "# Review of task 2a-z: level 2, round 1": _verdict("2a-z"),
}
RULING = {
    "rules": [
        {
            "name": "rule",
            "when": {"tool": "recordGreybeardVerdict"},
            "reply": {
                "calls": [
                    {
                        "name": "recordGreybeardVerdict",
                        "arguments": {
                            "taskId": "2a-z",
                            "deviationId": "2a-z-dev-1",
                            "verdict": "accept",
                            "rationale": "One line is enough.",
                        },
                    }
                ]
            },
        }
    ]
}


def _planner(script: Script) -> None:
    """One call a turn, since each has to be answered before the next."""
    reviewed = {"agentType": "general", "critiqueEnabled": True}
    proposals = (proposal("w"), proposal("z", "w"))
    calls = (*((name, {**task, **reviewed}) for name, task in proposals), ("finalizePlan", FINAL))
    _says(
        script,
        "anthropic",
        "You are the planner",
        *(
            Reply(calls=(Call(name=f"mcp__dispatch__{name}", arguments=arguments),))
            for name, arguments in calls
        ),
    )


def _implementer(script: Script, name: str, *deviations: object) -> None:
    output = {"summary": f"Wrote {name}.", "deviations": deviations, "notes": ""}
    _says(
        script,
        "responses",
        f"# Objective\n\nWrite {name}.",
        CODEX.run(f"echo {name} > {name}"),
        CODEX.hand_in(**output, filesModified=[]),
        CODEX.hand_in(**output, filesModified=[name]),
    )


def _fix_agent(script: Script) -> None:
    output = {"summary": "Wrote more.", "filesModified": ["w"], "deviations": [], "notes": ""}
    _says(
        script,
        "anthropic",
        "# Repair of task 1a-w",
        CLAUDE.run("echo more >> w"),
        CLAUDE.hand_in(**output),
    )


def _gate_critic(script: Script) -> None:
    for level, number, task, status in (
        (1, 1, "1a-w", "amend"),
        (1, 2, "1a-w", "pass"),
        (2, 1, "2a-z", "pass"),
    ):
        verdict = {
            "level": level,
            "status": status,
            "perTask": {task: {"status": status, "findings": []}},
        }
        reply = Reply(calls=(Call(name="recordGateVerdict", arguments=verdict),))
        about = f"# Gate of level {level}, round {number}"
        script.on(about, partial(_is, "openai", 0, about), reply)


def _says(script: Script, wire: str, about: str, *replies: Reply) -> None:
    """A program's model, turn by turn, until it has handed in."""
    for turn, reply in enumerate((*replies, DONE)):
        script.on(f"{about} {turn}", partial(_is, wire, turn, about), reply)


def _is(wire: str, turn: int, about: str, request: Request) -> bool:
    told = f"{request.system}\n{request.text}"
    return (request.wire, request.turn) == (wire, turn) and about in told


def _note(run: Asking, commit: str | None) -> list[str]:
    """Who made and judged a commit, without what it took."""
    note = run.user.git("notes", "--ref=refs/notes/dispatch/r", "show", commit or "")
    return [re.sub(r", \d+ turns, .*", "", line) for line in note.splitlines()]


def _configure(path: Path, url: str, models: dict[str, str]) -> None:
    config = loads(path.read_text(encoding="utf-8"))
    assert isinstance(config, dict)
    config["modelConfig"] |= models
    config["provider"] = {"baseURL": url, "adapter": "openai", "apiKeyEnv": "TEST_KEY"}
    path.write_text(dumps(config), encoding="utf-8")
