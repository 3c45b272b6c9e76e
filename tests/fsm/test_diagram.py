"""The diagrams say what the tables say."""

import pytest

from dispatch.fsm.diagram import MACHINES, dot, mermaid
from dispatch.fsm.lifecycle import RUN_TABLE, TASK_TABLE

SMALL = """\
stateDiagram-v2
    [*] --> pending
    pending --> running : started
    pending --> failed : failed
    running --> pending : restarted
    running --> submitted : submitted
    running --> failed : failed
    submitted --> pending : restarted
    submitted --> committed : committed
    submitted --> failed : failed
    committed --> critiquing : critique_started
    committed --> completed : passed
    critiquing --> completed : passed
    critiquing --> amend_requested : amend_requested
    amend_requested --> fixing : fix_started
    completed --> fixing : fix_started
    fixing --> committed : fixed
    failed --> pending : retried
    completed --> [*]
    failed --> [*]
"""


def test_the_machine_of_a_task_is_drawn_whole() -> None:
    assert mermaid(MACHINES["task"]) == SMALL


def test_where_something_stands_is_highlighted() -> None:
    assert mermaid(MACHINES["task"], {"failed", "running"}) == SMALL + (
        "    classDef current fill:#ffd966,stroke-width:3px\n    class running,failed current\n"
    )


def test_names_with_a_hyphen_get_an_identifier_that_mermaid_takes() -> None:
    lines = mermaid(MACHINES["run"]).split("\n")
    assert lines[1:4] == [
        '    state "gating-plan" as gating_plan',
        '    state "fixing-verification" as fixing_verification',
        "    [*] --> planning",
    ]


@pytest.mark.parametrize(("name", "rows"), [("run", len(RUN_TABLE)), ("task", len(TASK_TABLE))])
def test_every_row_of_a_table_is_one_arrow(name: str, rows: int) -> None:
    drawn = dot(MACHINES[name]).split("\n")
    assert len([line for line in drawn if "[label=" in line]) == rows


def test_graphviz_gets_final_and_current_states_marked() -> None:
    lines = dot(MACHINES["run"], {"executing"}).split("\n")
    assert lines[:13] == [
        "digraph run {",
        "    node [shape=box, style=rounded]",
        "    start [shape=point]",
        '    "planning"',
        '    "gating-plan"',
        '    "executing" [style="rounded,filled", fillcolor="#ffd966", penwidth=3]',
        '    "verifying"',
        '    "fixing-verification"',
        '    "consolidating"',
        '    "done" [peripheries=2]',
        '    "failed" [peripheries=2]',
        '    start -> "planning"',
        '    "planning" -> "gating-plan" [label="plan_submitted"]',
    ]
