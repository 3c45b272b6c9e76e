"""The same liars over the real wires, many at a time, against the program as users have it."""

from pathlib import Path

import pytest
from attrs import evolve
from fakes.casting import MODELS, Cast, a_task
from fakes.child_program import Program, document
from fakes.git_repos import User, a_user
from fakes.liars import IMPLEMENTERS, TURN_LIMIT
from fakes.scenario_agents import a_plan
from fakes.thoroughness import thorough

from dispatch.agents.scripted.thread import ServerThread
from dispatch.policy.plan import materialise
from dispatch.state.codec import unstructure

KEY_VARIABLE = "LIARS_API_KEY"
CONFIG = """\
buildGate: ["test ! -e broken"]
limits: {{turns: {turns}}}
provider: {{baseURL: "{url}/v1", adapter: {adapter}, apiKeyEnv: LIARS_API_KEY}}
modelConfig: {models}
"""
# Those whose lie is in what a wire carries, and one of each other kind.
OPENAI = (
    "unclaimed file",
    "arguments that are no JSON",
    "arguments of the wrong kind",
    "empty turns",
    "crowded message",
)
ANTHROPIC = (
    "build that was never run",
    "arguments that are no JSON",
    "arguments that are no object",
    "text only",
    "tool that is not there",
)


@pytest.mark.parametrize(
    ("adapter", "names"),
    [pytest.param("openai", OPENAI, marks=thorough), ("anthropic", ANTHROPIC)],
    ids=["openai", "anthropic"],
)
def test_each_ends_as_in_the_process_and_the_honest_sibling_is_committed(
    tmp_path: Path, adapter: str, names: tuple[str, ...]
) -> None:
    """[RL-02] [RL-07] All in one level, each with its own end."""
    liars = [liar for liar in IMPLEMENTERS if liar.name in names]
    assert len(liars) == len(names)
    user = a_user(tmp_path, {"a.txt": "a\n", ".gitignore": "*.log\n", "spec.md": "# Do it\n"})
    plan = (
        *(evolve(a_task(f"liar{number}"), **liar.task) for number, liar in enumerate(liars, 1)),
        a_task("honest"),
    )
    *ids, honest_id = [task.id for task in materialise(a_plan(*plan))]
    parts = {f"implementer {task_id}": liar.lies for task_id, liar in zip(ids, liars, strict=True)}
    cast = Cast(plan=plan, parts=parts)
    with ServerThread(cast.script()) as server:
        _configure(user, server.url, adapter)
        ended = Program(user, {KEY_VARIABLE: "k"}).run("r")
        server.check()
    assert ended.code == 1
    run = document(user, "r")
    tasks = run["tasks"]
    assert isinstance(tasks, list)
    found = {
        task["id"]: [(each["outcome"], each["usage"]["turns"]) for each in task["attempts"]]
        for task in tasks
    }
    expected = {
        task_id: [(liar.outcome.value, liar.turns)] * liar.attempts
        for task_id, liar in zip(ids, liars, strict=True)
    }
    assert found == {**expected, honest_id: [("ok", 1), ("ok", 1)]}
    report = (user.root / "dispatch" / "r" / "report.md").read_text(encoding="utf-8")
    attempts = {line.split("`")[1]: line for line in report.splitlines() if line.startswith("- `1")}
    for task_id, liar in zip(ids, liars, strict=True):
        (task,) = (each for each in tasks if each["id"] == task_id)
        assert liar.told in task["failure"]["message"]
        assert f": {liar.outcome}, " in attempts[f"{task_id}.implementer.{liar.attempts}"]
    files = user.git("ls-tree", "-r", "--name-only", "dispatch/r").splitlines()
    assert files == [".gitignore", "a.txt", "dispatch-config.yaml", "honest.txt", "spec.md"]


def _configure(user: User, url: str, adapter: str) -> None:
    plain = unstructure(MODELS)
    models = ", ".join(f"{key}: liars/{value}" for key, value in plain.items() if key != "unknown")
    text = CONFIG.format(turns=TURN_LIMIT, url=url, adapter=adapter, models=f"{{{models}}}")
    user.write({"dispatch-config.yaml": text})
    user.commit()
