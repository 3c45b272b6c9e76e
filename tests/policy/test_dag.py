"""Legal graphs, and each way a graph can be illegal."""

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch.policy.dag import (
    MAX_REPORTED_CYCLES,
    DagReport,
    Issue,
    IssueKind,
    Node,
    level_of,
    validate,
)


def node(task_id: str, *depends_on: str, level: object | None = None) -> Node:
    return Node(task_id, level, depends_on)


def kinds(report: DagReport) -> list[tuple[IssueKind, str]]:
    return [(issue.kind, issue.task_id) for issue in report.issues]


def test_an_empty_plan_is_a_legal_graph() -> None:
    """[D-01]"""
    assert validate([]) == DagReport((), {})


@pytest.mark.parametrize(
    ("nodes", "levels"),
    [
        ([node("a", level=1)], {"a": 1}),
        (
            [node("a", level=1), node("b", "a", level=2), node("c", "b", level=3)],
            {"a": 1, "b": 2, "c": 3},
        ),
        (
            [node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c")],
            {"a": 1, "b": 2, "c": 2, "d": 3},
        ),
        (
            [node("x", "a", "c"), node("a"), node("b", "a"), node("c", "b")],
            {"x": 4, "a": 1, "b": 2, "c": 3},
        ),
    ],
)
def test_levels_are_one_above_the_highest_dependency(
    nodes: list[Node], levels: dict[str, int]
) -> None:
    """[D-02] [D-03] [D-04] [D-17]"""
    report = validate(nodes)
    assert report == DagReport((), levels)
    assert list(report.levels) == [each.id for each in nodes]


def test_a_wrong_level_is_named_with_the_right_one() -> None:
    """[D-05] [D-06]"""
    nodes = [node("a", level=2), node("b", "a", level=2), node("c", "b", level=2)]
    assert validate(nodes) == DagReport(
        (
            Issue(
                IssueKind.LEVEL_MISMATCH,
                "a",
                'Task "a" is declared at level 2, but its dependencies imply level 1.',
            ),
            Issue(
                IssueKind.LEVEL_MISMATCH,
                "c",
                'Task "c" is declared at level 2, but its dependencies imply level 3.',
            ),
        ),
        {"a": 1, "b": 2, "c": 3},
    )


@pytest.mark.parametrize("level", [0, -1, 1.5, 2.0, "1", True])
def test_a_level_is_a_whole_number_from_one_on(level: object) -> None:
    """[D-07] [D-18]"""
    sentence = f'Task "a" has the invalid level {level!r}; a level is a whole number from 1 on.'
    assert validate([node("a", level=level)]) == DagReport(
        (Issue(IssueKind.INVALID_LEVEL, "a", sentence),), {}
    )


def test_an_unknown_dependency_is_named_with_its_task() -> None:
    """[D-08]"""
    sentence = 'Task "a" depends on "ghost", which is no task of the plan.'
    assert validate([node("a", "ghost")]).issues == (
        Issue(IssueKind.UNKNOWN_DEPENDENCY, "a", sentence),
    )


def test_a_task_cannot_depend_on_itself_nor_twice_on_another() -> None:
    """[D-09] [D-11]"""
    assert validate([node("a", "a"), node("b", "a", "a")]).issues == (
        Issue(IssueKind.SELF_DEPENDENCY, "a", 'Task "a" depends on itself.'),
        Issue(IssueKind.DUPLICATE_DEPENDENCY, "b", 'Task "b" lists its dependency "a" 2 times.'),
    )


def test_an_id_used_three_times_is_one_issue() -> None:
    """[D-10]"""
    assert validate([node("a")] * 3).issues == (
        Issue(IssueKind.DUPLICATE_ID, "a", 'Task id "a" is used 3 times.'),
    )


def test_cycles_are_reported_once_each_from_their_smallest_id() -> None:
    """[D-12] [D-13]"""
    two = [node("b", "a"), node("a", "b")]
    three = [node("z", "x"), node("x", "y"), node("y", "z")]
    assert validate([*two, *three]).issues == (
        Issue(IssueKind.CYCLE, "a", "cycle detected: a -> b -> a"),
        Issue(IssueKind.CYCLE, "x", "cycle detected: x -> y -> z -> x"),
    )


def test_all_structural_issues_come_together_and_hide_the_levels() -> None:
    """[D-14] [D-15]"""
    report = validate([node("a", level=7), node("a", level=7), node("b", "ghost")])
    assert kinds(report) == [
        (IssueKind.DUPLICATE_ID, "a"),
        (IssueKind.UNKNOWN_DEPENDENCY, "b"),
    ]


def test_a_cycle_hides_wrong_levels() -> None:
    """[D-16]"""
    report = validate([node("a", "b", level=9), node("b", "a", level=9), node("c", level=9)])
    assert kinds(report) == [(IssueKind.CYCLE, "a")]


def test_a_chain_of_five_thousand_and_its_cycle_are_no_trouble() -> None:
    chain = [node("0"), *(node(str(n), str(n - 1)) for n in range(1, 5000))]
    assert validate(chain[::-1]).levels["4999"] == 5000
    assert kinds(validate([node("0", "4999"), *chain[1:]])) == [(IssueKind.CYCLE, "0")]


def test_a_graph_full_of_cycles_gives_a_bounded_report() -> None:
    names = [f"n{n:03}" for n in range(60)]
    nodes = [node(one, *(other for other in names if other != one)) for one in names]
    assert len(validate(nodes).issues) == MAX_REPORTED_CYCLES


def test_the_level_of_a_new_task_needs_the_levels_of_its_dependencies() -> None:
    """[W-46] Levels are computed by us, so that a planner cannot get stuck on a wrong one."""
    assert level_of((), {}) == 1
    assert level_of(("a", "b"), {"a": 3, "b": 1}) == 4
    with pytest.raises(KeyError):
        level_of(("ghost",), {})


GRAPHS = st.integers(1, 5).flatmap(
    lambda size: st.lists(st.sets(st.integers(0, size - 1)), min_size=size, max_size=size)
)


@settings(max_examples=100, deadline=None)
@given(graph=GRAPHS)
def test_validation_agrees_with_trying_every_order(graph: list[set[int]]) -> None:
    edges = [(str(n), tuple(sorted(map(str, deps - {n})))) for n, deps in enumerate(graph)]
    report = validate([Node(task_id, None, deps) for task_id, deps in edges])
    legal = [
        order
        for order in permutations(edges)
        if all(set(deps) <= {done for done, _ in order[:at]} for at, (_, deps) in enumerate(order))
    ]
    if not legal:
        assert report.levels == {}
        assert {issue.kind for issue in report.issues} == {IssueKind.CYCLE}
        return
    expected: dict[str, int] = {}
    for task_id, deps in legal[0]:
        expected[task_id] = 1 + max((expected[each] for each in deps), default=0)
    assert report == DagReport((), expected)
