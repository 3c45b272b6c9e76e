"""Runs that meet a fault at a file-changing system call, go on, and end as if nothing had been.

``python tests/crash/sweep.py`` tries a sample of all points of every story in every mode and prints
a table, also of what was tried until Ctrl-C; ``--full`` tries every point of the modes that kill.
The end of each is compared with that of a run that met no fault: commit ids (the time is pinned),
tree, document without times, whose answers were taken, report, worktrees, processes; one more start
must change no byte.

Modes: ``cut`` (all processes end before the call), ``torn`` (half of a write is done, then they
end) and ``twice`` (cut, and cut again while it goes on) are tried on recorded disk states.
``kill`` (SIGKILL to a newly started interpreter and all below it), ``alone`` (SIGKILL to the
program only; what it started hangs in its next call), ``short`` (a write does half) and the names
of errors are tried for real; ``+`` after an error's name: every later call fails, too.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from attrs import evolve, frozen
from crash import cells, points
from crash.planted import PLANTED, nothing
from crash.points import Bench, Finding
from crash.recording import TWICE, Moment, Recorder, Stride, faults
from crash.stories import STORIES, SWEPT, set_up
from crash.summary import rows, table, write_table
from crash.syscalls import why_impossible
from crash.sysfault import CUT, TORN, can_meet

RECORDED: Final = (CUT, TORN, TWICE)
# Which points are tried by default: a sample that a machine with two cores tries in 6 minutes.
SAMPLE: Final[Mapping[str, int]] = {
    CUT: 60,
    TORN: 30,
    TWICE: 150,
    "kill": 300,
    "alone": 150,
    "short": 80,
    "ENOSPC": 150,
    "ENOSPC+": 400,
    "EIO": 200,
    "EIO+": 500,
    "EROFS+": 300,
    "EACCES": 200,
    "EMFILE": 100,
    "EMFILE+": 150,
    "EINTR": 150,
}
FULL: Final[Mapping[str, int]] = {
    CUT: 1,
    TORN: 1,
    TWICE: 10,
    "kill": 40,
    "alone": 20,
    "short": 10,
    "ENOSPC": 15,
    "ENOSPC+": 60,
    "EIO": 20,
    "EIO+": 80,
    "EROFS+": 60,
    "EACCES": 20,
    "EMFILE": 10,
    "EMFILE+": 30,
    "EINTR": 15,
}
SHARED_MEMORY: Final = Path("/dev/shm")
ENOUGH_BYTES: Final = 1 << 30
MAX_SHOWN: Final = 20  # failures that are told in full
SKIPPED: Final = "SKIPPED"


@frozen(kw_only=True)
class Sweep:
    """What is to be tried, and where."""

    stories: tuple[str, ...]
    strides: Mapping[str, Stride]
    base: Path
    at_once: int
    isolated: bool
    plant: str = ""

    def findings(self) -> Iterator[Finding]:
        """Every point, as it is known."""
        for name in self.stories:
            bench = self._bench(name)
            recorded = {m: s for m, s in self.strides.items() if m in RECORDED and self.isolated}
            if recorded:
                yield from self._timed(
                    f"{name} {' '.join(recorded)}", self._recorded(bench, recorded)
                )
            for mode, stride in self.strides.items():
                if mode not in recorded:
                    yield from self._timed(f"{name} {mode}", self._real(bench, mode, stride))

    def _timed(self, what: str, found: Iterator[Finding]) -> Iterator[Finding]:
        """Say how far it is, so that nobody takes it for dead."""
        began, count = time.monotonic(), 0
        for finding in found:
            count += 1
            yield finding
        print(f"{what}: {count} points in {time.monotonic() - began:.0f} s", file=sys.stderr)

    def _bench(self, name: str) -> Bench:
        story = STORIES[name]
        bench = Bench(story=story, base=self.base, isolated=self.isolated, planted=nothing)
        set_up(story, bench.fresh, bench.place)
        ((reference, calls),) = self._results([partial(points.referred, bench)])
        planted = PLANTED[self.plant] if self.plant else nothing
        return evolve(bench, planted=planted, reference=reference, calls=calls)

    def _recorded(self, bench: Bench, strides: Mapping[str, Stride]) -> Iterator[Finding]:
        """Record a run, and go on from its states while it is recorded."""
        copies = self.base / "copies"
        known: dict[str, Finding] = {}  # by the disk state
        again: list[Moment] = []  # states that were tried before, or are being tried

        def moments() -> Iterator[partial[Finding]]:
            recorder = cells.begin(partial(_record, bench, copies, dict(strides)), isolated=True)
            while (moment := recorder.received()) is not None:
                if moment.copy is None:
                    again.append(moment)
                else:
                    yield partial(points.gone_on, bench, moment)

        for finding in self._results(moments()):
            if finding.mode != TWICE:
                known[finding.content] = finding
            yield finding
        for moment in again:
            first = known[moment.content]
            yield evolve(first, mode=moment.mode, at=moment.at, call=moment.call)

    def _real(self, bench: Bench, mode: str, stride: Stride) -> Iterator[Finding]:
        """Let runs meet a fault until one was not reached any more: then every point was.

        A sample is over where a run that meets none would be.
        """
        name = mode.rstrip("+")
        name = CUT if name in ("kill", TWICE) else name
        counted = [call for call in bench.calls if not stride.among or call in stride.among]
        last = sum(can_meet(name, call) for call in counted) if stride.step > 1 else sys.maxsize
        over = False

        def attempts() -> Iterator[partial[Finding]]:
            for fault in faults(name, stride, sticky=mode.endswith("+")):
                if over or fault.at > last:
                    return
                yield partial(points.met, bench, mode, fault)

        for finding in self._results(attempts()):
            over = over or not finding.call
            if finding.call:
                yield finding

    def _results(self, works: Any) -> Iterator[Any]:
        return cells.results(works, self.at_once, isolated=self.isolated)


def _record(bench: Bench, copies: Path, strides: dict[str, Stride], send: Any) -> None:
    site = bench.site("recorded", bench.fresh)
    code = Recorder(site=site, copies=copies, strides=strides, send=send).record()
    if code:
        raise AssertionError(f"The recorded run ends with {code}\n{site.tail()}")


def main(argv: Sequence[str]) -> int:
    """Sweep, tell each failure, print a table; 1 when there was a failure."""
    given = _parser().parse_args(argv)
    if why := why_impossible():
        print(f"{SKIPPED}: the sweep of system calls was not made: {why}.")
        return 0
    isolated = cells.are_possible()
    if not isolated:
        print("No namespaces here: one point at a time, every one for real.")
    base = Path(tempfile.mkdtemp(prefix="sweep-", dir=_folder()))
    for name in ("site", "work", "said", "copies"):
        (base / name).mkdir()
    sweep = Sweep(
        stories=tuple(given.stories or SWEPT),
        strides=_strides(given),
        base=base,
        at_once=given.jobs if isolated else 1,
        isolated=isolated,
        plant=given.plant,
    )
    began = time.monotonic()
    findings = list[Finding]()
    try:
        for finding in sweep.findings():
            findings.append(finding)
            if finding.problems and sum(1 for each in findings if each.problems) <= MAX_SHOWN:
                _tell(finding)
    except KeyboardInterrupt:  # hours may have gone into it
        print("Interrupted: this is what was tried until now.")
    found = rows(findings)
    print("\n".join(table(found)))
    print(f"{time.monotonic() - began:.0f} seconds with {sweep.at_once} at once")
    for path in given.write:
        write_table(path, found, sweep.strides)
    return _verdict(findings, base, keep=not given.plant)


def _tell(finding: Finding) -> None:
    where = f"{finding.story} {finding.mode} at {finding.at} ({finding.call})"
    for problem in finding.problems:
        print(f"{where}: {problem.kind}: {problem.what}", flush=True)


def _verdict(findings: Sequence[Finding], base: Path, *, keep: bool) -> int:
    bad = sum(1 for finding in findings if finding.problems)
    print(f"{bad} of {len(findings)} points failed")
    if bad and keep:
        print(f"what they left is in {base}")
    else:
        shutil.rmtree(base)
    return 1 if bad or not findings else 0


def _parser() -> argparse.ArgumentParser:
    summary, _, rest = (__doc__ or "").partition("\n\n")
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=summary, epilog=rest, formatter_class=formatter)
    parser.add_argument("--stories", nargs="+", choices=STORIES, metavar="STORY")
    parser.add_argument("--modes", nargs="+", choices=SAMPLE, metavar="MODE")
    parser.add_argument("--full", action="store_true", help="every point of the killing modes")
    parser.add_argument("--stride", type=int, help="every so many points, for each mode")
    parser.add_argument("--thin", type=int, default=1, help="only every so many of those points")
    parser.add_argument("--offset", type=int, default=0, help="points to leave out at the start")
    parser.add_argument("--count", type=int, help="so many points of each mode, and no more")
    parser.add_argument("--calls", nargs="+", default=[], help="count calls of these names only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="points at a time")
    parser.add_argument(
        "--write", type=Path, nargs="+", default=[], metavar="FILE", help="renew their tables"
    )
    parser.add_argument("--plant", choices=PLANTED, default="", help="a defect: it must be found")
    return parser


def _strides(given: argparse.Namespace) -> dict[str, Stride]:
    steps = FULL if given.full else SAMPLE
    return {
        mode: Stride(
            step=(given.stride or steps[mode]) * given.thin,
            first=1 + given.offset,
            most=given.count,
            among=frozenset(given.calls),
        )
        for mode in given.modes or steps
    }


def _folder() -> Path | None:
    """In memory, where there is room: a copy costs next to nothing there."""
    has_room = (
        os.access(SHARED_MEMORY, os.W_OK) and shutil.disk_usage(SHARED_MEMORY).free >= ENOUGH_BYTES
    )
    return SHARED_MEMORY if has_room else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
