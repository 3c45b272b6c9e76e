"""A user whose agents ask: tasks that depart from their plan, and one that waits for a file."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from fakes.child_program import Program, commands_of, survivors_of
from fakes.git_repos import User, a_user

from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.enums import Role, RunStatus
from dispatch.state.judgements import Escalation
from dispatch.state.records import Run
from dispatch.state.yaml_text import dumps

FINAL = {"verificationMode": "no-new-failures", "verificationModeRationale": "Files are added."}


@frozen
class Asking:
    """The run ``r`` of a user: task ``x`` asks ``1a-x-dev-1``, ``y`` asks ``1b-y-dev-1``."""

    user: User
    program: Program
    go: Path  # until this file is there, the command of task ``z`` sleeps

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.user.root / "dispatch" / "r"

    @property
    def run(self) -> Run:
        """The document, which must be legal whenever it is looked at."""
        return load_run(self.folder / DOCUMENT)

    def open(self) -> list[str]:
        """The ids of the open questions; none while there is no run."""
        if not (self.folder / DOCUMENT).exists():
            return []
        return [each.id for each in self.run.escalations if each.answer is None]

    def question(self, name: str) -> Escalation:
        """One question, open or answered."""
        return next(each for each in self.run.escalations if each.id == name)

    def path(self, name: str) -> Path:
        """The file of an open question."""
        return self.folder / "escalations" / f"{name}.yaml"

    def edit(self, name: str, old: str, new: str) -> None:
        """Edit a question's file as an editor does that saves in place."""
        text = self.path(name).read_text(encoding="utf-8")
        edited = re.sub(old, new, text)
        assert edited != text
        self.path(name).write_text(edited, encoding="utf-8")

    def survivors(self) -> list[str]:
        """Processes that still carry the run's mark."""
        return survivors_of(self.folder)

    def commands(self) -> list[int]:
        """The processes that run commands of agents and builds."""
        return commands_of(self.folder)

    def is_at_work(self) -> bool:
        """Whether the implementer of task ``z`` waits for ``go``; never without that task."""
        has_begun = (self.folder / DOCUMENT).exists() and self.run.status is RunStatus.EXECUTING
        return has_begun and any(f"'{self.go}'" in line for line in self.survivors())

    def configure(self, **settings: Any) -> None:
        """The user's own settings, beside the models and the gate; commands see ``go``'s folder."""
        path = self.user.home / ".config" / "dispatch" / "config.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        seen = {"sandbox": {"readOnly": [str(self.go.parent)]}}
        path.write_text(dumps({**seen, **settings}), encoding="utf-8")


def asking(
    folder: Path,
    names: Sequence[str] = ("x",),
    severity: str = "major",
    later: Sequence[str] = (),
) -> Asking:
    """A user's repository whose agents are played from a script; ``w`` and ``z`` ask nothing.

    Tasks of ``later`` make a second level, after the first of ``names``.
    """
    user = a_user(folder)
    asking = Asking(user, Program(user), folder / "seen" / "go")
    asking.go.parent.mkdir()
    asking.configure()
    proposals = [*map(proposal, names), *(proposal(name, names[0]) for name in later)]
    rules = [_rule("plan", (), "proposeTask", 0, *proposals, ("finalizePlan", FINAL))]
    for name in (*names, *later):
        calls = [("write_file", {"path": name, "content": f"{name}\n"})]
        if name == "z":
            wait = f"for i in $(seq 600); do test -e '{asking.go}' && break; sleep 0.1; done"
            calls.append(("run_shell", {"command": wait}))
        about = (f"Write {name}.",)
        rules.append(_rule(f"write {name}", about, "submitOutput", 0, *calls))
        output = {
            "summary": f"Wrote {name}.",
            "filesModified": [name],
            "deviations": [] if name in "wz" else [_deviation(name, severity)],
            "notes": "",
        }
        rules.append(_rule(f"submit {name}", about, "submitOutput", 1, ("submitOutput", output)))
        rules.append(_ruling(name))
    script = folder / "script.yaml"
    script.write_text(dumps({"rules": rules}), encoding="utf-8")
    models = {role.value: f"scripted:{script}" for role in Role}
    config = dumps({"buildGate": ["test -d ."], "modelConfig": models})
    user.write({"dispatch-config.yaml": config, "spec.md": "# Write files\n"})
    return asking


def proposal(name: str, after: str = "") -> tuple[str, Any]:
    """The call that proposes the task of that name, on the first level or after another one."""
    plan = f"# Objective\n\nWrite {name}.\n\n" + "The file holds one line. " * 15
    return "proposeTask", {
        "idHint": name,
        "level": 2 if after else 1,
        "dependsOn": [after] if after else [],
        "objective": f"Write {name}.",
        "planMarkdown": plan,
        "agentType": "intern",
        "class": "feature",
        "verifyCommands": [],
        "critiqueEnabled": False,
    }


def _deviation(name: str, severity: str) -> dict[str, Any]:
    return {
        "severity": severity,
        "category": "scope",
        "description": f"The file {name} is shorter than planned.",
        "affectedFiles": [name],
    }


def _ruling(name: str) -> dict[str, Any]:
    """The greybeard leaves it to the operator."""
    call = {
        "taskId": f"1a-{name}",
        "deviationId": f"1a-{name}-dev-1",
        "verdict": "escalate",
        "rationale": "That is not for me to say.",
    }
    tool = "recordGreybeardVerdict"
    return _rule(f"rule {name}", (f"Write {name}.",), tool, 0, (tool, call))


def _rule(
    name: str, about: tuple[str, ...], tool: str, turn: int, *calls: tuple[str, Any]
) -> dict[str, Any]:
    made = [{"name": call, "arguments": arguments} for call, arguments in calls]
    when = {"tool": tool, "turn": turn, **({"contains": list(about)} if about else {})}
    return {
        "name": name,
        "when": when,
        "reply": {"calls": made, "usage": {"input": 100, "output": 10, "usd": 0.25}},
        "times": "any",
    }
