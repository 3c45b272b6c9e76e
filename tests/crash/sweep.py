"""A run that meets a fault at every file-changing system call, goes on, and ends the same.

``python tests/crash/sweep.py straight cut --stride 40`` tries every 40th call and prints a table.
Each point: a fresh copy of the repository, the program under supervision until the fault, then the
same command again without faults.  The end is compared with a run that met none: commits (the time
is pinned), document without times, report, worktrees, and that nothing still runs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from attrs import frozen
from crash.sysfault import CUT, TORN, Fault, supervise
from fakes.run_harness import comparable, git

from dispatch.commands.demo import LOOPS, NAME, QUESTION, set_up
from dispatch.state.document import DOCUMENT, load_run
from dispatch.state.records import Run

DONE, WAITING = 0, 3
MAX_STARTS: Final = 4  # after a fault, until the run is over
TIME: Final = "1700000000"
_MEASURED: Final = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z|(?<=active_seconds=)[0-9.]+")


@frozen(kw_only=True)
class Scenario:
    """A story of the demonstration, and the answers that it needs."""

    name: str
    story: str
    answers: tuple[tuple[str, str], ...] = ()


SCENARIOS: Final = {
    each.name: each
    for each in (
        Scenario(name="straight", story="."),
        Scenario(name="loops", story=LOOPS, answers=((QUESTION, "continue"),)),
    )
}


@frozen
class Site:
    """One copy of a scenario's repository, with a home of its own."""

    place: Path
    scenario: Scenario

    @property
    def root(self) -> Path:
        """The repository."""
        return self.place / NAME

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.root / "dispatch" / NAME

    def command(self, *arguments: str) -> list[str]:
        """The program with arguments, on this repository."""
        program = [sys.executable, "-P", "-m", "dispatch"]
        return [*program, *arguments, "--repo", str(self.root)]

    def environment(self) -> dict[str, str]:
        """Nothing of ours but the path."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.place / "home"),
            "TMPDIR": str(self.place / "tmp"),
            "LOGNAME": "una",
            "SOURCE_DATE_EPOCH": TIME,
        }

    def start(self) -> int:
        """Run without faults; the exit code."""
        return self._call("run", NAME, "--no-wait")

    def finish(self) -> None:
        """Start as often as it takes, answering what is asked."""
        for _ in range(MAX_STARTS):
            code = self.start()
            if code == DONE:
                return
            if code != WAITING:
                raise AssertionError(f"exit code {code}\n{self.said()[-2000:]}")
            for question, verb in self.scenario.answers:
                self._call("answer", NAME, question, verb)
        raise AssertionError(f"not over after {MAX_STARTS} starts\n{self.said()[-2000:]}")

    def said(self) -> str:
        """Everything that was printed."""
        return (self.place / "said").read_text(encoding="utf-8")

    def _call(self, *arguments: str) -> int:
        with (self.place / "said").open("ab") as said:
            done = subprocess.run(
                self.command(*arguments),
                cwd=self.place,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=120,
                check=False,
            )
        return done.returncode


def prepare(scenario: Scenario, place: Path) -> Site:
    """A site whose run was not started yet."""
    for name in ("home", "tmp"):
        (place / name).mkdir(parents=True)
    package = files("dispatch") / "agents" / "scripted" / "sample"
    with as_file(package) as sample:
        set_up(sample, sample / scenario.story, place)
    return Site(place, scenario)


def copy_of(fresh: Site, place: Path) -> Site:
    """Another site with the same base commit; its configuration names the script of the first."""
    shutil.copytree(fresh.place, place, symlinks=True)
    return Site(place, fresh.scenario)


def end_of(site: Site) -> dict[str, Any]:
    """What must be the same at the end of each run of a scenario."""
    run = load_run(site.folder / DOCUMENT)
    worktrees = site.folder / "worktrees"
    return {
        "branch": git(site.root, "log", "--format=%H", f"dispatch/{NAME}", "--").splitlines(),
        "document": _MEASURED.sub("", repr(comparable(run)).replace(str(site.place), "")),
        "answers": _answers(run),
        "report": (site.folder / "report.md").is_file(),
        "worktrees": {
            path.name: git(path, "rev-parse", "HEAD") for path in sorted(worktrees.iterdir())
        },
        "main": git(site.root, "rev-parse", "main"),
        "locks": sorted(path.name for path in (site.root / ".git").rglob("*.lock")),
        "fsck": git(site.root, "fsck", "--strict", "--no-dangling"),
        "running": [each.info["cmdline"] for each in processes_in(site.place)],
    }


def _answers(run: Run) -> list[str]:
    """Whose answers were taken, each as often as it was: nobody is paid twice for one."""
    attempts = (*run.attempts, *(each for task in run.tasks for each in task.attempts))
    return sorted(each.id.rpartition(".")[0] for each in attempts if each.outcome == "ok")


def processes_in(place: Path) -> Iterator[psutil.Process]:
    """What still runs and names a place on its command line or works in it."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = (*(process.info["cmdline"] or ()), process.info["cwd"] or "")
        if process.pid != os.getpid() and any(str(place) in word for word in words):
            yield process


def try_point(fresh: Site, reference: dict[str, Any], fault: Fault, place: Path) -> tuple[str, str]:
    """One fault: the call it met, and what is wrong afterwards (empty: nothing)."""
    site = copy_of(fresh, place)
    outcome = supervise(
        site.command("run", NAME, "--no-wait"),
        cwd=place,
        env=site.environment(),
        output=place / "said",
        fault=fault,
    )
    try:
        if outcome.code < 0 and fault.mode not in (CUT, TORN):
            return outcome.injected, f"it ended with signal {-outcome.code}"
        site.finish()
    except (AssertionError, subprocess.TimeoutExpired) as error:
        return outcome.injected, str(error)
    found = end_of(site)
    wrong = [name for name, value in reference.items() if found[name] != value]
    return outcome.injected, ", ".join(wrong)


def sweep(
    scenario: Scenario, mode: str, stride: int, offset: int, base: Path
) -> Iterator[tuple[int, str, str]]:
    """Every ``stride``-th point: its number, the call it met, and what was wrong."""
    fresh = prepare(scenario, base / "fresh")
    calm = copy_of(fresh, base / "reference")
    calm.finish()
    reference = end_of(calm)
    at = 1 + offset
    while True:
        place = base / "point"
        met, wrong = try_point(fresh, reference, Fault(at=at, mode=mode), place)
        if not met:
            return
        yield at, met, wrong
        if not wrong:
            shutil.rmtree(place)
        else:
            place.rename(base / f"failed-{mode}-{at}")
        at += stride


def main(argv: Sequence[str]) -> int:
    """Sweep, print a line for each failure and a table at the end; 1 when there was one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("mode", help="cut, torn, or the name of an error such as ENOSPC")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0)
    given = parser.parse_args(argv)
    base = Path(tempfile.mkdtemp(prefix="sweep-"))
    points = failures = 0
    found = sweep(SCENARIOS[given.scenario], given.mode, given.stride, given.offset, base)
    for at, met, wrong in found:
        points += 1
        if wrong:
            failures += 1
            print(f"{given.scenario} {given.mode} at {at} ({met}): {wrong}", flush=True)
    print(f"{given.scenario} {given.mode}: {points} points, {failures} failures")
    if not failures:
        shutil.rmtree(base)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
