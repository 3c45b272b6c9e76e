"""Ids, sequences and the order of integration."""

import pytest
from fakes.policy_records import a_task

from dispatch.policy.plan import id_order, materialise, sequence, task_order
from dispatch.state.enums import AgentType, TaskClass, VerificationMode
from dispatch.state.records import Plan, PlannedTask, Task


def planned(task_id: str, level: int, *depends_on: str) -> PlannedTask:
    return PlannedTask(
        id=task_id,
        level=level,
        depends_on=depends_on,
        objective=f"Do {task_id}",
        plan_markdown="plan",
        agent_type=AgentType.INTERN,
        task_class=TaskClass.BUGFIX,
        verify_commands=("make",),
        critique_enabled=False,
    )


def plan(*tasks: PlannedTask) -> Plan:
    return Plan(
        tasks=tasks,
        verification_mode=VerificationMode.NO_NEW_FAILURES,
        verification_mode_rationale="r",
    )


def test_letters_go_on_with_two_after_z() -> None:
    assert [sequence(n) for n in (0, 25, 26, 51, 52, 701, 702)] == (
        ["a", "z", "aa", "az", "ba", "zz", "aaa"]
    )
    with pytest.raises(ValueError, match="counts from 0"):
        sequence(-1)


def test_tasks_are_named_by_level_and_place_and_know_their_dependencies_by_that() -> None:
    tasks = materialise(
        plan(planned("top", 2, "left", "right"), planned("left", 1), planned("right", 1))
    )
    assert [(task.id, task.depends_on) for task in tasks] == [
        ("1a-left", ()),
        ("1b-right", ()),
        ("2a-top", ("1a-left", "1b-right")),
    ]
    assert tasks[0] == Task(
        id="1a-left",
        level=1,
        sequence="a",
        depends_on=(),
        objective="Do left",
        plan_markdown="plan",
        agent_type=AgentType.INTERN,
        task_class=TaskClass.BUGFIX,
        critique_enabled=False,
        verify_commands=("make",),
    )


def test_the_order_is_numeric_with_many_tasks_and_many_levels() -> None:
    """[W-47] b before aa, level 2 before level 10."""
    tasks = materialise(
        plan(*(planned(f"t{n}", 10) for n in range(30)), *(planned(f"u{n}", 2) for n in range(30)))
    )
    assert sorted(tasks, key=task_order) == list(tasks)
    assert sorted((task.id for task in reversed(tasks)), key=id_order) == [t.id for t in tasks]
    names = ["10a-x", "2b-x", "2aa-x", "2a-x"]
    ordered = sorted(map(a_task, names), key=task_order)
    assert [task.id for task in ordered] == ["2a-x", "2b-x", "2aa-x", "10a-x"]
    assert id_order("odd") < id_order("1a-x")
