"""Every state in which a power cut may leave the disk while a document is replaced.

The calls of the real recipe are recorded; then every legal state of a disk is built that keeps no
more than the standards promise (less than any file system we know): each effect that nothing has
synced may be there or not, in any combination, and a write also in half or as zeros.
"""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from attrs import evolve
from fakes.file_trail import ACKNOWLEDGED, FOLDER, Act, recorded
from fakes.small_records import a_run

from dispatch.state.document import DOCUMENT, PREVIOUS, load_run
from dispatch.state.document_store import dump_run
from dispatch.state.durable import replace
from dispatch.state.errors import DocumentError

OLDER = a_run()
OLD = evolve(OLDER, setup=("make old",))
NEW = evolve(OLDER, setup=("make new",))

Tell = Callable[[], None]
Recipe = Callable[[Path, bytes, Tell], None]


def ours(path: Path, data: bytes, tell: Tell) -> None:
    """What the document store calls."""
    replace(path, data, previous=PREVIOUS)
    tell()


def in_place(path: Path, data: bytes, tell: Tell) -> None:
    """Broken: the old content is gone before the new one is there."""
    file = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(file, data)
    os.fsync(file)
    os.close(file)
    tell()


def without_fsync(path: Path, data: bytes, tell: Tell) -> None:
    """Broken: the name may be there before the content."""
    _renamed(path, data, content=False, folder=True)
    tell()


def without_folder_fsync(path: Path, data: bytes, tell: Tell) -> None:
    """Broken: what was acknowledged may be gone."""
    _renamed(path, data, content=True, folder=False)
    tell()


def acknowledged_early(path: Path, data: bytes, tell: Tell) -> None:
    """Broken in the same way, a moment later."""
    _renamed(path, data, content=True, folder=False)
    tell()
    _sync(path.parent)


def test_after_any_power_cut_the_document_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    """And the new one once that was told; the one before it is whole, where it is there."""
    found = judged(ours, tmp_path)
    assert set(found) == {"good"}
    assert found["good"] > 40


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (in_place, {"torn"}),
        (without_fsync, {"torn"}),
        (without_folder_fsync, {"lost"}),
        (acknowledged_early, {"lost"}),
    ],
)
def test_a_broken_recipe_is_caught(tmp_path: Path, recipe: Recipe, expected: set[str]) -> None:
    assert set(judged(recipe, tmp_path)) - {"good"} == expected


def judged(recipe: Recipe, folder: Path) -> Counter[str]:
    """How many states of the disk a recipe may leave are good, torn, or lost what was told."""
    path = folder / DOCUMENT
    path.write_bytes(dump_run(OLD))
    (folder / PREVIOUS).write_bytes(dump_run(OLDER))
    before = {name: (folder / name).stat().st_ino for name in (DOCUMENT, PREVIOUS)}
    contents = {before[DOCUMENT]: dump_run(OLD), before[PREVIOUS]: dump_run(OLDER)}
    with recorded(folder) as trail:
        recipe(path, dump_run(NEW), trail.acknowledge)
    loaded = cache(lambda data: _loaded(folder / "state.yaml", data))
    found = Counter[str]()
    for count in range(len(trail.acts) + 1):
        done = trail.acts[:count]
        told = Act(ACKNOWLEDGED) in done
        for disk in states(done, before, contents):
            run, previous = loaded(disk.get(DOCUMENT)), loaded(disk.get(PREVIOUS))
            if run not in (OLD, NEW) or (PREVIOUS in disk and previous not in (OLDER, OLD)):
                found["torn"] += 1
            elif told and run != NEW:
                found["lost"] += 1
            else:
                found["good"] += 1
    return found


def states(
    done: Sequence[Act], names: dict[str, int], contents: dict[int, bytes]
) -> Iterator[dict[str, bytes]]:
    """Every content of the folder that a power cut after these calls may leave."""
    choices = [tuple(_ways(act, done[at + 1 :])) for at, act in enumerate(done)]
    for picked in itertools.product(*choices):
        there, held = dict(names), dict(contents)
        for act in picked:
            _apply(act, there, held)
        yield {name: held.get(inode, b"") for name, inode in there.items()}


def _ways(act: Act, later: Sequence[Act]) -> Iterator[Act]:
    """What may be left of a call."""
    if act.what in ("fsync", ACKNOWLEDGED):
        yield Act("nothing")
        return
    yield act
    of = act.inode if act.what in ("write", "truncate") else FOLDER
    if Act("fsync", of) not in later:
        yield Act("nothing")
        if act.what == "write":
            yield evolve(act, data=act.data[: len(act.data) // 2])
            yield evolve(act, data=bytes(len(act.data)))


def _apply(act: Act, names: dict[str, int], contents: dict[int, bytes]) -> None:
    match act.what:
        case "create" | "link":
            names[act.names[0]] = act.inode
        case "rename":
            names.pop(act.names[0], None)
            names[act.names[1]] = act.inode
        case "unlink":
            names.pop(act.names[0], None)
        case "truncate":
            contents[act.inode] = b""
        case "write":
            contents[act.inode] = contents.get(act.inode, b"") + act.data


def _loaded(path: Path, data: bytes | None) -> object:
    if data is None:
        return None
    path.write_bytes(data)
    try:
        return load_run(path)
    except DocumentError:
        return None


def _renamed(path: Path, data: bytes, *, content: bool, folder: bool) -> None:
    made = path.with_name("made")
    file = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(file, data)
    if content:
        os.fsync(file)
    os.close(file)
    os.rename(made, path)  # noqa: PTH104 # what is recorded
    if folder:
        _sync(path.parent)


def _sync(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    os.fsync(file)
    os.close(file)
