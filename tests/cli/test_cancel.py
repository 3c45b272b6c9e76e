"""Real signals to real processes: what is kept, what ends, and that the run goes on the same."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from attrs import define
from fakes.asking_run import asking
from fakes.child_program import survivors_of, until
from fakes.git_repos import a_user
from fakes.one_file_task import FINAL, PLAN, SUBMITTED, WRITTEN

from dispatch.commands.arguments.running import DEFAULT_GRACE
from dispatch.fsm.stopping import GRACE_SECONDS
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.enums import AttemptOutcome, Role, RunStatus, TaskStatus
from dispatch.state.records import Run
from dispatch.state.work import Attempt
from dispatch.state.yaml_text import dumps

SLEEP = "601"  # seconds of the agent's command: no other sleeps as long
PATIENCE = 40.0  # seconds for anything that is waited for; it takes one or two
ROLES = [each.value for each in Role]
TOKENS = {"input": 100, "output": 10, "usd": 0.25}


@define
class Started:
    """A repository in which the real program is started and given signals."""

    root: Path
    go: Path  # until this file is there, the agent's command sleeps
    drip: float = 0.0  # seconds that the agent's last turn takes

    def start(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start the run, or go on with it."""
        return subprocess.Popen(
            [sys.executable, "-m", "dispatch", "run", "r", *options],
            cwd=self.root,
            env={
                **os.environ,
                "SOURCE_DATE_EPOCH": "1700000000",
                "XDG_CONFIG_HOME": str(self.go.parent),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / "dispatch" / "r"

    @property
    def run(self) -> Run:
        """The document, which must be legal whenever it is looked at."""
        return load_run(self.folder / DOCUMENT)

    def tip(self) -> bytes:
        """Where the integration branch stands."""
        words = ["git", "-C", str(self.root), "rev-parse", "dispatch/r"]
        return subprocess.run(words, check=True, capture_output=True).stdout

    def survivors(self) -> list[str]:
        """Processes that still carry the run's mark."""
        return survivors_of(self.folder)

    def happened(self, text: str) -> Callable[[], bool]:
        """Whether an event was told."""
        events = self.folder / "events.jsonl"
        return lambda: events.is_file() and text in events.read_text(encoding="utf-8")

    def goes_on_like(self, straight: bytes) -> None:
        """Another start ends as a run that was never stopped."""
        self.go.touch()
        process = self.start()
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err.decode()
        assert self.run.status is RunStatus.DONE
        assert self.tip() == straight


def make(folder: Path, drip: float = 0.0) -> Started:
    """A repository whose agents are played from a script."""
    user = a_user(folder)
    started = Started(user.root, folder / "seen" / "go", drip)
    settings = started.go.parent / "dispatch" / "config.yaml"
    settings.parent.mkdir(parents=True)
    settings.write_text(dumps({"sandbox": {"readOnly": [str(started.go.parent)]}}), "utf-8")
    waits = {"command": f"test -e {started.go} || sleep {SLEEP}"}
    rules = [
        _rule("plan", "proposeTask", 0, ("proposeTask", PLAN), ("finalizePlan", FINAL)),
        _rule("write", "submitOutput", 0, ("write_file", WRITTEN), ("run_shell", waits)),
        _rule("submit", "submitOutput", 1, ("submitOutput", SUBMITTED)),
    ]
    if drip:
        rules[2]["reply"]["drip"] = {"bytes": 1, "seconds": drip}
    script = folder / "script.yaml"
    script.write_text(dumps({"rules": rules}), encoding="utf-8")
    models = dict.fromkeys(ROLES, f"scripted:{script}")
    config = dumps({"buildGate": ["test -d ."], "modelConfig": models})
    user.write({"dispatch-config.yaml": config, "spec.md": "# Write x\n"})
    return started


def _rule(name: str, tool: str, turn: int, *calls: tuple[str, Any]) -> dict[str, Any]:
    made = [{"name": call, "arguments": arguments} for call, arguments in calls]
    return {
        "name": name,
        "when": {"tool": tool, "turn": turn},
        "reply": {"calls": made, "usage": TOKENS},
    }


@pytest.fixture(autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Also where tests are started under nohup, which all that is started there inherits."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The branch of a run that was never stopped."""
    started = make(tmp_path_factory.mktemp("straight"))
    started.go.touch()
    process = started.start()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err.decode()
    return started.tip()


def wait_for(condition: Callable[[], object]) -> None:
    """Look until it is so."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.02)


def asleep(process: "subprocess.Popen[bytes]") -> Callable[[], bool]:
    """Whether the agent's command sleeps."""

    def look() -> bool:
        assert process.poll() is None, process.communicate()[1].decode()
        below = psutil.Process(process.pid).children(recursive=True)
        try:
            return any(each.cmdline() == ["sleep", SLEEP] for each in below)
        except psutil.NoSuchProcess:
            return False

    return look


def implementers(run: Run) -> list[Attempt]:
    """The attempts of the one task's implementer."""
    return [each for each in run.tasks[0].attempts if each.role is Role.IMPLEMENTER]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_after_the_grace_agents_are_cancelled_and_nothing_of_theirs_is_alive(
    tmp_path: Path, straight: bytes, number: signal.Signals
) -> None:
    """[RL-10] [W-42] What the agent had used is in the document, and it goes on from there."""
    started = make(tmp_path)
    process = started.start("--grace", "0.1")
    wait_for(asleep(process))
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b""), err.decode()
    assert err.decode().endswith(
        "dispatch: Interrupted; what was done is kept. Continue it: dispatch r\n"
    )
    assert b"dispatch: stopping: 1 agent gets 0.1 seconds to hand in" in err
    assert started.survivors() == []
    (attempt,) = implementers(started.run)
    assert attempt.outcome is None
    used = attempt.usage
    assert (used.turns, used.input_tokens, used.output_tokens, used.cost_usd) == (1, 100, 10, 0.25)
    started.goes_on_like(straight)
    assert [each.id for each in implementers(started.run)] == [attempt.id]


def test_an_agent_that_hands_in_within_the_grace_is_not_asked_again(
    tmp_path: Path, straight: bytes
) -> None:
    """[RL-10] Nobody pays twice for a submission that was on its way."""
    started = make(tmp_path, drip=1.0)
    started.go.touch()
    process = started.start("--grace", "60")
    wait_for(started.happened('"command.ended"'))  # the baseline's
    wait_for(started.happened('"tool":"run_shell"'))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, err.decode()
    (task,) = started.run.tasks
    assert task.status in (TaskStatus.SUBMITTED, TaskStatus.COMMITTED, TaskStatus.COMPLETED)
    started.goes_on_like(straight)
    assert [each.outcome for each in implementers(started.run)] == [AttemptOutcome.OK]


def told_twice(
    started: Started, number: signal.Signals, grace: str
) -> tuple[subprocess.Popen[bytes], bytes]:
    """A run that is over, after a signal came again in its time of grace; and what it said then."""
    process = started.start("--grace", grace)
    wait_for(asleep(process))
    process.send_signal(number)
    assert process.stderr is not None
    impatient = threading.Timer(PATIENCE, process.kill)
    impatient.start()
    said = f"stopping: 1 agent gets {grace} seconds".encode()
    assert any(said in line for line in process.stderr)  # read up to there, or to its end
    impatient.cancel()
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE)
    return process, err


def test_a_terminal_that_closes_says_so_twice_and_the_grace_holds(
    tmp_path: Path, straight: bytes
) -> None:
    """Once by its shell and once by the kernel; only SIGINT and SIGTERM end it at once."""
    started = make(tmp_path)
    process, err = told_twice(started, signal.SIGHUP, grace="2")
    assert process.returncode == 130, err.decode()
    assert err.decode().endswith(
        "dispatch: Interrupted; what was done is kept. Continue it: dispatch r\n"
    )
    started.goes_on_like(straight)


def test_the_second_signal_ends_it_at_once_and_takes_every_process_along(
    tmp_path: Path, straight: bytes
) -> None:
    """[W-42] The grace is not waited for, and the document is whole."""
    started = make(tmp_path)
    process, err = told_twice(started, signal.SIGINT, grace="3600")
    assert process.returncode == 130
    assert err.decode().endswith(
        "dispatch: Ended at once; what was saved is kept. Continue it: dispatch r\n"
    )
    assert started.survivors() == []
    assert started.run.tasks[0].status is TaskStatus.RUNNING
    started.goes_on_like(straight)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_only_waits_for_an_answer_ends_at_once_and_asks_on(
    tmp_path: Path, number: int
) -> None:
    """[RL-10] The grace is for agents; an answer given meanwhile is taken up by the next start."""
    run = asking(tmp_path)
    with run.program.started("run", "r", "--grace", "3600") as process:
        until(lambda: run.open() == ["1a-x-dev-1"])
        process.popen.send_signal(number)
        ended = process.wait()
    assert (ended.code, ended.out) == (130, "")
    assert "stopping" not in ended.err
    assert run.open() == ["1a-x-dev-1"]
    assert run.program.run("answer", "r", "1a-x-dev-1", "continue").code == 0
    assert run.program.run("run", "r").code == 0
    assert [each.id for each in run.run.escalations] == ["1a-x-dev-1"]


def test_with_a_question_open_a_sibling_at_work_gets_its_grace_and_is_ended(
    tmp_path: Path,
) -> None:
    """Nothing survives; the question stays open, and nobody who handed in is asked again."""
    run = asking(tmp_path, ("x", "z"))
    with run.program.started("run", "r", "--grace", "0.2") as process:
        until(lambda: run.open() == ["1a-x-dev-1"] and bool(run.commands()))
        process.popen.send_signal(signal.SIGTERM)
        ended = process.wait()
    assert (ended.code, ended.out) == (130, "")
    assert "dispatch: stopping: 1 agent gets 0.2 seconds to hand in" in ended.err
    assert run.survivors() == []
    assert [task.status for task in run.run.tasks] == [TaskStatus.SUBMITTED, TaskStatus.RUNNING]
    run.go.touch()
    assert run.program.run("answer", "r", "1a-x-dev-1", "continue").code == 0
    assert run.program.run("run", "r").code == 0
    outcomes = [[each.outcome for each in task.attempts] for task in run.run.tasks]
    assert outcomes == [[AttemptOutcome.OK], [AttemptOutcome.OK]]


def test_the_grace_that_help_states_is_the_one_that_is_given() -> None:
    assert DEFAULT_GRACE == GRACE_SECONDS
