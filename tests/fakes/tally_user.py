"""A user whose repository is the demonstration's project, and its script over HTTP."""

from importlib.resources import as_file, files
from pathlib import Path
from shutil import copytree, ignore_patterns

from attrs import evolve
from fakes.git_repos import User, a_user

from dispatch.agents.scripted.script import Call, Reply, Script
from dispatch.agents.scripted.script_file import read_script

KEY = "k3y-0f-the-smoke-test-93b1c7"
KEY_VARIABLE = "SMOKE_API_KEY"
LEAK = "env; cat /proc/self/environ"  # an agent that looks for keys
GATE = """\
buildGate:
  - python3 -m compileall -q tally
  - python3 -m unittest -q
"""
MODELS = """\
provider:
  baseURL: {url}/v1
  adapter: {adapter}
  apiKeyEnv: SMOKE_API_KEY
modelConfig:
  planner: smoke/planner
  implementer: smoke/implementer
  critic: smoke/critic
  gateCritic: smoke/gate-critic
  greybeard: smoke/greybeard
  attribution: smoke/attribution
  fixAgent: smoke/fix-agent
prices:
  smoke/planner: {{input: 2.0, output: 8.0, cached: 0.2}}
  smoke/implementer: {{input: 1.0, output: 4.0, cached: 0.1}}
  smoke/critic: {{input: 1.0, output: 4.0}}
  smoke/gate-critic: {{input: 1.0, output: 4.0}}
"""
DEAR = """\
provider:
  baseURL: {url}/v1
  adapter: openai
  apiKeyEnv: SMOKE_API_KEY
modelConfig:
  planner: smoke/planner
  implementer: smoke/implementer
  critic: smoke/critic
  gateCritic: smoke/critic
  greybeard: smoke/critic
  attribution: smoke/critic
  fixAgent: smoke/critic
prices:
  smoke/planner: {{input: 1.0, output: 4.0}}
  smoke/implementer: {{input: 1.0, output: 100.0}}
  smoke/critic: {{input: 1.0, output: 4.0}}
  smoke/second: {{input: 1.0, output: 4.0}}
{more}
"""
HOOKS_THAT_RAN = "hooks-that-ran"
HOOKS = ("post-checkout", "post-commit", "pre-commit", "post-merge", "reference-transaction")


def tally_user(folder: Path, story: str = ".") -> User:
    """A user with the project in one commit, work of their own in the tree, and hooks.

    ``story`` is the folder of the sample that has the spec: the straight one, or ``loops``.
    """
    user = a_user(folder, {})
    with as_file(files("dispatch") / "agents" / "scripted" / "sample") as sample:
        ignored = ignore_patterns("__pycache__")
        copytree(sample / "project", user.root, ignore=ignored, dirs_exist_ok=True)
        spec = (sample / story / "spec.md").read_text(encoding="utf-8")
    user.write({"spec.md": spec, "dispatch-config.yaml": GATE})
    user.git("config", "user.name", "Úna Ütz")
    user.git("config", "user.email", "una@example.org")
    user.commit("The project.")
    user.write({"README.md": "being rewritten\n", "staged.txt": "staged\n", "new file": "new\n"})
    user.git("add", "staged.txt")
    for name in HOOKS:
        hook = user.root / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {name} >> '{user.home / HOOKS_THAT_RAN}'\n")
        hook.chmod(0o755)
    return user


def set_models(user: User, url: str, adapter: str) -> None:
    """The user's own settings: an endpoint, its key's variable, its models and their prices."""
    _configure(user, MODELS.format(url=url, adapter=adapter))


def set_dear_models(user: User, url: str, more: str) -> None:
    """The same with a dear implementer and a cheap second one, and more settings."""
    _configure(user, DEAR.format(url=url, more=more))


def loops_script() -> Script:
    """The script of the other story."""
    name = Path("agents", "scripted", "sample", "loops", "script.yaml")
    with as_file(files("dispatch").joinpath(*name.parts)) as path:
        return read_script(path)


def tally_script(*held: str) -> Script:
    """The demonstration's script; one implementer looks for keys; some answers are held back."""
    with as_file(files("dispatch") / "agents" / "scripted" / "sample" / "script.yaml") as path:
        script = read_script(path)
    rule = script.rule("1a-lines turn 2")
    assert isinstance(rule.reply, Reply)
    leak = Call(name="run_shell", arguments={"command": LEAK})
    rule.reply = evolve(rule.reply, calls=(leak, *rule.reply.calls))
    for name in held:
        script.rule(name).held = True
    return script


def _configure(user: User, text: str) -> None:
    path = user.home / ".config" / "dispatch" / "config.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
