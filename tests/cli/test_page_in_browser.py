"""The report's page in a real browser: it can be read, by eye and by ear, and fetches nothing.

Skipped by name where Debian's chromium is not installed; `.ci/run` installs it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.big_run import big_run
from fakes.browser import PROGRAM, Browser, browser
from fakes.told_run import COMMIT, ENDED, told_run

from dispatch.fsm.page.facts import facts_of
from dispatch.fsm.page.render import render_page
from dispatch.state.records import Run

CONTRAST = Path(__file__).parent.parent / "fakes" / "contrast.js"
PATCH = "diff --git a/a.py b/a.py\n@@ -1 +1 @@\n-old\n+new\n"

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all pages."""
    with browser() as started:
        yield started


@pytest.fixture(params=["told", "two hundred tasks"], scope="module")
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything on it, and one that is as large as pages get."""
    run = told_run() if request.param == "told" else big_run(200, "A sentence of an agent. " * 4)
    return _written(run, tmp_path_factory.mktemp("page"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_all_text_has_enough_contrast_also_where_it_is_folded_away(
    chromium: Browser, page: Path, dark: bool
) -> None:
    """[WCAG AA] 4.5 to 1, in both colour schemes."""
    chromium.open(page, dark=dark)
    chromium.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    found = chromium.evaluate(CONTRAST.read_text(encoding="utf-8"))
    assert found["poor"] == []
    assert found["seen"] > 200


def test_every_picture_is_told_to_who_does_not_see_it_and_has_a_table_beside_it(
    chromium: Browser, page: Path
) -> None:
    chromium.open(page)
    tree = chromium.call("Accessibility.getFullAXTree")["nodes"]
    pictures = [each for each in tree if each.get("role", {}).get("value") in ("image", "img")]
    told = [each["name"]["value"].partition(":")[0].partition(";")[0] for each in pictures]
    assert told == [
        "The lifecycle of a run",
        "The tasks by level, with what each depends on",
        "Who was at work when, over 1h2m3s. What decided how long it took",
        "Cost and tokens by role and model",
    ]
    missing = (
        "[...document.querySelectorAll('figure')].filter((each) => "
        "!each.parentElement.querySelector('table')).length"
    )
    assert chromium.evaluate(missing) == 0


def test_nothing_is_fetched_and_nothing_is_complained_of(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    asked = [
        each["params"]["request"]["url"]
        for each in chromium.events
        if each.get("method") == "Network.requestWillBeSent"
    ]
    complaints = [each for each in chromium.events if each.get("method") == "Log.entryAdded"]
    assert (asked, complaints) == ([page.as_uri()], [])
    assert chromium.evaluate("document.scripts.length") == 0


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_the_page_is_never_wider_than_its_window(chromium: Browser, page: Path, width: int) -> None:
    chromium.open(page, width=width)
    chromium.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width


def test_a_link_to_a_task_unfolds_it(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    first = "document.querySelector('[id^=task-]')"
    assert chromium.evaluate(f"{first}.checkVisibility()") is False
    chromium.evaluate(f"location.hash = {first}.id")
    assert chromium.evaluate(f"{first}.checkVisibility()") is True


def test_boxes_of_pictures_do_not_lie_over_each_other(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    over = """[...document.querySelectorAll('.state > rect, .task > rect')].flatMap((one, n, all) =>
      all.slice(n + 1).filter((other) => {
        if (one.ownerSVGElement !== other.ownerSVGElement) return false;
        const [a, b] = [one.getBBox(), other.getBBox()];
        return a.x < b.x + b.width && b.x < a.x + a.width
          && a.y < b.y + b.height && b.y < a.y + a.height;
      })).length"""
    assert chromium.evaluate(over) == 0


def test_a_picture_of_the_page_is_taken_for_who_looks_at_it(
    chromium: Browser, page: Path, tmp_path: Path
) -> None:
    """The file stays in the test's folder."""
    chromium.open(page)
    shot = tmp_path / "report.png"
    chromium.screenshot(shot)
    data = shot.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    assert (data[:8], width) == (b"\x89PNG\r\n\x1a\n", 1280)
    assert height > 1500
    # Not one colour: an empty page of that size is a few kilobytes.
    assert len(data) > 60_000


def _written(run: Run, folder: Path) -> Path:
    patches = {COMMIT: PATCH, **{f"{number:040x}": PATCH * 100 for number in range(200)}}
    facts = facts_of(run, gate_diff="-ok\n+FAILED\n", patches=patches, now=ENDED)
    path = folder / "report.html"
    path.write_text(render_page(facts), encoding="utf-8")
    return path
