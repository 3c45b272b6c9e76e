"""Races, from configuration or plan to report: the real program, its own loop and another one."""

import signal
from pathlib import Path
from typing import Any

import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import until
from fakes.delegating import SESSION, USAGE, Step, command

from dispatch.agents.sandbox.tiers import choose
from dispatch.state.enums import AttemptOutcome, Role, RunStatus, SandboxTier
from dispatch.state.errors import ExitCode
from dispatch.state.races import Race

needs_bubblewrap = pytest.mark.skipif(
    choose().launcher.tier is not SandboxTier.BUBBLEWRAP, reason="bubblewrap does not hold here"
)


def submit(text: str) -> tuple[Step, ...]:
    """Write the file ``w``, and hand it in."""
    output = {"summary": "Wrote w.", "filesModified": ["w"], "deviations": [], "notes": ""}
    return (("write", ["w", text]), ("call", ["submitOutput", output]), USAGE)


def script(run: Asking) -> str:
    """The model string of the played agents."""
    return f"scripted:{run.user.root.parent / 'script.yaml'}"


def a_race(run: Asking, *steps: Step, resumed: tuple[Step, ...] = ()) -> dict[str, Any]:
    """Settings by which another program and our own loop race."""
    entrants = [{"model": "any", "executor": "command"}, {"model": script(run)}]
    return command(run, (SESSION, *steps), resumed, race={"n": 2, "executors": entrants})


def race_of(run: Asking) -> Race:
    """What came of the race of the one task."""
    (task,) = run.run.tasks
    assert task.raced is not None
    return task.raced


@needs_bubblewrap
def test_another_program_races_our_own_loop_and_the_smaller_work_is_taken(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",))
    run.configure(**a_race(run, *submit("one\ntwo\n")))
    ended = run.program.run("run", "r")
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    race = race_of(run)
    assert (race.winner, race.reason) == (2, "fewer changed lines: 1, the next best has 2")
    assert run.user.git("show", "dispatch/r:w") == "w"
    lost = race.entrants[0]
    assert (lost.executor, lost.kept_ref) == (
        "command",
        "refs/dispatch/r/rescue/1a-w.r1.implementer.1",
    )
    assert run.user.git("show", f"{lost.kept_ref}:w") == "one\ntwo"
    assert (
        "the race of 1a-w is won by entrant 2: fewer changed lines: 1, the next best has 2"
        in ended.err
    )
    listed = run.program.run("rescue", "r")
    assert "1a-w.r1.implementer.1" in listed.out
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "Entrant 1 of its race, not in the result" in page
    assert run.survivors() == []


@needs_bubblewrap
def test_a_race_goes_on_after_kill_9_and_who_had_handed_in_is_not_asked_again(
    tmp_path: Path,
) -> None:
    run = asking(tmp_path, ("w",))
    steps = (("write", ["w", "half\n"]), USAGE, ("hang", 60))
    run.configure(**a_race(run, *steps, resumed=submit("one\ntwo\n")))
    with run.program.started("run", "r") as process:
        until(lambda: (run.folder / "run-state.yaml").exists() and _one_is_in(run))
        process.kill()
        until(lambda: not run.survivors())
    ended = run.program.run("run", "r")
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    (task,) = run.run.tasks
    assert sorted((each.id, each.outcome) for each in task.attempts) == [
        ("1a-w.r1.implementer.1", AttemptOutcome.OK),
        ("1a-w.r2.implementer.1", AttemptOutcome.OK),
    ]
    assert race_of(run).winner == 2


@pytest.mark.parametrize("signals", [1, 2])
def test_a_race_that_is_interrupted_goes_on_with_the_same_agents(
    tmp_path: Path, signals: int
) -> None:
    """Once with a short grace, or twice; the loser's work is then anybody's to restore."""
    run = asking(tmp_path, ("z",))
    run.configure(race={"n": 2})
    grace = "0.1" if signals == 1 else "3600"
    with run.program.started("run", "r", "--grace", grace) as process:
        until(lambda: run.is_at_work() and _at_work(run) == 2)
        for _ in range(signals):
            process.popen.send_signal(signal.SIGINT)
            until(lambda: "2 agents get" in (process.folder / "err").read_text())
        ended = process.wait()
    assert ended.code == ExitCode.INTERRUPTED, ended.err
    assert run.survivors() == []
    assert race_of(run).winner is None
    run.go.touch()
    ended = run.program.run("run", "r")
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    ids = [f"1a-z.r{number}.implementer.1" for number in (1, 2)]
    assert sorted(each.id for each in run.run.tasks[0].attempts) == ids
    restored = run.program.run("rescue", "r", "--restore", ids[1], "--to", "mine")
    assert restored.code == 0, restored.err
    assert run.user.git("show", "mine:z") == "z"


def _at_work(run: Asking) -> int:
    """How many have been told what their first turn used, and wait for their command."""
    (task,) = run.run.tasks
    return sum(each.usage.turns == 1 for each in task.attempts)


def _one_is_in(run: Asking) -> bool:
    (task,) = run.run.tasks or (None,)
    if task is None or task.raced is None:
        return False
    first, second = task.raced.entrants
    told = any(each.usage.turns for each in task.attempts if each.executor == "command")
    return first.output is None and second.output is not None and told


def test_the_operator_has_one_task_raced_in_its_plan(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",))
    assert run.program.run("plan", "r").code == 0
    path = run.folder / "plans" / "plan-1.yaml"
    text = path.read_text(encoding="utf-8")
    assert "race: null" in text
    path.write_text(text.replace("race: null", "race: {n: 9, executors: [{model: m}]}"))
    refused = run.program.run("plan", "r")
    assert (
        "The race of 1a-w has 9 entrants, not 2 to 8. The race of 1a-w has litellm m, which "
        in (refused.out + refused.err)
    )
    path.write_text(text.replace("race: null", "race: {n: 2}"))
    shown = run.program.run("plan", "r")
    assert "  race       2 implementers\n" in shown.out
    assert run.program.run("answer", "r", "plan-1", "continue").code == 0
    ended = run.program.run("run", "r")
    assert ended.code == ExitCode.DONE, ended.err
    assert race_of(run).reason == "as good as entrant 2, and before it"
    roles = [each.role for each in run.run.tasks[0].attempts]
    assert roles == [Role.IMPLEMENTER] * 2  # nobody reviews this task
    again = run.program.run("status", "r")
    assert again.code == 0


def test_what_a_race_needs_is_looked_at_before_anything_starts(tmp_path: Path) -> None:
    run = asking(tmp_path, ("w",))
    run.configure(race={"n": 2, "executors": [{"model": "m", "executor": "cladue"}]})
    ended = run.program.run("run", "r")
    assert ended.code == ExitCode.USAGE
    assert "There is no executor cladue (used by race)." in ended.err
    run.configure(race={"n": 2}, isolation="level")
    ended = run.program.run("run", "r")
    assert ended.code == ExitCode.USAGE
    assert "race: needs `isolation: task`: each entrant has a tree of its own" in ended.err
