"""What an operator's changes make of a plan: judged like the planner's, and told."""

from attrs import evolve, fields
from fakes.policy_records import a_run, a_task

from dispatch.policy.plan_edits import EditedPlan, editable, edited, with_plan
from dispatch.state.config import RaceConfig
from dispatch.state.enums import VerificationMode
from dispatch.state.plan_file import EditableTask
from dispatch.state.records import PlannedTask

RUN = a_run(
    a_task("1a-parse"),
    a_task("1b-store", verify=("make test",)),
    a_task("2a-join", depends_on=("1a-parse", "1b-store"), critique=False),
)


def test_a_plan_that_was_not_touched_gives_the_same_tasks_again() -> None:
    plan = editable(RUN)
    assert [(each.id, each.depends_on) for each in plan.tasks] == [
        ("parse", ()),
        ("store", ()),
        ("join", ("parse", "store")),
    ]
    assert edited(RUN, plan, RaceConfig()) == EditedPlan(tasks=RUN.tasks, reasons=())
    assert with_plan(RUN, plan, RUN.tasks) == RUN


def test_tasks_that_were_added_removed_and_reworded_are_named_and_get_new_places() -> None:
    parse, _, join = editable(RUN).tasks
    new = EditableTask(id="draw", depends_on=("join",), objective="Draw.", plan_markdown="d" * 200)
    plan = evolve(
        editable(RUN),
        verification_mode=VerificationMode.SKIP_COMPARISON,
        tasks=(new, evolve(parse, objective="Parse."), evolve(join, depends_on=("parse",))),
    )
    found = edited(RUN, plan, RaceConfig())
    assert (found.reasons, found.warnings) == ((), ())
    assert [each.id for each in found.tasks] == ["1a-parse", "2a-join", "3a-draw"]
    assert [each.depends_on for each in found.tasks] == [(), ("1a-parse",), ("2a-join",)]
    assert found.changed == (
        "parse changed",
        "join changed",
        "draw added",
        "store removed",
        "verified by skip-comparison",
    )


def test_a_plan_that_cannot_be_is_refused_with_the_same_sentences_as_a_planners() -> None:
    parse, store, join = editable(RUN).tasks
    circle = evolve(editable(RUN), tasks=(evolve(parse, depends_on=("join",)), store, join))
    assert edited(RUN, circle, RaceConfig()) == EditedPlan(
        tasks=(), reasons=("cycle detected: join -> parse -> join",)
    )
    short = evolve(editable(RUN), tasks=(evolve(parse, plan_markdown="x"), store, join))
    assert edited(RUN, short, RaceConfig()).reasons == (
        "Task '1a-parse' has a plan (planMarkdown) of 1 characters; its implementer sees nothing "
        "else, so write at least 200.",
    )


def test_whatever_a_planner_may_say_of_a_task_is_in_the_file() -> None:
    """Else an edited plan would lose it."""
    planned = {each.name for each in fields(PlannedTask)} - {"level", "unknown"}
    assert {each.name for each in fields(EditableTask)} == planned
