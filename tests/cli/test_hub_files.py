"""Hub files from the command line: one run in which each rule joins what two tasks changed."""

from collections.abc import Callable, Mapping
from typing import Any

from fakes.git_repos import User

from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.enums import Role
from dispatch.state.yaml_text import dumps

Cli = Callable[..., tuple[int, str, str]]
Files = Mapping[str, str]
BASE = {"CHANGES.md": "# Changes\n", "lock": "0\n", "part-0": "0\n", "registry": "none\n"}


def play(user: User, rules: list[dict[str, str]], works: Mapping[str, Files], names: str) -> None:
    """Write the configuration, and the script of implementers that write and claim files."""
    calls = [("proposeTask", _proposal(task[3:], names)) for task in works]
    final = {"verificationMode": "no-new-failures", "verificationModeRationale": "Files come."}
    script = [_rule("plan", "proposeTask", 0, None, *calls, ("finalizePlan", final))]
    for task, files in works.items():
        written = [("write_file", {"path": path, "content": files[path]}) for path in files]
        claim = {
            "summary": f"Wrote {task}.",
            "filesModified": list(files),
            "deviations": [],
            "notes": "",
        }
        script.append(_rule(f"{task} writes", "submitOutput", 0, task, *written))
        script.append(_rule(f"{task} ends", "submitOutput", 1, task, ("submitOutput", claim)))
    path = user.root.parent / "script.yaml"
    path.write_text(dumps({"rules": script}), encoding="utf-8")
    models = {role.value: f"scripted:{path}" for role in Role}
    config = {"buildGate": ["test -d ."], "hubFiles": rules, "modelConfig": models}
    user.write({**BASE, "spec.md": "# Spec\n"})
    user.commit("base")
    user.write({"dispatch-config.yaml": dumps(config)})


def _proposal(name: str, names: str) -> dict[str, Any]:
    return {
        "idHint": name,
        "level": 1,
        "dependsOn": [],
        "objective": f"Do {name}.",
        "planMarkdown": f"# Objective\n\nDo {name}; {names}.\n\n" + "As is usual here. " * 15,
        "agentType": "intern",
        "class": "feature",
        "verifyCommands": [],
        "critiqueEnabled": False,
    }


def _rule(
    name: str, tool: str, turn: int, contains: str | None, *calls: tuple[str, Any]
) -> dict[str, Any]:
    made = [{"name": call, "arguments": arguments} for call, arguments in calls]
    when = {"tool": tool, "turn": turn, **({"contains": [contains]} if contains else {})}
    return {"name": name, "when": when, "times": "any", "reply": {"calls": made}}


def test_changelogs_are_united_and_lock_files_made_anew(user: User, cli: Cli) -> None:
    """No fix agent is asked: the script has none. The report has the receipt."""
    rules = [
        {"glob": "CHANGES*", "strategy": "union"},
        {"glob": "lock", "strategy": "regenerate", "command": "cat part-* > lock"},
    ]
    works = {
        "1a-x": {"CHANGES.md": "# Changes\n- x\n", "part-1": "1\n", "lock": "0\n1\n"},
        "1b-y": {"CHANGES.md": "# Changes\n- y\n", "part-2": "2\n", "lock": "0\n2\n"},
    }
    play(user, rules, works, "nothing else")
    code, _, err = cli("run", "r")
    assert code == 0, err
    assert user.git("show", "dispatch/r:CHANGES.md") == "# Changes\n- x\n- y"
    assert user.git("show", "dispatch/r:lock") == "0\n1\n2"
    folder = user.root / "dispatch" / "r"
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert ": 8 present, 0 superseded, 0 escalated" in report
    assert (folder / "receipts" / "level-1.yaml").read_text().count("fate: present") == 8


def test_tasks_that_name_a_serialised_file_come_one_after_the_other(user: User, cli: Cli) -> None:
    works = {"1a-x": {"registry": "x\n"}, "1b-y": {"registry": "x\ny\n"}}
    play(user, [{"glob": "registry", "strategy": "serialise"}], works, "then add it to `registry`")
    code, _, err = cli("run", "r")
    assert code == 0, err
    assert "Task 1b-y is carried out at level 2, because no two tasks of a level may" in err
    assert user.git("show", "dispatch/r:registry") == "x\ny"
    tasks = load_run(user.root / "dispatch" / "r" / DOCUMENT).tasks
    assert [(task.id, task.level, task.fixes) for task in tasks] == [
        ("1a-x", 1, ()),
        ("1b-y", 2, ()),
    ]


def test_a_rule_that_cannot_be_meant_is_refused_with_its_line(user: User, cli: Cli) -> None:
    """[CF-02] Nothing is made."""
    play(user, [{"glob": "lock", "strategy": "regenerate"}], {}, "")
    code, _, err = cli("run", "r")
    assert code == 2
    assert "hubFiles[0]: needs a command that makes the file anew" in err
    assert not (user.root / "dispatch").exists()


def test_the_template_shows_how_a_rule_is_written(user: User, cli: Cli) -> None:
    assert cli("init")[0] == 0
    text = (user.root / "dispatch-config.yaml").read_text(encoding="utf-8")
    uncommented = "\n".join(line.removeprefix("# ") for line in text.split("\n"))
    assert "hubFiles:\n  - {glob: CHANGELOG.md, strategy: union}" in uncommented
