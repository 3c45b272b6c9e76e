"""The gate of a plan: every refusal tells the planner what to change."""

import pytest
from attrs import evolve
from fakes.policy_records import a_task

from dispatch.policy.plan_gate import (
    MAX_PLAN_REFUSALS,
    MAX_TASKS,
    MAX_WARNINGS,
    PlanVerdict,
    command_objection,
    files_to_modify,
    gate_plan,
)
from dispatch.state.enums import AgentType
from dispatch.state.records import Task


def refused(*tasks: Task) -> tuple[str, ...]:
    verdict = gate_plan(tasks)
    assert not verdict.allowed
    return verdict.reasons


def listing(*paths: str) -> str:
    items = "\n".join(f"- `{path}`: change it" for path in paths)
    return f"{'x' * 200}\n## Files to Modify\n{items}\n\n## Constraints\n- `other.py`\n"


def test_a_sound_plan_is_accepted() -> None:
    plan = (a_task("1a-x", verify=("make test",)), a_task("2a-y", depends_on=("1a-x",)))
    assert gate_plan(plan) == PlanVerdict(allowed=True, reasons=())
    assert MAX_PLAN_REFUSALS == 3


def test_a_plan_has_at_least_one_task_and_not_hundreds() -> None:
    """[PL-06]"""
    assert refused() == ("The plan has no tasks; propose at least one.",)
    many = [evolve(a_task("1a-x"), id=f"1a-x{number}") for number in range(MAX_TASKS + 1)]
    assert refused(*many) == (
        "The plan has 501 tasks, and at most 500 are allowed; join small tasks into larger ones.",
    )


def test_an_illegal_graph_is_refused_with_its_issues() -> None:
    """[D-05] [D-08]"""
    assert refused(a_task("2a-x"), a_task("2b-y", depends_on=("2a-x",))) == (
        'Task "2a-x" is declared at level 2, but its dependencies imply level 1.',
    )
    assert refused(a_task("1a-x", depends_on=("ghost",))) == (
        'Task "1a-x" depends on "ghost", which is no task of the plan.',
    )


def test_every_problem_of_a_task_is_told_at_once() -> None:
    """[PL-04] [PL-05] [CM-05]"""
    task = a_task("1a-Bad", plan=" short ", objective="...", verify=("true", "make"))
    assert refused(task) == (
        "The id 'Bad' must start with a lowercase letter, followed by lowercase letters, digits "
        "and hyphens.",
        "Task '1a-Bad' needs an objective that says what it does; its first sentence becomes the "
        "subject of the commit.",
        "Task '1a-Bad' has a plan (planMarkdown) of 5 characters; its implementer sees nothing "
        "else, so write at least 200.",
        "The verify command 'true' of task '1a-Bad' proves nothing, because it always exits "
        "with 0.",
    )


@pytest.mark.parametrize(
    ("command", "objection"),
    [
        ("", "is blank"),
        (" \t", "is blank"),
        ("make\nmake test", "line breaks"),
        ("make\x1b", "control characters"),
        ("true", "always exits"),
        (" : ", "always exits"),
        ("exit 0", "always exits"),
        ("echo all tests passed", "always exits"),
        ("# pytest", "always exits"),
        ("pytest || true", "hides what failed"),
        ("pytest; exit 0", "hides what failed"),
        ("pytest ;true", "hides what failed"),
        ("pytest || echo failed", "hides what failed"),
        ("pytest &", "background"),
    ],
)
def test_a_command_that_proves_nothing_is_refused(command: str, objection: str) -> None:
    assert objection in (command_objection(command) or "")


@pytest.mark.parametrize(
    "command",
    [
        "make",
        "pytest -q tests && echo ok",
        "echo x | grep x",
        "test $(echo 1) = 1",
        "set -e; pytest; echo ok",
        "grep -q todo a.py && exit 1; true",
        "pytest > log 2>&1",
        "true && make",
        "make; exit",
        "cargo test -- --include-ignored",
    ],
)
def test_an_ordinary_command_is_not_suspected(command: str) -> None:
    assert command_objection(command) is None


def test_files_are_read_from_their_section_alone() -> None:
    plan = (
        "# Plan\n- `a.py`\n## Files to modify/create:\n\n"
        "- `./src/b.py`, `src/c.py`: use `parse()`\n"
        "* src/d.py - new\n1. Makefile.am\n- nothing else\n- `../out.py`\n### Notes\n- `e.py`\n"
    )
    assert files_to_modify(plan) == ("Makefile.am", "src/b.py", "src/c.py", "src/d.py")
    assert files_to_modify("no section") == ()


def test_overlaps_inside_a_level_are_warnings() -> None:
    tasks = (
        a_task("1a-x", plan=listing("a.py", "b.py")),
        a_task("1b-y", plan=listing("./a.py")),
        a_task("2a-z", plan=listing("b.py"), depends_on=("1a-x",)),
    )
    assert gate_plan(tasks) == PlanVerdict(
        allowed=True,
        reasons=(),
        warnings=(
            "Several tasks of level 1 plan to modify a.py: 1a-x, 1b-y. "
            "They may conflict when they are integrated.",
        ),
    )


def test_an_explore_task_that_means_to_change_files_is_a_warning() -> None:
    """[W-64]"""
    tasks = (
        a_task("1a-x", plan=listing("a.py"), agent_type=AgentType.EXPLORE),
        a_task("1b-y", plan=listing("a.py")),
    )
    assert gate_plan(tasks).warnings == (
        "Task '1a-x' is of type explore and may change nothing, but its plan lists files to "
        "modify: a.py.",
    )


def test_warnings_are_bounded() -> None:
    plan = listing(*(f"f{number}.py" for number in range(MAX_WARNINGS + 9)))
    verdict = gate_plan((a_task("1a-x", plan=plan), a_task("1b-y", plan=plan)))
    assert (verdict.allowed, len(verdict.warnings)) == (True, MAX_WARNINGS)
