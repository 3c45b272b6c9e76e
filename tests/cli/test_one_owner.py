"""One process owns a run, whoever else starts it, looks at it, or works in the same repository."""

import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from fakes.asking_run import Asking, asking
from fakes.child_program import Ended, Process, document, until
from fakes.garbage import collecting_garbage
from fakes.git_repos import User

from dispatch.state.document import DOCUMENT
from dispatch.state.enums import AttemptOutcome
from dispatch.state.errors import ExitCode
from dispatch.state.lock import holder

STARTS = 12


@contextmanager
def many_starts(run: Asking) -> Iterator[Process]:
    """Start it many times at once; gives the one that owns it when all others have ended."""
    with ExitStack() as stack:
        processes = [stack.enter_context(run.program.started("run", "r")) for _ in range(STARTS)]
        until(lambda: sum(each.popen.poll() is None for each in processes) == 1)
        (owner,) = (each for each in processes if each.popen.poll() is None)
        for each in processes:
            if each is not owner:
                check_refused(each.wait(), owner)
        yield owner


def check_refused(ended: Ended, owner: Process) -> None:
    """It says who owns the run, and nothing else."""
    assert (ended.code, ended.out) == (ExitCode.LOCKED, "")
    last = ended.err.splitlines()[-1]
    assert last.startswith(f"dispatch: Run r is in the hands of process {owner.popen.pid} on ")
    assert last.endswith("Wait for it, or stop it, which keeps its work: dispatch stop r")


def test_of_many_starts_of_a_new_run_one_wins_and_nothing_is_disturbed(
    run: Asking, straight: str
) -> None:
    with many_starts(run) as owner:
        until(lambda: bool(run.commands()))
        run.go.touch()
        ended = owner.wait()
    assert ended.code == 0, ended.err
    assert run.user.git("rev-parse", "dispatch/r") == straight
    assert [each.outcome for each in run.run.tasks[0].attempts] == [AttemptOutcome.OK]
    exclude = (run.user.root / ".git" / "info" / "exclude").read_text(encoding="utf-8")
    assert exclude.split("\n").count("/dispatch/") == 1
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((run.folder / DOCUMENT).stat().st_mode) == 0o600


def test_of_many_starts_after_a_kill_one_takes_over_whatever_the_dead_one_left(
    run: Asking, straight: str
) -> None:
    """The lock is free at once, though a child of the dead owner is alive; that one ends.

    Of a confined command nothing would be alive.
    """
    with run.program.started("run", "r", "--no-sandbox") as first:
        until(run.is_at_work)
        left = min(run.commands())
        first.kill()
    assert holder(run.folder) is None
    assert left in run.commands()
    with many_starts(run) as owner:
        until(lambda: bool(run.commands()) and left not in run.commands())
        run.go.touch()
        ended = owner.wait()
    assert ended.code == 0, ended.err
    assert run.user.git("rev-parse", "dispatch/r") == straight


def test_what_may_be_done_beside_a_live_run(run: Asking, straight: str) -> None:
    """Looking is free; what would change the run is refused, with the one who owns it."""
    with run.program.started("run", "r") as owner:
        until(lambda: bool(run.commands()))
        for verb in ("retry", "clean", "teardown"):
            check_refused(run.program.run(verb, "r"), owner)
        status = run.program.run("status", "r")
        assert status.code == 0
        assert f"process {owner.popen.pid} " in status.out
        assert run.program.run("report", "r").code == 0
        so_far = run.folder / "report-so-far" / "report.md"
        assert "executing" in so_far.read_text(encoding="utf-8")
        assert run.program.run("rescue", "r").code == 0
        answered = run.program.run("answer", "r")
        assert (answered.code, answered.out) == (0, "Run r has no open question.\n")
        run.go.touch()
        ended = owner.wait()
    assert ended.code == 0, ended.err
    assert run.user.git("rev-parse", "dispatch/r") == straight
    report = (run.folder / "report.md").read_text(encoding="utf-8")
    assert "executing" not in report.split("\n## ")[0]


def test_two_runs_in_one_repository_end_like_each_alone_though_the_user_collects_garbage(
    tmp_path: Path,
) -> None:
    """The same spec, the same base; both publish into the same repository."""
    names = ("r", "s")
    alone = {}
    for name in names:
        one = asking(tmp_path / f"alone-{name}", ("z",))
        one.go.touch()
        assert one.program.run("run", name).code == 0
        alone[name] = one.user.git("rev-parse", f"dispatch/{name}")
    both = asking(tmp_path / "both", ("z",))
    with collecting_garbage(both.user) as rounds, ExitStack() as stack:
        started = [stack.enter_context(both.program.started("run", name)) for name in names]
        for name in names:
            until(partial(_is_at_work, both.user, name))
        until(lambda: len(rounds) > 2)
        both.go.touch()
        for each in started:
            ended = each.wait()
            assert ended.code == 0, ended.err
    tips = {name: both.user.git("rev-parse", f"dispatch/{name}") for name in names}
    assert tips == alone
    both.user.git("fsck", "--strict", "--no-dangling")


def _is_at_work(user: User, name: str) -> bool:
    tasks = document(user, name).get("tasks")
    return isinstance(tasks, list) and any(task["attempts"] for task in tasks)
