"""The declared tables: what may follow what, and that nothing is missing or unreachable."""

from collections import defaultdict

import pytest

from dispatch.fsm.lifecycle import (
    FINAL,
    FIRST,
    RUN_TABLE,
    TASK_FINAL,
    TASK_TABLE,
    Move,
    RunEvent,
    TaskEvent,
)
from dispatch.fsm.states import HANDLERS
from dispatch.state.enums import RunStatus, TaskStatus


def reached(first: object, pairs: list[tuple[object, object]]) -> set[object]:
    after = defaultdict(set)
    for source, target in pairs:
        after[source].add(target)
    seen: set[object] = set()
    waiting = [first]
    while waiting:
        state = waiting.pop()
        if state not in seen:
            seen.add(state)
            waiting += after[state]
    return seen


def test_every_run_status_is_reachable_and_every_event_has_a_row() -> None:
    assert reached(FIRST, [(move.source, move.target) for move in RUN_TABLE]) == set(RunStatus)
    assert {move.event for move in RUN_TABLE} == set(RunEvent)


def test_every_task_status_is_reachable_and_every_event_has_a_row() -> None:
    pairs: list[tuple[object, object]] = [(move.source, move.target) for move in TASK_TABLE]
    assert reached(TaskStatus.PENDING, pairs) == set(TaskStatus)
    assert {move.event for move in TASK_TABLE} == set(TaskEvent)


def test_from_every_run_status_an_end_can_be_reached() -> None:
    backwards = [(move.target, move.source) for move in RUN_TABLE]
    for end in FINAL:
        assert set(RunStatus) - {RunStatus.DONE} <= reached(end, [*backwards])


def test_from_every_task_status_an_end_can_be_reached() -> None:
    backwards: list[tuple[object, object]] = [(move.target, move.source) for move in TASK_TABLE]
    assert set(TaskStatus) == set.union(*(set(reached(end, backwards)) for end in TASK_FINAL))


def test_only_the_retry_of_a_run_has_more_than_one_target() -> None:
    rows = defaultdict(list)
    for move in RUN_TABLE:
        rows[move.source, move.event].append(move.target)
    assert [key for key, targets in rows.items() if len(targets) > 1] == [
        (RunStatus.FAILED, RunEvent.RETRIED)
    ]
    task_keys = [(move.source, move.event) for move in TASK_TABLE]
    assert len(task_keys) == len(set(task_keys))


def test_done_has_no_way_out() -> None:
    assert [move for move in RUN_TABLE if move.source is RunStatus.DONE] == []


def test_what_is_committed_never_fails() -> None:
    sources = {move.source for move in TASK_TABLE if move.target is TaskStatus.FAILED}
    assert sources == {TaskStatus.PENDING, TaskStatus.RUNNING, TaskStatus.SUBMITTED}


def test_states_and_handlers_map_one_to_one() -> None:
    assert set(HANDLERS) == set(RunStatus) - FINAL
    assert len({id(handler) for handler in HANDLERS.values()}) == len(HANDLERS)


@pytest.mark.parametrize("status", HANDLERS)
def test_a_handler_has_recover_and_work_and_nothing_else_public(status: RunStatus) -> None:
    module = HANDLERS[status]
    name = type(module).__name__
    own = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", "") == vars(module)["__name__"]
    }
    assert (name, own) == ("module", {"recover", "work"})


def test_the_table_is_the_design_s() -> None:
    """The rows of design.md section 4, except those of failed and retried."""
    rows = [
        (str(move.source), str(move.event), str(move.target))
        for move in RUN_TABLE
        if move.event not in (RunEvent.FAILED, RunEvent.RETRIED)
    ]
    assert rows == [
        ("planning", "plan_submitted", "gating-plan"),
        ("gating-plan", "plan_refused", "planning"),
        ("gating-plan", "plan_accepted", "executing"),
        ("executing", "level_passed", "executing"),
        ("executing", "levels_passed", "verifying"),
        ("verifying", "verified", "consolidating"),
        ("verifying", "regressed", "fixing-verification"),
        ("fixing-verification", "repaired", "verifying"),
        ("consolidating", "consolidated", "done"),
    ]


def test_a_move_is_a_value() -> None:
    assert RUN_TABLE[0] == Move(RunStatus.PLANNING, RunEvent.PLAN_SUBMITTED, RunStatus.GATING_PLAN)
