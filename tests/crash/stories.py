"""Small runs, one for each way a run can go: a project of two files, and what its agents say."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen
from fakes import fake_cli
from fakes.run_harness import git

from dispatch.gitops.sample import make_repository
from dispatch.state.enums import Role

RUN: Final = "tally"
PROGRAMS: Final = "programs"
BASE: Final = "one\ntwo\nthree\n"

Rule = dict[str, Any]
Use = tuple[str, dict[str, Any]]
Step = tuple[str, Any]


@frozen(kw_only=True)
class Story:
    """What a run is about: its rules, and the build gate.

    ``delegated`` are the steps of another program (``fake_cli``) by words of what it is told; it
    carries out implementers and critics.  Without any our own loop does.
    """

    name: str
    rules: tuple[Rule, ...]
    gate: str = "test -s base.txt"
    config: Mapping[str, Any] = field(factory=dict)
    delegated: Mapping[str, tuple[Step, ...]] = field(factory=dict)


def set_up(story: Story, folder: Path, place: Path) -> None:
    """Make the repository of a story in ``folder``, as it is to be found at ``place``."""
    for name in ("home", "tmp", RUN):
        (folder / name).mkdir(parents=True)
    root, script = folder / RUN, "script.json"
    (folder / script).write_text(json.dumps({"rules": story.rules}), encoding="utf-8")
    models = {role.value: f"scripted:{place / script}" for role in Role}
    config = {"buildGate": [story.gate], "modelConfig": models, **story.config}
    (root / "dispatch-config.yaml").write_text(json.dumps(config), encoding="utf-8")
    (root / "spec.md").write_text("# Words\n\nWrite more of them.\n", encoding="utf-8")
    (root / "base.txt").write_text(BASE, encoding="utf-8")
    if story.delegated:
        _set_up_program(story, folder, place)
    make_repository(root)
    git(root, "gc", "-q")  # one pack: the fewer files, the faster a copy


def _set_up_program(story: Story, folder: Path, place: Path) -> None:
    """The program, where commands see it, and the settings of the user who has it."""
    (folder / PROGRAMS).mkdir()
    shutil.copy(fake_cli.__file__, folder / PROGRAMS)
    steps = json.dumps(story.delegated)
    program = str(place / PROGRAMS / Path(fake_cli.__file__).name)
    settings = {
        "executors": {"implementer": "command", "critic": "command"},
        "commandExecutor": {
            "argv": [os.path.realpath(sys.executable), "-I", program, steps],
            "resumes": True,
        },
        "sandbox": {"readOnly": [str(place / PROGRAMS)]},
    }
    config = folder / "home" / ".config" / "dispatch" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(json.dumps(settings), encoding="utf-8")


def _plan(*tasks: dict[str, Any]) -> Rule:
    final = {"verificationMode": "no-new-failures", "verificationModeRationale": "Files are added."}
    uses: list[Use] = [("proposeTask", task) for task in tasks]
    return _rule("plan", "", "proposeTask", 0, *uses, ("finalizePlan", final))


def _task(hint: str, *, level: int = 1, after: Sequence[str] = (), reviewed: bool = False) -> Any:
    return {
        "idHint": hint,
        "level": level,
        "dependsOn": list(after),
        "objective": f"Write {hint}.",
        "planMarkdown": f"# Objective\n\nWrite {hint}.\n\n" + "The file holds few lines. " * 15,
        "agentType": "intern",
        "class": "feature",
        "verifyCommands": [],
        "critiqueEnabled": reviewed,
    }


def _writes(seed: str, *files: tuple[str, str], deviations: Sequence[Any] = ()) -> list[Rule]:
    """An agent that writes files, looks at them in a shell, and hands in.

    What is not accepted, because a call of its own failed, it does once more.
    """
    written: list[Use] = [("write_file", {"path": path, "content": text}) for path, text in files]
    looks: Use = ("run_shell", {"command": f"cat {files[0][0]} > .seen && rm .seen"})
    handed_in = {
        "summary": "Written.",
        "filesModified": sorted(path for path, _ in files),
        "deviations": list(deviations),
        "notes": "",
    }
    tidies: Use = ("run_shell", {"command": "rm -f .seen"})
    return [
        _rule(f"{seed}: works", seed, "submitOutput", 0, *written, looks),
        _rule(f"{seed}: submits", seed, "submitOutput", 1, ("submitOutput", handed_in)),
        _rule(f"{seed}: repairs", seed, "submitOutput", 2, *written, tidies),
        _rule(f"{seed}: submits again", seed, "submitOutput", 3, ("submitOutput", handed_in)),
    ]


def _review(task: str, number: int, *findings: dict[str, Any]) -> Rule:
    """A critic's verdict on a task of level 1."""
    verdict = {
        "taskId": task,
        "status": "amend" if findings else "pass",
        "findings": list(findings),
        "newTests": [],
    }
    seed = f"# Review of task {task}: level 1, round {number}"
    return _rule(seed, seed, "recordVerdict", 0, ("recordVerdict", verdict))


def _gate(level: int, number: int, *tasks: str, amend: Sequence[str] = ()) -> Rule:
    """The gate critic's verdict on a level."""
    said: dict[str, Any] = {
        task: {"status": "amend" if task in amend else "pass", "findings": []} for task in tasks
    }
    verdict = {"level": level, "status": "amend" if amend else "pass", "perTask": said}
    seed = f"# Gate of level {level}, round {number}"
    return _rule(seed, seed, "recordGateVerdict", 0, ("recordGateVerdict", verdict))


