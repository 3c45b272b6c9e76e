"""Makes the oracle's cases from consecutive releases of libraries; run by hand, never by a test.

    pip download --no-deps --only-binary :all: -d WHEELS/<library>/<version> <library>==<version>
    python tests/gitops/oracle/make.py WHEELS tests/gitops/oracle

Of each library the three releases in ``RELEASES`` are taken.  A case is a folder with
``base.patch``, which makes the files, and the features ``1.patch``, ``2.patch`` and so on, all made
on that base:

- ``two``: the changes to the next release, their hunks dealt out to two features;
- ``three``: the same, dealt out to three;
- ``releases``: the changes to the next release, and those to the one after it.

Cases without a change for each feature are left out.  The same wheels give the same cases.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

RELEASES = {
    "attrs": ("22.2.0", "23.1.0", "23.2.0"),
    "blinker": ("1.5", "1.6.1", "1.7.0"),
    "click": ("8.1.4", "8.1.7", "8.1.8"),
    "h11": ("0.12.0", "0.13.0", "0.14.0"),
    "humanize": ("4.4.0", "4.6.0", "4.8.0"),
    "itsdangerous": ("2.0.1", "2.1.0", "2.2.0"),
    "jinja2": ("3.1.2", "3.1.3", "3.1.4"),
    "more-itertools": ("9.0.0", "9.1.0", "10.1.0"),
    "packaging": ("23.0", "23.1", "23.2"),
    "platformdirs": ("3.0.0", "3.2.0", "3.5.0"),
    "pluggy": ("1.2.0", "1.3.0", "1.4.0"),
    "tomli": ("2.0.0", "2.0.1", "2.0.2"),
    "zipp": ("3.14.0", "3.15.0", "3.16.0"),
}
MAX_FILES = 2  # of one case
MAX_BASE_BYTES = 30_000  # of one file before the change

Files = dict[str, str]


def main(wheels: Path, target: Path) -> None:
    """Write the cases of every library, instead of those that are there."""
    for old in target.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
    for library, versions in RELEASES.items():
        base, after, later = (_source(wheels / library / version) for version in versions)
        for name, case, features in _cases(base, after, later):
            folder = target / f"{library}-{name}"
            folder.mkdir()
            (folder / "base.patch").write_bytes(_diff({}, case))
            for number, feature in enumerate(features, 1):
                (folder / f"{number}.patch").write_bytes(_diff(case, {**case, **feature}))


def _source(folder: Path) -> Files:
    """The Python files of the one wheel in a folder."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith((".py", ".pyi"))]
        return {name: archive.read(name).decode() for name in sorted(names)}


def _cases(base: Files, after: Files, later: Files) -> Iterator[tuple[str, Files, list[Files]]]:
    changed = [
        path
        for path, text in base.items()
        if after.get(path, text) != text and len(text.encode()) <= MAX_BASE_BYTES
    ]
    for name, parts in (("two", 2), ("three", 3)):
        able = ((path, _hunks(base[path], after[path])) for path in changed)
        dealt = dict(islice(((path, hunks) for path, hunks in able if len(hunks) > 1), MAX_FILES))
        features = [_feature(base, dealt, part, parts) for part in range(parts)]
        if all(features):
            yield name, {path: base[path] for path in dealt}, features
    both = [path for path in changed if later.get(path, after[path]) != after[path]][:MAX_FILES]
    if both:
        features = [{path: release[path] for path in both} for release in (after, later)]
        yield "releases", {path: base[path] for path in both}, features


def _feature(base: Files, dealt: Mapping[str, Sequence[str]], part: int, parts: int) -> Files:
    """The files with every ``parts``-th hunk."""
    files = {path: _patched(base[path], hunks[part::parts]) for path, hunks in dealt.items()}
    return {path: text for path, text in files.items() if text != base[path]}


def _hunks(old: str, new: str) -> list[str]:
    """The hunks without context, so that two of them may be a line apart."""
    lines = _diff({"f": old}, {"f": new}, "-U0").decode().splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line.startswith("@@ ")]
    ends = [*starts[1:], len(lines)]
    return ["".join(lines[start:end]) for start, end in zip(starts, ends, strict=True)]


def _patched(text: str, hunks: Sequence[str]) -> str:
    """A text with some of the hunks, each at the place it has in the text before."""
    lines = text.splitlines(keepends=True)
    for hunk in reversed(hunks):  # from the end, so that places before stay
        head, *body = hunk.splitlines(keepends=True)
        start, _, count = head.split(" ")[1].removeprefix("-").partition(",")
        size = int(count or 1)
        first = int(start) if size == 0 else int(start) - 1
        kept = [line[1:] for line in body if line[0] in " +"]
        lines[first : first + size] = kept
    return "".join(lines)


def _diff(old: Files, new: Files, context: str = "-U3") -> bytes:
    """The patch from some files to others."""
    with tempfile.TemporaryDirectory() as place:
        for side, files in (("a", old), ("b", new)):
            for path, text in files.items():
                file = Path(place, side, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(text.encode())
            Path(place, side).mkdir(exist_ok=True)
        command = ["git", "diff", "--no-index", "--no-prefix", "--no-color", context, "a", "b"]
        done = subprocess.run(command, cwd=place, check=False, capture_output=True)
        return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
