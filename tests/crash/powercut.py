"""A run whose disk loses power at random moments, goes on from what was written, and ends the same.

``python tests/crash/powercut.py --cuts 200`` plays the sweep's stories again and again on
a file system in an image, and copies the image at moments drawn from ``--seed``: each copy is the
disk as a power cut leaves it (``disk_images``).  Then, for each copy: the journal is replayed, the
file system checked, the same command given as often as it takes, and the end compared with that
of a run that was never cut.  ``--without-sync`` is the control: without ``syncfs`` and fsync the
same cuts must fail.
"""

import argparse
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

import psutil
from attrs import asdict, frozen
from crash import disk_images
from crash.disk_images import Disk
from crash.sites import Site, end_of
from crash.stories import RUN, STORIES, SWEPT, Story, set_up
from fakes.run_harness import GIT_ENV, git

from dispatch.state.document import DOCUMENT, PREVIOUS, load_run
from dispatch.state.errors import DocumentError

ROOT: Final = Path(__file__).parents[2]
CUTS_PER_RUN: Final = 20  # copies of one disk that are kept until they are looked at
SPARE_RUNS: Final = 10  # those that are faster than the first one may end before a cut
LIMIT_SECONDS: Final = 300.0  # for one run, cut or not
KINDS: Final = ("lost", "doubled", "stuck", "survivors", "differences")
SKIPPED: Final = "skipped: {}"
_COMPARED: Final = {
    "lost": ("branch", "tree", "tasks", "main", "fsck", "store"),
    "doubled": ("answers", "accepted again"),
    "survivors": ("running",),
    "differences": ("document", "report", "worktrees", "lock", "locks"),
}
_MARKED: Final = re.compile(r"(?s)(<!-- powercut:begin -->\n).*?(<!-- powercut:end -->\n)")
_TABLE: Final = "| story | cuts | " + " | ".join(KINDS) + " |"


@frozen
class Acknowledged:
    """How far a document has come; none of these ever shrinks."""

    transitions: int = 0
    attempts: int = 0
    ended: int = 0
    turns: int = 0

    def lacks(self, before: "Acknowledged") -> bool:
        """Whether something is gone that was there before."""
        return any(value < asdict(before)[name] for name, value in asdict(self).items())


@frozen(kw_only=True)
class Cut:
    """One power cut: the disk as it was left, and what the run had been told is safe."""

    number: int
    story: Story
    image: Path
    seconds: float  # after the start of the run
    acknowledged: Acknowledged


def main(argv: Sequence[str]) -> int:
    """Cut, print a line for each failure and a table; 1 when a cut failed, or no control did."""
    if argv[:1] == ["inside"]:
        return inside(*argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # tidied up like ^C
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--story", choices=STORIES, action="append")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--without-sync", action="store_true")
    parser.add_argument("--write", type=Path, help="a document whose table is renewed")
    given = parser.parse_args(argv)
    if reason := disk_images.reason_against():
        print(SKIPPED.format(reason))
        return 0
    names = given.story or list(SWEPT)
    counted = {name: Counter[str]() for name in names}
    started = time.monotonic()
    with harness(given.seed, without_sync=given.without_sync, jobs=given.jobs) as made:
        for cut, wrong in made.cuts([STORIES[name] for name in names], given.cuts):
            counted[cut.story.name].update(["cuts", *wrong])
            for kind, what in wrong.items():
                at = f"{cut.story.name} cut {cut.number} after {cut.seconds:.2f} s"
                print(f"{at}: {kind}: {what}", flush=True)
    table = rendered(counted)
    print(table)
    print(f"seed {given.seed}, {time.monotonic() - started:.0f} s")
    if given.write:
        write_table(given.write, table, given.seed)
    failed = any(counted[name][kind] for name in names for kind in KINDS)
    return 0 if failed is given.without_sync else 1


@contextlib.contextmanager
def harness(seed: int, *, without_sync: bool = False, jobs: int = 1) -> Iterator["Harness"]:
    """A harness in a folder of its own; nothing of it is left afterwards, whatever happens."""
    with (
        tempfile.TemporaryDirectory(prefix="powercut-", dir=disk_images.place()) as base,
        disk_images.opened(Path(base)) as disk,
    ):
        yield Harness(disk, Path(base), seed, without_sync, jobs)


