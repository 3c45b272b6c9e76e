"""The plan as the operator sees and changes it, and what his changes make of the run's tasks."""

from attrs import evolve, frozen

from ..state.config import RaceConfig
from ..state.plan_file import EditablePlan, EditableTask
from ..state.records import Plan, PlannedTask, Run, Task
from .dag import Node, validate
from .plan import materialise
from .plan_gate import gate_plan
from .racing import race_problems


@frozen(kw_only=True)
class EditedPlan:
    """``reasons`` say why it cannot be carried out; ``changed`` names tasks that are not as before.

    ``tasks`` are empty when the graph itself is illegal.
    """

    tasks: tuple[Task, ...]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


def editable(run: Run) -> EditablePlan:
    """The plan of a run that waits for approval, in the planner's own names."""
    names = {task.id: _name(task) for task in run.tasks}
    return EditablePlan(
        verification_mode=run.verification_mode,
        verification_mode_rationale=run.verification_mode_rationale,
        tasks=tuple(
            EditableTask(
                id=names[task.id],
                depends_on=tuple(names[each] for each in task.depends_on),
                objective=task.objective,
                agent_type=task.agent_type,
                task_class=task.task_class,
                critique_enabled=task.critique_enabled,
                verify_commands=task.verify_commands,
                race=task.race,
                plan_markdown=task.plan_markdown,
            )
            for task in run.tasks
        ),
    )


def edited(run: Run, plan: EditablePlan, race: RaceConfig) -> EditedPlan:
    """Judge a plan that a person wrote as strictly as a planner's, and say what he changed.

    Nobody is asked again about what he left as it was.  ``race`` has those who may be raced.
    """
    nodes = [Node(task.id, None, task.depends_on) for task in plan.tasks]
    report = validate(nodes)
    if report.issues:
        return EditedPlan(tasks=(), reasons=tuple(issue.sentence for issue in report.issues))
    tasks = materialise(
        Plan(
            tasks=tuple(_planned(task, report.levels[task.id]) for task in plan.tasks),
            verification_mode=plan.verification_mode,
            verification_mode_rationale=plan.verification_mode_rationale,
        )
    )
    verdict = gate_plan(tasks, hub_files=run.hub_files)
    unfit = tuple(reason for task in tasks for reason in race_problems(task, run.isolation, race))
    before, after = ({_name(task): task for task in each} for each in (run.tasks, tasks))
    changed = [
        f"{name} {'added' if name not in before else 'removed' if name not in after else 'changed'}"
        for name in dict.fromkeys((*after, *before))
        if before.get(name) != after.get(name)
    ]
    if plan.verification_mode is not run.verification_mode:
        changed.append(f"verified by {plan.verification_mode}")
    return EditedPlan(
        tasks=tasks,
        reasons=(*verdict.reasons, *unfit),
        warnings=verdict.warnings,
        changed=tuple(changed),
    )


def with_plan(run: Run, plan: EditablePlan, tasks: tuple[Task, ...]) -> Run:
    """The run with an edited plan in the place of the planner's."""
    return evolve(
        run,
        tasks=tasks,
        verification_mode=plan.verification_mode,
        verification_mode_rationale=plan.verification_mode_rationale,
    )


def _name(task: Task) -> str:
    return task.id.removeprefix(f"{task.level}{task.sequence}-")


def _planned(task: EditableTask, level: int) -> PlannedTask:
    return PlannedTask(
        id=task.id,
        level=level,
        depends_on=task.depends_on,
        objective=task.objective,
        plan_markdown=task.plan_markdown,
        agent_type=task.agent_type,
        task_class=task.task_class,
        verify_commands=task.verify_commands,
        race=task.race,
        critique_enabled=task.critique_enabled,
    )
