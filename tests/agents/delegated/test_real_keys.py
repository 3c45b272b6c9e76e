"""The vendors' own programs in the sandbox, over a scripted model: the key is nowhere in it."""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from fakes import key_search
from fakes.agent_jobs import config, implement_job
from fakes.deaf_port import deaf_port
from fakes.delegating import Delegating
from fakes.vendor_programs import DIALECTS, SECRET, folder_of, turns

from dispatch.agents.delegated.gateway import KEY_HEADERS
from dispatch.agents.executors.table import EXECUTORS
from dispatch.agents.sandbox import CommandRunner
from dispatch.agents.sandbox.tiers import choose
from dispatch.agents.scripted.script import Reply
from dispatch.agents.scripted.thread import ServerThread
from dispatch.state.config import Config, Limits, Provider
from dispatch.state.enums import AttemptOutcome, SandboxTier
from dispatch.state.jobs import Job

HOLDS = choose().launcher
pytestmark = pytest.mark.skipif(
    HOLDS.tier is not SandboxTier.BUBBLEWRAP, reason="bubblewrap does not hold here"
)
DONE = Reply(text="That is all.")
OUTPUT = {"summary": "Looked.", "filesModified": ["seen"], "deviations": [], "notes": ""}
SEARCH = Path(key_search.__file__)
NAMES = [name for name, executor in EXECUTORS.items() if executor.capabilities.keys]


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def program(name: str, tmp_path: Path) -> Iterator[Delegating]:
    """The program in the sandbox."""
    path = os.pathsep.join((str(folder_of(name)), os.environ["PATH"]))
    (tmp_path / "s").mkdir()
    commands = CommandRunner(
        tmp_path,
        tmp_path / "s",
        launcher=HOLDS,
        read_only=(SEARCH,),
        outer={"PATH": path, "HOME": str(tmp_path)},
    )
    yield Delegating(commands)
    commands.close()


def given(name: str, url: str, **more: Any) -> Config:
    """A configuration whose provider is there."""
    base = url + DIALECTS[name].base
    provider = Provider(base_url=base, adapter="openai", api_key_env="KEY")
    return evolve(config(), provider=provider, **more)


def job_of(name: str, folder: Path) -> Job[Any]:
    """A job for it."""
    job = implement_job(folder)
    return evolve(job, attempt=evolve(job.attempt, executor=name, model=DIALECTS[name].model))


async def test_the_provider_gets_the_key_and_nothing_in_the_sandbox_has_it(
    name: str, program: Delegating, tmp_path: Path
) -> None:
    """A command of the program's looks through processes, their memory, and files.

    Then the program stops without an answer, and goes on in its session with another word.
    """
    say, job = DIALECTS[name], job_of(name, tmp_path)
    variable = EXECUTORS[name].capabilities.keys[0].variable
    python = os.path.realpath(sys.executable)
    words = (python, "-I", "-S", str(SEARCH), SECRET[::-1], variable)
    search = say.run(f"{shlex.join(words)} > seen")
    script = turns(search, DONE, say.hand_in(**OUTPUT), DONE)
    with ServerThread(script) as server:
        result = await program.run(job, given(name, server.url), environ={"KEY": SECRET})
        headers = [request.headers for request in server.requests]
    assert result.outcome is AttemptOutcome.OK, result.message
    seen = json.loads((job.root / "seen").read_text(encoding="utf-8"))
    assert seen["found"] == []
    # It does see what the program has in place of the key.
    (word,) = seen["values"]
    assert word.startswith("dispatch-")
    assert seen["memories"] > 0
    said = [{each[key] for key in KEY_HEADERS if key in each} for each in headers]
    assert {value.removeprefix("Bearer ") for each in said for value in each} == {SECRET}
    assert all(said)
    assert len(list(job.folder.glob("program-*.out"))) == 2
    kept = [path for path in job.folder.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in path.read_bytes() for path in kept)


async def test_a_provider_that_is_not_there_is_an_outcome_and_no_hang(
    name: str, program: Delegating, tmp_path: Path
) -> None:
    limits = Limits(silence_seconds=10.0)  # opencode tries again for ever
    with deaf_port() as port:
        url = f"http://127.0.0.1:{port}"
        config = given(name, url, limits=limits)
        result = await program.run(job_of(name, tmp_path), config, environ={"KEY": SECRET})
    assert result.outcome in (AttemptOutcome.TRANSPORT, AttemptOutcome.SILENCE_LIMIT)
    assert f"{url} could not be reached" in result.message
    assert f"no answer for the program: {url} could not be" in str(program.journal.lines)
