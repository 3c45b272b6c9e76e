"""Looks for a key wherever a command can look: run by file, in a sandbox.

``key_search.py BACKWARDS VARIABLE`` prints as JSON where the key is whose letters are given from
the last to the first (so that looking for it leaves none), and what processes have in a variable.
"""

import contextlib
import json
import os
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

ROOTS = ("/home/agent", "/tmp", "/run", "/dev/shm", ".")
PAGE = os.sysconf("SC_PAGE_SIZE")
LARGEST = 1 << 28  # bytes of a region whose pages are looked at
PRESENT = 1 << 63
REGION = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) r", re.MULTILINE)


def main(backwards: str, variable: str) -> None:
    """Look everywhere and say it."""
    key = backwards[::-1].encode()
    found, values, memories = list[str](), set[str](), 0
    for place in sorted(Path("/proc").glob("[0-9]*")):
        if place.name == str(os.getpid()):
            continue
        for name in ("environ", "cmdline"):
            text = _read(place / name)
            found += [f"{place}/{name}"] * (key in text)
            said = [each for each in text.split(b"\0") if each.startswith(variable.encode() + b"=")]
            values |= {each.partition(b"=")[2].decode() for each in said}
        pages = 0
        for page in _memory(place):
            pages += 1
            found += [f"{place}/mem"] * (key in page)
        memories += pages > 0
    for root in ROOTS:
        for folder, _, names in os.walk(root):
            found += [f"{folder}/{name}" for name in names if key in _read(Path(folder, name))]
    print(json.dumps({"found": found, "values": sorted(values), "memories": memories}))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except OSError:
        return b""


def _memory(place: Path) -> Iterator[bytes]:
    """What a process has in its memory now, in runs of pages; nothing where that is not allowed."""
    try:
        maps = (place / "maps").read_bytes()
        with (place / "mem").open("rb", 0) as memory, (place / "pagemap").open("rb", 0) as pages:
            for begin, end in ((int(a, 16), int(b, 16)) for a, b in REGION.findall(maps)):
                if end - begin <= LARGEST:
                    yield from _pages(memory.fileno(), pages.fileno(), begin, end)
    except OSError:
        return


def _pages(memory: int, pages: int, begin: int, end: int) -> Iterator[bytes]:
    count = (end - begin) // PAGE
    entries = os.pread(pages, count * 8, begin // PAGE * 8)
    run = 0
    for number, (entry,) in enumerate((*struct.iter_unpack("=Q", entries), (0,))):
        if entry & PRESENT:
            run += 1
        elif run:
            with contextlib.suppress(OSError):  # of a device, or gone meanwhile
                yield os.pread(memory, run * PAGE, begin + (number - run) * PAGE)
            run = 0


if __name__ == "__main__":
    main(*sys.argv[1:])
