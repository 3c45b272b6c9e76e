"""The rows of the live view: what is left out where there is little room, and no more columns."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from dispatch.commands.live_view import rows_of
from dispatch.fsm.scene import AgentAtWork, Gauge, OpenQuestion, Scene


def an_agent(number: int = 1, task: str = "1a-parse-the-words") -> AgentAtWork:
    return AgentAtWork(
        attempt=f"{task}.implementer.{number}",
        role="implementer",
        task=task,
        executor="litellm anthropic/claude",
        turn=12,
        tokens=34_567,
        cost=0.25,
        tool="run_shell",
        silent=5,
    )


SCENE = Scene(
    name="shop",
    status="executing",
    level=2,
    levels=3,
    completed=4,
    failed=0,
    tasks=9,
    seconds=3_725,
    tokens=1_234_567,
    cost=1.0,
    unpriced=False,
    gauge=Gauge(share=0.5, words="$1.0000 of $2.0000 (50%)"),
    questions=(OpenQuestion(text="May it?", answer="dispatch answer shop q continue|abort"),),
    agents=(an_agent(),),
    waits_for="the implementer of 1a-parse-the-words and your answer",
)


def shown(scene: Scene, columns: int = 120, rows: int = 40, *, coloured: bool = False) -> str:
    return "\n".join(row.text for row in rows_of(scene, columns, rows, coloured=coloured))


def test_questions_are_on_top_then_the_run_its_budget_its_agents_and_what_is_waited_for() -> None:
    assert shown(SCENE, columns=112) == (
        "────────────────────────────────────────────────────────────────"
        "────────────────────────────────────────────────\n"
        "? May it?\n"
        "  dispatch answer shop q continue|abort\n"
        "shop  executing, level 2 of 3, 4 of 9 tasks completed, 1h02m\n"
        "budget $1.0000 of $2.0000 (50%)  ████████████░░░░░░░░░░░░  "
        "used 1,234,567 tokens, $1.0000\n"
        "role         task                executor                  turn  tokens     cost  "
        "tool       silent\n"
        "implementer  1a-parse-the-words  litellm anthropic/claude    12  34,567  $0.2500  "
        "run_shell      5s\n"
        "waits for the implementer of 1a-parse-the-words and your answer"
    )


@pytest.mark.parametrize(
    ("columns", "titles"),
    [
        (90, "role         task                turn  tokens     cost  tool       silent"),
        (65, "role         task                turn  tokens  tool       silent"),
        (58, "role         task                turn  tool       silent"),
        (42, "role         task                silent"),
        (30, "role         task       silent"),
    ],
)
def test_a_narrow_terminal_goes_without_columns_then_tasks_are_cut(
    columns: int, titles: str
) -> None:
    assert titles in shown(SCENE, columns).split("\n")


def test_of_more_agents_than_rows_some_are_only_counted() -> None:
    agents = tuple(an_agent(number, f"1t{number}") for number in range(50))
    lines = shown(evolve(SCENE, agents=agents), rows=12).split("\n")
    assert len(lines) == 12
    assert [line.split()[1] for line in lines[6:10]] == ["1t0", "1t1", "1t2", "1t3"]
    assert lines[10:] == [
        "… and 46 more agents",
        "waits for the implementer of 1a-parse-the-words and your answer",
    ]


def test_of_many_questions_the_first_are_shown() -> None:
    scene = evolve(SCENE, questions=SCENE.questions * 5, gauge=None, agents=(), failed=2)
    assert shown(scene, rows=9) == (
        "? May it?\n  dispatch answer shop q continue|abort\n" * 3
        + "  and 2 more: dispatch answer shop\n"
        + "shop  executing, level 2 of 3, 4 of 9 tasks completed, 2 failed, 1h02m\n"
        + "used 1,234,567 tokens, $1.0000"
    )


def test_without_colours_there_is_no_escape_sequence_and_with_them_only_colours() -> None:
    assert "\x1b" not in shown(SCENE)
    coloured = shown(SCENE, coloured=True)
    assert "\x1b[33m" in coloured
    assert Text.from_ansi(coloured).plain == shown(SCENE)


def test_an_agent_that_is_silent_for_long_stands_out() -> None:
    row = rows_of(evolve(SCENE, agents=(evolve(an_agent(), silent=60),)), 120, 40, coloured=True)[6]
    assert row.text.startswith("\x1b[33mimplementer")


def test_where_there_is_no_room_nothing_is_shown() -> None:
    assert rows_of(SCENE, 0, 0, coloured=True) == ()


@given(
    task=st.text("a日é-", min_size=1, max_size=40),
    columns=st.integers(21, 200),
    rows=st.integers(4, 40),
    agents=st.integers(0, 60),
    coloured=st.booleans(),
)
def test_no_row_is_wider_and_there_are_no_more_than_fit(
    task: str, columns: int, rows: int, agents: int, coloured: bool
) -> None:
    scene = evolve(SCENE, agents=tuple(an_agent(each, task) for each in range(agents)))
    found = rows_of(scene, columns, rows, coloured=coloured)
    assert len(found) <= rows
    for row in found:
        assert cell_len(Text.from_ansi(row.text).plain) == row.cells <= columns
