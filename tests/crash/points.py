"""One point of a sweep: the site as a fault left it, the run gone on with, the end compared."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from attrs import evolve, field, frozen
from crash.cells import others, stand_in
from crash.recording import TWICE, Moment
from crash.sites import Site, Stuck, content_of, copy, end_of
from crash.stories import RUN, Story
from crash.sysfault import ALONE, CUT, TORN, Fault, Outcome, supervise

from dispatch.state.document import DOCUMENT
from dispatch.state.errors import DocumentError, ExitCode

LOST, DOUBLED, STUCK, SURVIVOR, DIFFERENT = KINDS = (
    "lost",
    "doubled",
    "stuck",
    "survivors",
    "differences",
)
KILLING: Final = frozenset({CUT, TORN, ALONE})
# What a site may answer instead of coming to its end.
HINDRANCES: Final = (Stuck, DocumentError, OSError, subprocess.CalledProcessError)
# What a run that failed and was retried shares with one that did not: its document tells of it.
_ALSO_AFTER_A_RETRY: Final = frozenset({"tree", "tasks", "report", "main", "locks", "fsck"})
_SENTENCE: Final = re.compile(r"dispatch: (?!warning: )")
_UNTIDY: Final = ("Traceback (most recent call last)", "This is a bug in dispatch")
_SPREAD: Final = 7919  # a prime: second kills lie all over the rest of the run


@frozen(kw_only=True)
class Problem:
    """What is wrong at the end, in the words of the table, and how."""

    kind: str
    what: str


@frozen(kw_only=True)
class Finding:
    """What became of one point; ``call`` is empty when the fault was never reached."""

    story: str
    mode: str
    at: int
    call: str
    content: str  # of the disk state; empty where it is not known
    problems: tuple[Problem, ...] = ()


@frozen(kw_only=True)
class Bench:
    """Where the points of a story are tried; ``fresh`` is its site before the first start."""

    story: Story
    base: Path
    isolated: bool
    planted: Callable[[], None]
    reference: Mapping[str, Any] = field(factory=dict)
    calls: tuple[str, ...] = ()  # of the whole run, when nothing disturbs it

    @property
    def place(self) -> Path:
        """Where every site of the story thinks that it is."""
        return self.base / "site"

    @property
    def fresh(self) -> Path:
        """The site that every other one is a copy of."""
        return self.base / f"fresh-{self.story.name}"

    def site(self, name: str, source: Path, *, cold: bool = False) -> Site:
        """In a cell: a copy of ``source``, standing at the place."""
        work = self.base / "work" / f"{self.story.name}-{name}"
        copy(source, work)
        stand_in(work, self.place, isolated=self.isolated)
        return Site(
            story=self.story,
            place=self.place,
            said=self.base / "said" / work.name,
            cold=cold,
            planted=self.planted,
        )

    def put_away(self, site: Site, finding: Finding) -> Finding:
        """Leave nothing of a point, unless something was wrong."""
        work = self.base / "work" / site.said.name
        if not finding.problems:
            shutil.rmtree(work, ignore_errors=True)
            site.said.unlink(missing_ok=True)
        return finding


def referred(bench: Bench) -> tuple[dict[str, Any], tuple[str, ...]]:
    """In a cell: the end of a run that meets no fault, and the calls it makes."""
    site = bench.site("reference", bench.fresh)
    made: tuple[str, ...] = ()

    def start(program: Callable[[], NoReturn]) -> Outcome:
        nonlocal made
        outcome = supervise(program)
        made += outcome.calls
        return outcome

    code = site.play(start)
    if code:
        raise AssertionError(f"{bench.story.name} ends with {code}\n{site.tail()}")
    return end_of(site), made


def gone_on(bench: Bench, moment: Moment) -> Finding:
    """In a cell: a recorded state, gone on with; ``twice``: killed once more while it goes on."""
    assert moment.copy is not None
    finding = Finding(
        story=bench.story.name,
        mode=moment.mode,
        at=moment.at,
        call=moment.call,
        content=moment.content,
    )
    site = bench.site(f"{moment.mode}-{moment.at}", moment.copy)
    shutil.rmtree(moment.copy)
    try:
        if moment.mode == TWICE:
            second = _injected(site, _second(bench, moment.at))[1]
            finding = evolve(finding, call=f"{moment.call}, {second or 'none'}")
        problems = _judged(bench, site)
    except HINDRANCES as error:
        problems = [Problem(kind=STUCK, what=str(error))]
    return bench.put_away(site, evolve(finding, problems=tuple(problems)))


def met(bench: Bench, mode: str, fault: Fault) -> Finding:
    """In a cell: a run from its start, through a fault, gone on with."""
    site = bench.site(f"{mode}-{fault.at}", bench.fresh, cold=mode == "kill")
    finding = Finding(story=bench.story.name, mode=mode, at=fault.at, call="none", content="")
    try:
        code, call = _injected(site, fault)
        if not call:
            return bench.put_away(site, evolve(finding, call=""))
        finding = evolve(finding, call=call)
        problems = [] if fault.mode in KILLING else _told(site, code)
        if mode == TWICE:
            _injected(site, _second(bench, fault.at))
        problems += _judged(bench, site)
    except HINDRANCES as error:
        problems = [Problem(kind=STUCK, what=str(error))]
    return bench.put_away(site, evolve(finding, problems=tuple(problems)))


def _second(bench: Bench, at: int) -> Fault:
    """Where a run is killed that goes on from a kill at ``at``."""
    return Fault(at=1 + at * _SPREAD % max(len(bench.calls) - at, 1), mode=CUT)


def _injected(site: Site, fault: Fault) -> tuple[int, str]:
    """Play a story until a fault has met a start of it; that start's code and the call it met."""
    before, call = 0, ""

    def start(program: Callable[[], NoReturn]) -> Outcome:
        nonlocal before, call
        outcome = supervise(program, fault=evolve(fault, at=fault.at - before))
        before += len(outcome.calls)
        call = outcome.injected
        return outcome

    return site.play(start), call


