"""A plan in the making: proposals are accepted, revised and withdrawn, and it stays a legal DAG."""

from collections.abc import Mapping
from typing import Annotated, Final

from attrs import evolve, field, frozen
from msgspec import Meta

from ...policy.dag import Node, level_of, validate
from ...policy.names import id_hint_problems
from ...policy.plan_gate import MAX_TASKS, MIN_PLAN_LENGTH, command_objection
from ...state.enums import AgentType, TaskClass, VerificationMode
from ...state.records import Plan, PlannedTask

MAX_PLAN_LENGTH: Final = 60_000

Objective = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        description="One sentence: what is true when the task is done; the commit's subject.",
    ),
]
PlanMarkdown = Annotated[
    str,
    Meta(
        min_length=MIN_PLAN_LENGTH,
        max_length=MAX_PLAN_LENGTH,
        description="The whole brief of the task in Markdown, with the sections you were told.",
    ),
]
DependsOn = Annotated[
    tuple[str, ...],
    Meta(
        description="Ids, as returned by earlier calls, of the tasks whose result this one needs."
    ),
]
Level = Annotated[
    int | None,
    Meta(description="Optional check: 1 without dependencies, else 1 + the highest level of them."),
]
Kind = Annotated[
    AgentType,
    Meta(
        description="intern: narrow and mechanical. general: needs judgement. explore: reads only."
    ),
]
Class = Annotated[TaskClass, Meta(description="feature: adds behaviour. bugfix: repairs it.")]
VerifyCommands = Annotated[
    tuple[str, ...],
    Meta(
        description=(
            "Shell commands, run at the root of the worktree, that all must exit 0 when the task "
            "is done. Empty: the build gate."
        )
    ),
]
CritiqueEnabled = Annotated[
    bool, Meta(description="Whether an intern's work is reviewed; general always, explore never.")
]


@frozen(kw_only=True)
class ProposeArguments:
    """One task."""

    id_hint: Annotated[
        str,
        Meta(
            pattern="^[a-z][a-z0-9-]*$",
            max_length=64,
            description="A short name for the task, such as `parser-errors`.",
        ),
    ]
    depends_on: DependsOn
    objective: Objective
    plan_markdown: PlanMarkdown
    agent_type: Kind
    task_class: Class
    verify_commands: VerifyCommands
    critique_enabled: CritiqueEnabled
    level: Level = None


@frozen(kw_only=True)
class ReviseArguments:
    """What is to be different about an accepted task."""

    id: Annotated[str, Meta(min_length=1, description="The id of an accepted task.")]
    depends_on: DependsOn | None = None
    objective: Objective | None = None
    plan_markdown: PlanMarkdown | None = None
    agent_type: Kind | None = None
    task_class: Class | None = None
    verify_commands: VerifyCommands | None = None
    critique_enabled: CritiqueEnabled | None = None
    level: Level = None


@frozen(kw_only=True)
class WithdrawArguments:
    """Which task is to go."""

    id: Annotated[str, Meta(min_length=1, description="The id of an accepted task.")]


@frozen(kw_only=True)
class FinalizeArguments:
    """How the finished work is verified."""

    verification_mode: Annotated[
        VerificationMode,
        Meta(description="How the final build is compared with the baseline."),
    ]
    verification_mode_rationale: Annotated[
        str,
        Meta(min_length=1, max_length=1000, description="Why, in one sentence; reviewers see it."),
    ]


