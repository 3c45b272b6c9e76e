"""A winner of routing that is another program is not only advised: it does the work."""

import json
import os
import shutil
import sys
from pathlib import Path

from fakes.asking_run import asking
from fakes.delegating import CLI, SESSION, USAGE
from fakes.small_records import a_run

from dispatch.state.enums import AttemptOutcome, Role, RouteLabel, RunStatus
from dispatch.state.errors import ExitCode
from dispatch.state.past_runs import FILE, note_past_run
from dispatch.state.routes import Experience, WorkKind

NOW = "2026-01-02T03:04:05.678Z"


def test_a_program_that_wins_carries_out_the_attempts(tmp_path: Path) -> None:
    """What is configured came to nothing in four runs before."""
    run = asking(tmp_path, ("w",))
    script = f"scripted:{tmp_path / 'script.yaml'}"
    failed = Experience(
        work=WorkKind(role=Role.IMPLEMENTER),
        executor="scripted",
        model=script,
        outcome=AttemptOutcome.NO_OUTPUT,
        accepted=False,
        ended_at=NOW,
    )
    data = run.user.home / ".local" / "share" / "dispatch" / FILE
    note_past_run(data, a_run("before"), [(str(each), failed) for each in range(4)])
    candidate = {"implementer": [{"model": "tiny", "executor": "command"}]}
    output = {"summary": "Wrote w.", "filesModified": ["w"], "deviations": [], "notes": ""}
    steps = (SESSION, ("write", ["w", "w\n"]), ("call", ["submitOutput", output]), USAGE)
    program = run.go.parent / CLI.name
    shutil.copy(CLI, program)
    words = [os.path.realpath(sys.executable), "-I", str(program), json.dumps(steps), "[]"]
    given = {"argv": words, "network": ["api.example.org"]}
    run.configure(routing="auto", candidates=candidate, commandExecutor=given)
    ended = run.program.run("run", "r", "--no-sandbox")
    assert (ended.code, run.run.status) == (ExitCode.DONE, RunStatus.DONE), ended.err
    (attempt,) = run.run.tasks[0].attempts
    assert (attempt.executor, attempt.model, attempt.outcome) == (
        "command",
        "tiny",
        AttemptOutcome.OK,
    )
    assert attempt.usage.cost_usd == USAGE[1]["costUSD"]
    (route,) = run.run.routes
    assert (route.label, route.carried_out) == (RouteLabel.SWITCH_EXECUTOR, True)
    (held,) = run.run.sandboxes
    assert held.delegated_network == ("api.example.org",)
    shown = run.program.run("route", "r", "--task", run.run.tasks[0].id)
    assert "  - tiny through command: score 0.84, $0.2500, " in shown.out