def _told(site: Site, code: int) -> list[Problem]:
    """Whether a start that met an error ended as it should: in a sentence, the document whole."""
    said = site.tail()
    found = [f"it says {text!r}" for text in _UNTIDY if text in said]
    if code not in set(ExitCode):
        found.append(f"it ends with {code}")
    sentences = [line for line in said.splitlines() if _SENTENCE.match(line)]
    if code not in (ExitCode.DONE, ExitCode.WAITING) and not sentences:
        found.append("it does not say why")
    try:
        if (site.folder / DOCUMENT).exists():
            _ = site.document
    except DocumentError as error:
        found.append(str(error))
    return [Problem(kind=DIFFERENT, what=f"{text}\n{said}") for text in found]


def _judged(bench: Bench, site: Site) -> list[Problem]:
    """Go on until the run is over; everything that is not as it should be then."""
    lock = _number(site.folder / "lock")
    retried = site.finish()
    left = others(site.place, isolated=bench.isolated)
    found = end_of(site)
    before = content_of(site.place)
    site.call("run", RUN, "--no-wait")
    problems = [Problem(kind=SURVIVOR, what=text) for text in left]
    if content_of(site.place) != before:
        problems.append(Problem(kind=DIFFERENT, what="one more start changed something"))
    if lock not in (None, _number(site.folder / "lock")):
        problems.append(Problem(kind=DIFFERENT, what="the lock is another file"))
    return problems + _compared(found, bench.reference, retried=retried)


def _compared(
    found: Mapping[str, Any], expected: Mapping[str, Any], *, retried: bool
) -> list[Problem]:
    problems = []
    counted = ("tasks",) if retried else ("tasks", "answers", "accepted again")
    for name in counted:
        here, there = Counter(found[name]), Counter(expected[name])
        problems += [Problem(kind=LOST, what=f"{name}: {each}") for each in there - here]
        problems += [Problem(kind=DOUBLED, what=f"{name}: {each}") for each in here - there]
    for name, value in expected.items():
        if name in counted or (retried and name not in _ALSO_AFTER_A_RETRY):
            continue
        if found[name] != value:
            what = f"{name}: {found[name]!r}, not {value!r}"
            problems.append(Problem(kind=DIFFERENT, what=_shortened(what, found[name], value)))
    return problems


def _number(path: Path) -> int | None:
    return path.stat().st_ino if path.exists() else None


def _shortened(text: str, found: object, value: object) -> str:
    """Of two long texts only what follows the place where they part."""
    if not isinstance(found, str) or not isinstance(value, str) or len(text) < 1000:
        return text
    parted = next(
        (at for at, pair in enumerate(zip(found, value, strict=False)) if len(set(pair)) > 1),
        min(len(found), len(value)),
    )
    begin = max(parted - 150, 0)
    return f"…{found[begin : parted + 250]}…, not …{value[begin : parted + 250]}…"
