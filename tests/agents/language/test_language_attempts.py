"""Language servers in the attempts of agents: who gets them, and when they end."""

from pathlib import Path
from typing import Any

import psutil
from attrs import evolve
from fakes.agent_jobs import config, critique_job, fix_job, implement_job, plan_job
from fakes.fake_language_server import argv
from fakes.language_bench import OfflineLauncher
from fakes.model_fake import MemoryJournal, ScriptedModel, turn

from dispatch.agents.model import ModelError, ModelErrorKind, ModelRequest, ToolReply
from dispatch.agents.runner import AgentRunner
from dispatch.agents.sandbox import CommandRunner
from dispatch.state.config import LanguageServer, LanguageServers
from dispatch.state.enums import AgentType
from dispatch.state.jobs import Job

OWN = {"diagnostics", "lsp"}
ENDS = ModelError(ModelErrorKind.REFUSED, "no more")
EDIT = turn(("write_file", {"path": "src/new.py", "content": "wrong\n"}))


async def _asked(tmp_path: Path, job: Job[Any], *steps: Any) -> list[ModelRequest]:
    """What the model was asked in an attempt with a server for Python, of which nothing is left."""
    model = ScriptedModel([*steps, ENDS])
    server = LanguageServer(argv=argv("honest"), suffixes=(".py",))
    servers = LanguageServers(find=False, wait_seconds=10, servers=(server,))
    commands = CommandRunner(tmp_path / "run", tmp_path / "scratch", launcher=OfflineLauncher())
    runner = AgentRunner(
        config=evolve(config(), language_servers=servers),
        journal=MemoryJournal(),
        commands=commands,
        environ={},
        clients=lambda name: model,
    )
    await runner.run(job)
    # A process of it would still be a child of ours: the runner is not closed yet.
    left = [each.cmdline() for each in psutil.Process().children(recursive=True)]
    assert [words for words in left if "honest" in words] == []
    commands.close()
    return model.asked


async def test_an_implementer_is_told_of_errors_and_the_server_ends_with_the_attempt(
    tmp_path: Path,
) -> None:
    asked = await _asked(tmp_path, implement_job(tmp_path), EDIT)
    last = asked[-1].messages[-1]
    assert isinstance(last, ToolReply)
    assert last.content.split("\n")[0] == "Wrote 6 bytes to 'src/new.py' (new file)."
    assert last.content.split("\n")[2:] == ["src/new.py:1:1: error: wrong (E1)"]


async def test_who_works_and_who_reviews_gets_the_tools_and_nobody_else(tmp_path: Path) -> None:
    explorer = implement_job(tmp_path, agent_type=AgentType.EXPLORE)
    jobs: tuple[tuple[Job[Any], set[str]], ...] = (
        (implement_job(tmp_path / "1"), OWN),
        (fix_job(tmp_path / "2"), OWN),
        (critique_job(tmp_path / "3"), OWN),
        (explorer, OWN),
        (plan_job(tmp_path / "5"), set()),
    )
    for job, expected in jobs:
        (request,) = await _asked(tmp_path, job)
        assert {spec.name for spec in request.tools} & OWN == expected