class Harness:
    """Runs on the disk, and the cuts that are made of them."""

    def __init__(self, disk: Disk, base: Path, seed: int, without_sync: bool, jobs: int) -> None:
        self._disk = disk
        self._base = base
        self._random = random.Random(seed)
        self._how = "unsynced" if without_sync else "synced"
        self._jobs = jobs

    def cuts(
        self, stories: Sequence[Story], wanted: int
    ) -> Iterator[tuple[Cut, Mapping[str, str]]]:
        """So many cuts, spread over the stories; each with what is wrong, by kind."""
        known = {each.name: self._reference(each) for each in stories}
        made = dict.fromkeys(known, 0)
        share = -(-wanted // len(known))
        with ThreadPoolExecutor(self._jobs) as pool:
            for _ in range(wanted + SPARE_RUNS):
                left = wanted - sum(made.values())
                if left == 0:
                    return
                story = min(stories, key=lambda each: made[each.name])
                end, seconds = known[story.name]
                number = 1 + sum(made.values())
                count = min(CUTS_PER_RUN, share, left)
                taken = tuple(self._cut(story, seconds, number, count))
                made[story.name] += len(taken)
                judged = pool.map(partial(self._wrong, end), taken)
                yield from zip(taken, judged, strict=True)
        raise AssertionError("the runs ended before they were cut")

    def _reference(self, story: Story) -> tuple[dict[str, Any], float]:
        """The fresh image of a story, the end of a run of it, and how many seconds it takes."""
        fresh = self._fresh(story)
        disk_images.make_image(fresh, disk_images.IMAGE_BYTES)
        self._carry_out("prepare", story, fresh)
        disk_images.copy_image(fresh, self._disk.image)
        started = time.monotonic()
        found = self._carry_out("finish", story, self._disk.image)
        return found["end"], time.monotonic() - started

    def _cut(self, story: Story, seconds: float, number: int, count: int) -> Iterator[Cut]:
        """Up to ``count`` cuts of one run, at moments drawn from its length."""
        disk_images.copy_image(self._fresh(story), self._disk.image)
        process = self._start("finish", story, self._disk.image)
        started = time.monotonic()
        try:
            for at in sorted(self._random.uniform(0, seconds) for _ in range(count)):
                time.sleep(max(0.0, started + at - time.monotonic()))
                image = self._base / f"cut-{number}.img"
                acknowledged = self._acknowledged(process.pid)
                self._disk.copied(image)
                if process.poll() is not None:
                    image.unlink()
                    return
                yield Cut(
                    number=number,
                    story=story,
                    image=image,
                    seconds=at,
                    acknowledged=acknowledged,
                )
                number += 1
        finally:
            process.kill()
            process.wait()

    def _acknowledged(self, pid: int) -> Acknowledged:
        """What the run was told is safe: the document before the newest one."""
        # Only the namespace's processes see the disk; the first of them is the child of `unshare`.
        with contextlib.suppress(psutil.NoSuchProcess, IndexError):
            inside = psutil.Process(pid).children()[0].pid
            seen = Path(f"/proc/{inside}/root{self._mount}")
            return progress(folder_in(seen) / PREVIOUS)
        return Acknowledged()

    def _wrong(self, end: Mapping[str, Any], cut: Cut) -> Mapping[str, str]:
        """What is wrong after a cut, by kind; nothing: the run ended as it would have."""
        try:
            found = self._carry_out("cut", cut.story, cut.image)
        except AssertionError as error:
            return {"stuck": str(error)}
        finally:
            cut.image.unlink()
        wrong = {}
        kept = Acknowledged(**found["kept"])
        if kept.lacks(cut.acknowledged):
            wrong["lost"] = f"{cut.acknowledged} was safe, {kept} was there"
        differing = [name for name, value in end.items() if found["end"][name] != value]
        for kind, names in _COMPARED.items():
            if shown := [name for name in differing if name in names]:
                values = "; ".join(f"{name}: {found['end'][name]!r:.300}" for name in shown)
                wrong.setdefault(kind, values)
        return wrong

    def _carry_out(self, what: str, story: Story, image: Path) -> dict[str, Any]:
        """One thing done inside; raises AssertionError with what was said when it failed."""
        process = self._start(what, story, image)
        try:
            code = process.wait(LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            code = -1
        finally:
            process.kill()
            process.wait()
        said, found = self._said(image), self._found(image)
        if code != 0:
            raise AssertionError(f"exit code {code}: {said.read_text()[-2000:]}")
        said.unlink()
        result = json.loads(found.read_text())
        found.unlink()
        assert isinstance(result, dict)
        return result

    def _start(self, what: str, story: Story, image: Path) -> "subprocess.Popen[bytes]":
        places = (str(image), str(self._mount), str(self._found(image)))
        words = ("inside", what, story.name, self._how, *places)
        return disk_images.started_inside(Path(__file__).resolve(), *words, said=self._said(image))

    @property
    def _mount(self) -> Path:
        """Where every image is mounted, in each namespace."""
        return self._base / "disk"

    def _fresh(self, story: Story) -> Path:
        return self._base / f"{story.name}.img"

    def _said(self, image: Path) -> Path:
        return self._base / f"{image.name}.said"

    def _found(self, image: Path) -> Path:
        return self._base / f"{image.name}.json"


def inside(what: str, name: str, how: str, image: str, mount: str, found: str) -> int:
    """What is done in the namespaces: an image mounted, a run in it, its end written down."""
    place, folder = Path(mount), Path(mount, "site")
    result: dict[str, Any] = {}
    if what == "cut":
        with disk_images.mounted(Path(image), place):
            pass  # that replays the journal
        if wrong := disk_images.checked(Path(image)):
            raise AssertionError(f"the file system is broken: {wrong}")
    with disk_images.mounted(Path(image), place):
        if what == "prepare":
            set_up(STORIES[name], folder, folder)
            os.sync()
        else:
            planted = unsynced if how == "unsynced" else synced
            said = Path(f"{found}.said")
            site = Site(story=STORIES[name], place=folder, said=said, planted=planted)
            result["kept"] = asdict(progress(site.folder / DOCUMENT))
            if site.finish():
                raise AssertionError(f"it failed and had to be retried: {site.tail()}")
            result["end"] = end_of(site)
            result["end"] |= {"store": store_fsck(site), "running": running()}
            said.unlink()
    Path(found).write_text(json.dumps(result))
    return 0


def synced() -> None:
    """The program as it is."""


def unsynced() -> None:
    """The program on a machine that never syncs, from outside: it has no switch for that."""
    os.fsync = lambda fd: None
    for module in [each for name, each in sys.modules.items() if name.startswith("dispatch.")]:
        if "sync_file_system" in vars(module):
            vars(module)["sync_file_system"] = lambda folder: None


def running() -> list[str]:
    """What still runs in this namespace, but for this process."""
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        if each.pid != os.getpid() and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(" ".join(each.info["cmdline"] or ()))
    return found


def progress(path: Path) -> Acknowledged:
    """How far a document has come; one that is not there has not begun."""
    try:
        run = load_run(path)
    except DocumentError:
        return Acknowledged()
    attempts = (*run.attempts, *(each for task in run.tasks for each in task.attempts))
    return Acknowledged(
        transitions=len(run.history),
        attempts=len(attempts),
        ended=sum(each.outcome is not None for each in attempts),
        turns=sum(each.usage.turns for each in attempts),
    )


def folder_in(mount: Path) -> Path:
    """The folder of the run on a mounted image."""
    return mount / "site" / RUN / "dispatch" / RUN


def store_fsck(site: Site) -> str:
    """What git finds wrong in the run's own store."""
    words = ["git", "--git-dir", str(site.folder / "git"), "fsck", "--strict", "--no-dangling"]
    done = subprocess.run(words, env=GIT_ENV, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


def rendered(counted: Mapping[str, Mapping[str, int]]) -> str:
    """The table: what went wrong in how many cuts of each story."""
    rows = [
        " | ".join(["", name, *(str(row.get(kind, 0)) for kind in ("cuts", *KINDS)), ""]).strip()
        for name, row in counted.items()
    ]
    return "\n".join([_TABLE, "|---|" + "--:|" * (len(KINDS) + 1), *rows])


def write_table(path: Path, table: str, seed: int) -> None:
    """Put the table between its markers in a document, with what was measured."""
    commit = git(ROOT, "rev-parse", "--short=12", "HEAD")
    body = f"{table}\n\nMeasured at {commit}, seed {seed}."
    text = path.read_text(encoding="utf-8")
    new, count = _MARKED.subn(lambda match: f"{match[1]}{body}\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"{path} does not have the markers of the table")
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
