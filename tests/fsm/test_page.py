"""The page tells what the report tells, with pictures, and nothing in it is markup but our own."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from attrs import evolve
from fakes.big_run import big_run, told_saying
from fakes.page_reader import PageReader
from fakes.small_records import a_run, a_task
from fakes.told_run import COMMIT, ENDED, LOST, RESCUE, told_run
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.fsm.lifecycle import RUN_TABLE
from dispatch.fsm.page.costs import costs
from dispatch.fsm.page.endings import endings
from dispatch.fsm.page.facts import Facts, as_data, facts_of
from dispatch.fsm.page.render import MAX_PAGE, fair_share, render_page
from dispatch.fsm.page.way import numbers, steps
from dispatch.policy.ledger import attempts_of
from dispatch.state.clean_text import clean
from dispatch.state.enums import (
    FindingSeverity,
    FixSource,
    GateOutcome,
    Role,
    RunStatus,
)
from dispatch.state.judgements import CritiqueVerdict, Finding
from dispatch.state.records import Run
from dispatch.state.work import Evidence, Fix, TaskOutput, Usage

GOLDEN = Path(__file__).with_name("told_page.txt")
PATCH = "diff --git a/a.py b/a.py\n@@ -1 +1 @@\n-old\n+new <b>\n context\n"
PATCHES = {COMMIT: PATCH, RESCUE: "It could not be read: gone."}
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(
            (
                "</pre>", "</script><script>alert(1)</script>", '" onload="x', "'><img src=x>",
                "<!--", "]]>", "</style>", "</svg>", "&lt;", "{{ 7*7 }}", "{% raw %}",
                "\x1b[31m", "\u202e", "\x00", "word",
            )
        ),
        st.characters(),
    ),
    min_size=1,
    max_size=6,
).map(lambda parts: "x" + "".join(parts).encode("utf-8", "replace").decode())  # fmt: skip


def test_a_run_in_which_everything_happened_is_told_whole(tmp_path: Path) -> None:
    """[RP-01] [RP-02] The golden file is what somebody reads who sees no pictures."""
    text = "\n".join(PageReader(render_page(_facts(told_run()))).lines) + "\n"
    (tmp_path / GOLDEN.name).write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_page_is_one_file_without_script_that_loads_nothing() -> None:
    page = PageReader(render_page(_facts(told_run())))
    used = {name for name, _ in page.elements}
    assert used & {"script", "img", "link", "iframe", "object", "embed", "form", "base"} == set()
    attributes = {each for _, own in page.elements for each in own}
    assert [each for each in attributes if each.startswith("on")] == []
    assert [link for link in page.links if not link.startswith("#")] == []
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_a_run_that_has_just_begun_has_a_page() -> None:
    lines = PageReader(render_page(_facts(a_run()))).lines
    assert [each for each in lines if "materialized" in each or "round ran" in each] == [
        "No tasks materialized.",
        "No verification round ran.",
    ]


@settings(max_examples=40, deadline=None)
@given(HOSTILE)
def test_hostile_text_changes_no_element_of_the_page(text: str) -> None:
    """The same elements with the same attributes, whatever agents and commands say."""
    honest = PageReader(render_page(_facts(told_saying("word"), "word", {COMMIT: "word"})))
    page = render_page(_facts(told_saying(text), text, {COMMIT: text}))
    assert _outside_patches(PageReader(page)) == _outside_patches(honest)
    assert clean(page) == page.replace("\t", "    ")


def test_two_hundred_tasks_with_everything_are_on_a_page_under_a_megabyte() -> None:
    run = big_run(200, "A sentence of an agent. " * 4)
    patches = {f"{number:040x}": PATCH * 400 for number in range(200)}
    page = render_page(_facts(run, "-ok\n" * 5000, patches))
    assert len(page.encode()) <= MAX_PAGE
    ids = PageReader(page).ids
    assert [each for each in ids if each.startswith("task-")] == [f"task-{t.id}" for t in run.tasks]


def test_whatever_a_run_holds_its_page_is_under_a_megabyte() -> None:
    """Sentences of 20,000 characters, of which each is escaped to five."""
    run = big_run(300, "&" * 20_000)
    page = render_page(_facts(run, "&" * 500_000, {f"{n:040x}": "&" * 48_000 for n in range(300)}))
    assert len(page.encode()) <= MAX_PAGE
    assert "… and 250 more" in page


@pytest.mark.parametrize(
    ("sizes", "together", "share"),
    [((), 10, 10), ((1, 2), 10, 2), ((5, 5), 10, 5), ((9, 9), 10, 5), ((1, 50, 50), 21, 10)],
)
def test_room_is_shared_so_that_what_is_small_is_shown_whole(
    sizes: tuple[int, ...], together: int, share: int
) -> None:
    assert fair_share(sizes, together) == share


def test_a_finding_is_told_with_how_it_ended() -> None:
    """Settled, ruled as advice, and still there in the last round."""
    gone, stays = _finding("gone"), _finding("stays")
    advice = evolve(_finding("hint"), severity=FindingSeverity.ADVISORY)
    task = evolve(
        a_task(),
        critique_verdicts=(
            CritiqueVerdict(round=1, status=GateOutcome.AMEND, findings=(gone, stays, advice)),
            CritiqueVerdict(round=2, status=GateOutcome.FAIL, findings=(stays,)),
        ),
        fixes=(_fix(1),),
    )
    run = evolve(a_run(), tasks=(task,))
    told = {each.finding.id: (each.rounds, each.ending) for each in endings(run, task)}
    assert told == {
        "gone": (
            (1,),
            "settled after round 1 by the repair in the task's own commit: round 2 no longer has "
            "it",
        ),
        "stays": ((1, 2), "stands: the last review, round 2, has it"),
        "hint": ((1,), "advice; nothing had to be done"),
    }


def test_cost_is_added_up_by_role_and_model_and_the_unknown_comes_first() -> None:
    attempts = attempts_of(told_run())
    known, unknown = attempts[0].usage, attempts[1].usage
    told = {
        (each.role, each.executor, each.model, each.attempts): each.usage
        for each in costs((*attempts, attempts[0]))
    }
    assert list(told.items()) == [
        ((Role.IMPLEMENTER, "litellm", "some/model", 1), unknown),
        ((Role.PLANNER, "litellm", "some/model", 2), _twice(known)),
    ]


def test_every_arrow_of_the_lifecycle_is_on_the_picture_and_those_taken_have_numbers() -> None:
    found = steps(told_run())
    assert {(each.source, each.target) for each in found} == {
        (move.source, move.target) for move in RUN_TABLE
    }
    taken = [(each.source, each.target, each.numbers) for each in found if each.numbers]
    assert taken == [(RunStatus.VERIFYING, RunStatus.FAILED, (1,))]
    page = render_page(_facts(told_run()))
    assert all(f">{status}</text>" in page for status in RunStatus)
    assert numbers(range(1, 8)) == "1, 2, 3, 4 … (7 in all)"


def test_the_same_facts_are_there_for_scripts() -> None:
    data = as_data(_facts(told_run(), "-ok\n", PATCHES))
    assert json.loads(json.dumps(data)) == data
    assert set(data) == {
        "version", "now", "next", "timeline", "lifecycle", "costs", "usage", "budget",
        "verification", "tasks", "run",
    }  # fmt: skip
    tasks = data["tasks"]
    assert isinstance(tasks, list)
    assert tasks[0]["patches"] == [
        {"title": "The task's commit", "ref": COMMIT, "patch": PATCH},
        {"title": "Entrant 2 of its race, not in the result", "ref": LOST, "patch": ""},
    ]


def _facts(run: Run, diff: str = "-ok\n+FAILED a.py\n", patches: object = None) -> Facts:
    found = PATCHES if patches is None else patches
    assert isinstance(found, Mapping)
    return facts_of(run, gate_diff=diff, patches=found, now=ENDED)


def _outside_patches(page: PageReader) -> list[tuple[str, tuple[str, ...]]]:
    """Lines of a patch are coloured by how they begin; everything else is always the same."""
    return [each for each in page.elements if each[0] not in ("ins", "del", "b")]


def _finding(name: str) -> Finding:
    return Finding(id=name, severity=FindingSeverity.BLOCKING, description="It is wrong.")


def _fix(number: int) -> Fix:
    return Fix(
        source=FixSource.CRITIQUE,
        round=number,
        base=COMMIT,
        output=TaskOutput(summary="Put right.", files_modified=(), deviations=(), notes=""),
        evidence=Evidence(tree=COMMIT, changes=(), builds=(), commands=()),
        commit_time=0,
    )


def _twice(usage: Usage) -> Usage:
    return Usage(
        turns=2 * usage.turns,
        input_tokens=2 * usage.input_tokens,
        output_tokens=2 * usage.output_tokens,
        cached_tokens=2 * usage.cached_tokens,
        cost_usd=2 * (usage.cost_usd or 0.0),
    )
