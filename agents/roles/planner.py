"""The planner: reads the repository, proposes tasks one by one, finalises a plan."""

from ...policy.plan_gate import MAX_TASKS, MIN_PLAN_LENGTH
from ...state.jobs import PlanJob
from ...state.records import Plan
from ..fencing import bounded
from ..templates import render
from ..terminal import Refused, TerminalTool
from ..tools import Effect, Tool, ToolResult
from ..workshop import Workshop
from .base import FunctionTool, Session, refusal, system_prompt
from .plan_draft import (
    MAX_PLAN_LENGTH,
    Draft,
    FinalizeArguments,
    ProposeArguments,
    ReviseArguments,
    WithdrawArguments,
)

MAX_SPEC_CHARACTERS = 400_000


def label(job: PlanJob) -> str:
    """How the trace names this agent."""
    return "planner"


def prepare(job: PlanJob, workshop: Workshop) -> Session[Plan]:
    """A planner for one spec; its draft lives as long as the session."""
    desk = PlanningDesk()
    return Session(
        system=system_prompt(
            "planner",
            workshop,
            min_plan=MIN_PLAN_LENGTH,
            max_plan=MAX_PLAN_LENGTH,
            max_tasks=MAX_TASKS,
        ),
        seed=render(
            "planner.seed",
            spec_path=job.spec_path,
            spec=bounded(
                job.spec_text, MAX_SPEC_CHARACTERS, "Read the rest of the spec with read_file."
            ),
            build_gate=job.build_gate,
            guidance=workshop.guidance(),
            refusals=job.refusals,
        ),
        tools=(*workshop.reading(), *desk.tools()),
        terminal=desk.terminal,
    )


class PlanningDesk:
    """The planner's own tools around one draft."""

    def __init__(self) -> None:
        self.draft = Draft()
        self.terminal: TerminalTool[FinalizeArguments, Plan] = TerminalTool(
            "finalizePlan",
            "Hand in the plan made of all accepted tasks and end your work. Refused, with reasons, "
            "while the plan is not valid.",
            FinalizeArguments,
            self._finalize,
            resolved="The plan is already finalized.",
        )

    def tools(self) -> tuple[Tool, ...]:
        """Proposing, revising and withdrawing."""
        return (
            FunctionTool(
                "proposeTask",
                "Add one task to the plan. The reply holds the id under which it was accepted; "
                "use it in dependsOn. A refused proposal leaves the plan as it was.",
                ProposeArguments,
                self._propose,
                Effect.MEMORY,
            ),
            FunctionTool(
                "reviseTask",
                "Change an accepted task: what you leave out stays as it is. Levels are computed "
                "anew for all tasks.",
                ReviseArguments,
                self._revise,
                Effect.MEMORY,
            ),
            FunctionTool(
                "withdrawTask",
                "Take an accepted task out of the plan; refused while others depend on it.",
                WithdrawArguments,
                self._withdraw,
                Effect.MEMORY,
            ),
        )

    async def _propose(self, given: ProposeArguments) -> ToolResult:
        changed = self._closed() or self.draft.propose(given)
        if isinstance(changed, tuple):
            return refusal("The task was not accepted.", changed)
        self.draft = changed
        return ToolResult(f'accepted: id="{next(reversed(list(changed.tasks)))}"')

    async def _revise(self, given: ReviseArguments) -> ToolResult:
        changed = self._closed() or self.draft.revise(given)
        if isinstance(changed, tuple):
            return refusal("The task was not revised.", changed)
        self.draft = changed
        return ToolResult(f'revised: id="{given.id}", level {changed.tasks[given.id].level}')

    async def _withdraw(self, given: WithdrawArguments) -> ToolResult:
        changed = self._closed() or self.draft.withdraw(given.id)
        if isinstance(changed, tuple):
            return refusal("The task was not withdrawn.", changed)
        self.draft = changed
        left = ", ".join(changed.tasks) or "none"
        return ToolResult(f'withdrawn: id="{given.id}"; left: {left}')

    def _finalize(self, given: FinalizeArguments) -> Plan | Refused:
        plan = self.draft.finalize(given)
        return Refused(plan) if isinstance(plan, tuple) else plan

    def _closed(self) -> tuple[str, ...]:
        if self.terminal.value is None:
            return ()
        return ("The plan is already finalized; nothing can be changed any more.",)