def _rule(name: str, seed: str, tool: str, turn: int, *uses: Use) -> Rule:
    calls = [{"name": tool_name, "arguments": arguments} for tool_name, arguments in uses]
    return {
        "name": name,
        "when": {"tool": tool, "turn": turn, **({"contains": [seed]} if seed else {})},
        "times": "any",  # an agent that was cut off asks again
        "reply": {"calls": calls, "usage": {"input": 100, "output": 10, "usd": 0.25}},
    }


def _program(*works: Step, claims: Sequence[Sequence[str]]) -> tuple[Step, ...]:
    """An agent in a program of somebody else's; it hands in one claim after the other."""
    handed_in = [{"summary": "Written.", "filesModified": files, **_NO_MORE} for files in claims]
    return (_SESSION, *works, *(("call", ["submitOutput", each]) for each in handed_in), _USED)


_SESSION: Final[Step] = ("session", None)
_USED: Final[Step] = (
    "event",
    {"type": "usage", "turns": 1, "inputTokens": 100, "outputTokens": 10, "costUSD": 0.25},
)
_NO_MORE: Final = {"deviations": [], "notes": ""}
_BLOCKING: Final = {
    "id": "x-1",
    "severity": "blocking",
    "description": "One line is too few.",
    "filePath": "x",
    "lineRange": [1, 1],
}
_DEVIATION: Final = {
    "severity": "major",
    "category": "scope",
    "description": "The file x is shorter than planned.",
    "affectedFiles": ["x"],
}

_STRAIGHT: Final = Story(
    name="straight",
    rules=(
        _plan(_task("x", reviewed=True), _task("y"), _task("z", level=2, after=["x"])),
        *_writes("# Task 1a-x", ("x", "x\n")),
        *_writes("# Task 1b-y", ("y", "y\n"), ("sub/y", "y\n")),
        *_writes("# Task 2a-z", ("z", "z\n"), ("x", "x\nz\n")),
        _review("1a-x", 1),
        _gate(1, 1, "1a-x", "1b-y"),
        _gate(2, 1, "2a-z"),
    ),
)
_AMENDMENT: Final = Story(
    name="amendment",
    rules=(
        _plan(_task("x", reviewed=True), _task("y")),
        *_writes("# Task 1a-x", ("x", "x\n")),
        *_writes("# Task 1b-y", ("y", "y\n")),
        _review("1a-x", 1, _BLOCKING),
        _gate(1, 1, "1a-x", "1b-y", amend=["1a-x"]),
        *_writes("# Repair of task 1a-x, round 1", ("x", "x\nx\n")),
        _review("1a-x", 2),
        _gate(1, 2, "1a-x", "1b-y"),
    ),
)
_CONFLICT: Final = Story(
    name="conflict",
    rules=(
        _plan(_task("x"), _task("y")),
        *_writes("# Task 1a-x", ("base.txt", "one\nx\nthree\n")),
        *_writes("# Task 1b-y", ("base.txt", "one\ny\nthree\n")),
        *_writes("# Repair of task 1b-y, round 1", ("base.txt", "one\nx\ny\nthree\n")),
        _gate(1, 1, "1a-x", "1b-y"),
    ),
)
_REGRESSION: Final = Story(
    name="regression",
    gate="grep -q two base.txt",
    rules=(
        _plan(
            {**_task("x"), "verifyCommands": ["test -s x"]},
            {**_task("y"), "verifyCommands": ["test -s base.txt"]},
        ),
        *_writes("# Task 1a-x", ("x", "x\n")),
        *_writes("# Task 1b-y", ("base.txt", "one\nthree\n")),
        _gate(1, 1, "1a-x", "1b-y"),
        *_writes("# Repair of task 1b-y, round 1", ("base.txt", "one\ntwo\n")),
        _gate(1, 2, "1a-x", "1b-y"),
    ),
)
_ESCALATION: Final = Story(
    name="escalation",
    rules=(
        _plan(_task("x"), _task("y")),
        *_writes("# Task 1a-x", ("x", "x\n"), deviations=[_DEVIATION]),
        *_writes("# Task 1b-y", ("y", "y\n")),
        _gate(1, 1, "1a-x", "1b-y"),
    ),
)
_DELEGATED: Final = Story(
    name="delegated",
    rules=(_plan(_task("x", reviewed=True), _task("y")), _gate(1, 1, "1a-x", "1b-y")),
    delegated={
        "# Review of task 1a-x": (_SESSION, ("judge", "task"), _USED),
        "# Task 1a-x": _program(("write", ["x", "x\n"]), claims=[[], ["x"]]),
        "# Task 1b-y": _program(("write", ["y", "y\n"]), claims=[["y"]]),
    },
)
_RACE: Final = Story(
    name="race",
    config={"race": {"n": 2, "agentTypes": ["intern"]}},
    rules=(
        _plan(_task("x", reviewed=True)),
        *_writes("# Task 1a-x", ("x", "x\n")),
        _review("1a-x", 1),
        _gate(1, 1, "1a-x"),
    ),
)
_SINGLE: Final = Story(
    name="single",
    rules=(_plan(_task("x")), *_writes("# Task 1a-x", ("x", "x\n"))),
)
STORIES: Final = {
    each.name: each
    for each in (
        _STRAIGHT,
        _AMENDMENT,
        _CONFLICT,
        _REGRESSION,
        _ESCALATION,
        _DELEGATED,
        _RACE,
        _SINGLE,
    )
}
SWEPT: Final = tuple(name for name in STORIES if name != "single")  # that is for quick tests
