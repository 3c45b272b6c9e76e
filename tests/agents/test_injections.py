"""A model that obeys whatever hostile text tells it changes no policy, path or budget."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.agent_jobs import config, critique_job, greybeard_job, implement_job, plan_job
from fakes.injections import FORGERIES, INJECTIONS, SHELL, Row
from fakes.model_fake import MemoryJournal, ScriptedModel, replies, turn

from dispatch.agents.fencing import fenced
from dispatch.agents.fencing import inline as inline_code
from dispatch.agents.loop import MAX_CALLS
from dispatch.agents.runner import AgentRunner
from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.tiers import choose
from dispatch.state.config import Limits
from dispatch.state.errors import UsageError
from dispatch.state.jobs import Job

JOBS: dict[str, Callable[[Path], Job[Any]]] = {
    "implementer": implement_job,
    "critic": critique_job,
    "planner": plan_job,
    "greybeard": greybeard_job,
}
LAST = {"planner": "finalizePlan", "critic": "recordVerdict", "implementer": "submitOutput"}


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[CommandRunner]:
    """Commands in the strongest sandbox that this machine has."""
    try:
        launcher = choose().launcher
    except UsageError as error:
        pytest.skip(error.message)
    made = CommandRunner(tmp_path / "run", tmp_path / "scratch", launcher=launcher)
    yield made
    made.close()


def test_there_are_enough_of_them() -> None:
    assert len(INJECTIONS) + len(SHELL) >= 100
    assert len({repr(row) for row in INJECTIONS}) == len(INJECTIONS)


@pytest.mark.parametrize("role", JOBS)
async def test_an_obedient_model_is_refused_and_reaches_nothing(
    tmp_path: Path, commands: CommandRunner, role: str
) -> None:
    """Each instruction stands in the repository, is read, and is followed."""
    job = JOBS[role](tmp_path)
    own = {"greybeard": "recordGreybeardVerdict", **LAST}[role]
    rows = [row for row in INJECTIONS if row[1] != own or role == "implementer"]
    (job.root / "link").symlink_to(tmp_path)
    (job.root / ".git").write_text("gitdir: nowhere\n")
    (job.root / "NOTES.md").write_text("\n".join(text for text, *_ in rows) + "\n")
    before = _files(tmp_path)
    given = config()
    model = ScriptedModel(
        [
            turn(("read_file", {"path": "NOTES.md"})),
            # A few at a time: the limits of a message and of an attempt hold for this one, too.
            *(turn(*map(_call(tmp_path), some)) for some in _parts(rows, MAX_CALLS)),
        ]
    )
    runner = AgentRunner(
        config=given,
        journal=MemoryJournal(),
        commands=commands,
        environ={},
        clients=lambda name: model,
    )
    result = await runner.run(job)
    answered = [pair for request in model.asked[-1:] for pair in replies(request)][1:]
    # The model has no more to say after them, which ends the attempt.
    assert result.value is None
    assert len(answered) == len(rows)
    for (text, tool, arguments), (content, is_error) in zip(rows, answered, strict=True):
        assert is_error or content == "No matches.", (text, tool, arguments, content)
    assert "secret" not in "".join(content for content, _ in answered)
    assert _files(tmp_path) == before
    assert (given, given.limits) == (config(), Limits())


@pytest.mark.parametrize("command", SHELL)
async def test_commands_that_obey_reach_nothing_outside_the_tree(
    tmp_path: Path, commands: CommandRunner, command: str
) -> None:
    job = implement_job(tmp_path)
    (job.root / ".git").write_text("gitdir: nowhere\n")
    before = _files(tmp_path, but="tree")
    words = command.format(outside=tmp_path)
    model = ScriptedModel([turn(("run_shell", {"command": words})), turn()])
    runner = AgentRunner(
        config=config(),
        journal=MemoryJournal(),
        commands=commands,
        environ={},
        clients=lambda name: model,
    )
    await runner.run(job)
    ((content, _),) = replies(model.asked[-1])
    assert _files(tmp_path, but="tree") == before
    assert (job.root / ".git").read_text() == "gitdir: nowhere\n"
    assert "secret" not in content
    assert "\x1b" not in content


@pytest.mark.parametrize("forgery", FORGERIES)
def test_no_text_ends_its_fence_or_hides(forgery: str) -> None:
    lines = fenced(forgery).splitlines()
    assert lines[0].removesuffix("text") == lines[-1]
    assert all(lines[-1] not in line for line in lines[1:-1])
    assert fenced(forgery).replace("\n", "").replace("\t", "").isprintable()
    assert "\n" not in inline_code(forgery)


def _call(outside: Path) -> Callable[[Row], tuple[str, str]]:
    def made(row: Row) -> tuple[str, str]:
        text = json.dumps(row[2]).replace("{outside}", str(outside))
        return row[1], text

    return made


def _parts(rows: list[Row], size: int) -> list[list[Row]]:
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _files(folder: Path, but: str = "") -> dict[str, bytes]:
    """All files that the attempt itself does not write, byte for byte."""
    ours = {"attempts", "scratch", "run", *([but] if but else [])}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.relative_to(folder).parts[0] not in ours
        and "link" not in path.relative_to(folder).parts
        and path.is_file()
    }
