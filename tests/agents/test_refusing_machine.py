"""What the machine refuses ends no attempt and costs no turn: it stops the run."""

import errno
import os
from pathlib import Path

import pytest
from fakes.agent_jobs import config, greybeard_job, implement_job
from fakes.audit_faults import fail_once
from fakes.model_fake import MemoryJournal, ScriptedModel, Step, turn

from dispatch.agents.model import AssistantMessage, ModelRequest
from dispatch.agents.runner import AgentRunner
from dispatch.agents.sandbox.launcher import PlainLauncher
from dispatch.agents.sandbox.runner import CommandRunner
from dispatch.agents.transcript import TRANSCRIPT
from dispatch.state.errors import StorageError

WRITE = turn(("write_file", {"path": "fresh/new.py", "content": "x = 1\n"}))


def _runner(*steps: Step) -> tuple[AgentRunner, ScriptedModel]:
    model = ScriptedModel(list(steps))
    runner = AgentRunner(
        config=config(),
        journal=MemoryJournal(),
        commands=None,
        environ={},
        clients=lambda name: model,
    )
    return runner, model


async def test_a_tool_that_meets_a_full_disk_is_not_told_to_the_model(tmp_path: Path) -> None:
    """It could only try again, for money."""
    runner, model = _runner(WRITE)
    with fail_once("os.mkdir", "fresh"), pytest.raises(StorageError, match="No space left"):
        await runner.run(implement_job(tmp_path))
    assert len(model.asked) == 1


@pytest.mark.parametrize("name", [TRANSCRIPT, "seed.md.tmp", "system.md.tmp"])
async def test_an_attempt_whose_folder_cannot_be_written_has_not_crashed(
    tmp_path: Path, name: str
) -> None:
    runner, model = _runner(WRITE)
    with fail_once("open", name), pytest.raises(StorageError, match="No space left on device"):
        await runner.run(greybeard_job(tmp_path))
    assert model.asked == []


async def test_a_connection_that_gets_no_descriptor_is_not_the_providers_fault(
    tmp_path: Path,
) -> None:
    async def ask(request: ModelRequest) -> AssistantMessage:
        try:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        except OSError as error:
            raise ConnectionError("no connection") from error

    runner, _ = _runner(ask)
    with pytest.raises(StorageError) as caught:
        await runner.run(greybeard_job(tmp_path))
    assert caught.value.hint == (
        "Allow more open files (`ulimit -n`), then run the same command again."
    )


async def test_a_command_that_cannot_be_started_for_want_of_processes_has_no_exit_code(
    tmp_path: Path,
) -> None:
    """It was never tried."""
    runner = CommandRunner(tmp_path, tmp_path / "scratch", launcher=PlainLauncher())
    try:
        with (
            fail_once("subprocess.Popen", "sh", errno.EAGAIN),
            pytest.raises(StorageError, match="Resource temporarily unavailable"),
        ):
            await runner.run("true", tmp_path, tmp_path / "out.log")
    finally:
        runner.close()


async def test_a_command_whose_output_cannot_be_kept_has_no_result(tmp_path: Path) -> None:
    runner = CommandRunner(tmp_path, tmp_path / "scratch", launcher=PlainLauncher())
    try:
        with (
            fail_once("open", "out.log"),
            pytest.raises(StorageError, match=f"Cannot use {tmp_path}/out.log: No space left"),
        ):
            await runner.run("true", tmp_path, tmp_path / "out.log")
    finally:
        runner.close()