@frozen(kw_only=True)
class Draft:
    """Accepted tasks in the order they were proposed; a change gives a new draft or problems."""

    tasks: Mapping[str, PlannedTask] = field(factory=dict)

    def propose(self, given: ProposeArguments) -> "Draft | tuple[str, ...]":
        """The draft with one more task, which is its last; or why it is refused."""
        if len(self.tasks) >= MAX_TASKS:
            return (f"A plan has at most {MAX_TASKS} tasks.",)
        problems = id_hint_problems(given.id_hint)
        unknown = [each for each in given.depends_on if each not in self.tasks]
        if unknown:
            listed = ", ".join(f'"{each}"' for each in dict.fromkeys(unknown))
            problems += (f"dependsOn: not yet proposed: {listed}; propose them first.",)
        task = PlannedTask(
            id=self._free_id(given.id_hint),
            level=0,
            depends_on=given.depends_on,
            objective=given.objective.strip(),
            plan_markdown=given.plan_markdown,
            agent_type=given.agent_type,
            task_class=given.task_class,
            verify_commands=given.verify_commands,
            critique_enabled=given.critique_enabled,
        )
        return problems or self._with(task, given.level)

    def revise(self, given: ReviseArguments) -> "Draft | tuple[str, ...]":
        """The draft with one task changed, levels computed anew; or why it is refused."""
        task = self.tasks.get(given.id)
        if task is None:
            return (self._unknown(given.id),)
        changes = {
            name: value
            for name in (
                "depends_on",
                "objective",
                "plan_markdown",
                "agent_type",
                "task_class",
                "verify_commands",
                "critique_enabled",
            )
            if (value := getattr(given, name)) is not None
        }
        return self._with(evolve(task, **changes), given.level)

    def withdraw(self, task_id: str) -> "Draft | tuple[str, ...]":
        """The draft without one task; refused while others depend on it."""
        if task_id not in self.tasks:
            return (self._unknown(task_id),)
        dependents = [task.id for task in self.tasks.values() if task_id in task.depends_on]
        if dependents:
            listed = ", ".join(f'"{each}"' for each in dependents)
            return (f'"{task_id}" is needed by {listed}; revise or withdraw these first.',)
        return Draft(tasks={name: task for name, task in self.tasks.items() if name != task_id})

    def finalize(self, given: FinalizeArguments) -> Plan | tuple[str, ...]:
        """The plan; or why it is not one."""
        if not self.tasks:
            return ("There are no tasks; propose at least one with proposeTask first.",)
        rationale = given.verification_mode_rationale.strip()
        if not rationale:
            return ("verificationModeRationale: must not be empty",)
        report = validate([Node(task.id, None, task.depends_on) for task in self.tasks.values()])
        if report.issues:
            return ("DAG validation failed", *(issue.sentence for issue in report.issues))
        return Plan(
            tasks=tuple(self.tasks.values()),
            verification_mode=given.verification_mode,
            verification_mode_rationale=rationale,
        )

    def _with(self, task: PlannedTask, declared: int | None) -> "Draft | tuple[str, ...]":
        problems = []
        if not task.objective:
            problems.append("objective: must not be blank")
        # What the gate of plans would send back later is refused while it can be repaired.
        if len(task.plan_markdown.strip()) < MIN_PLAN_LENGTH:
            problems.append(f"planMarkdown: must have at least {MIN_PLAN_LENGTH} characters")
        for command in task.verify_commands:
            if objection := command_objection(command):
                problems.append(f"verifyCommands: {command[:200]!r} {objection}")
        tasks = {**self.tasks, task.id: task}
        report = validate([Node(each.id, None, each.depends_on) for each in tasks.values()])
        problems += [issue.sentence for issue in report.issues]
        if declared is not None and not report.issues:
            implied = level_of(task.depends_on, report.levels)
            if declared != implied:
                problems.append(
                    f"level: declared is {declared}, but the dependencies imply {implied}; "
                    "correct dependsOn, or leave level out."
                )
        if problems:
            return tuple(problems)
        levelled = {each.id: evolve(each, level=report.levels[each.id]) for each in tasks.values()}
        return Draft(tasks=levelled)

    def _free_id(self, hint: str) -> str:
        number, name = 1, hint
        while name in self.tasks:
            number += 1
            name = f"{hint}-{number}"
        return name

    def _unknown(self, task_id: str) -> str:
        known = ", ".join(f'"{each}"' for each in self.tasks) or "none yet"
        return f'There is no accepted task "{task_id[:80]}"; accepted are: {known}.'
