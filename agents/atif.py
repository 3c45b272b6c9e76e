"""An attempt's conversation as an ATIF trajectory, an interchange format for agents: pure.

Version 1.4: steps numbered from 1, by ``user`` or ``agent``; what a tool answered is the
observation of the step that called it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from ..state.work import Attempt, Usage
from .model import AssistantMessage, ToolCall, ToolReply, UserMessage
from .transcript import Again, Item, TreeMark

VERSION: Final = "ATIF-v1.4"
AGENT: Final = "dispatch"

Trajectory = dict[str, object]


def trajectory(
    run: str, task: str | None, attempt: Attempt, items: Iterable[Item], version: str
) -> Trajectory:
    """The trajectory; ``version`` is the program's.  What nobody knows is left out, never zero."""
    steps = _steps(items, attempt.model)
    extra = {
        "run": run,
        "task": task,
        "role": attempt.role.value,
        "executor": attempt.executor,
        "outcome": attempt.outcome.value if attempt.outcome else None,
        "startedAt": attempt.started_at,
        "endedAt": attempt.ended_at,
    }
    return {
        "schema_version": VERSION,
        "session_id": f"{run}/{attempt.id}",
        "agent": {"name": AGENT, "version": version, "model_name": attempt.model},
        "steps": steps,
        "final_metrics": {
            **{f"total_{key}": value for key, value in _metrics(attempt.usage).items()},
            "total_steps": len(steps),
        },
        "extra": {key: value for key, value in extra.items() if value is not None},
    }


def _steps(items: Iterable[Item], model: str) -> list[dict[str, object]]:
    steps: list[dict[str, object]] = []
    said: AssistantMessage | None = None
    replies: dict[str, ToolReply] = {}

    def end() -> None:
        if said is not None and replies:
            steps[-1]["observation"] = {"results": _results(said.tool_calls, replies)}
        replies.clear()

    for item in items:
        match item:
            case UserMessage():
                end()
                said = None
                steps.append({"step_id": len(steps) + 1, "source": "user", "message": item.text})
            case AssistantMessage():
                end()
                said = item
                steps.append(_agent_step(len(steps) + 1, item, model))
            case ToolReply():
                replies[item.call_id] = item  # one that is given again is the one that counts
            case Again() | TreeMark():
                pass  # marks of ours
    end()
    return steps


def _agent_step(number: int, said: AssistantMessage, model: str) -> dict[str, object]:
    step: dict[str, object] = {
        "step_id": number,
        "source": "agent",
        "model_name": model,
        "message": said.text,
        "metrics": _metrics(said.usage),
    }
    if said.thinking:
        step["reasoning_content"] = said.thinking
    if said.tool_calls:
        step["tool_calls"] = [
            {
                "tool_call_id": call.id,
                "function_name": call.name,
                "arguments": _arguments(call),
            }
            for call in said.tool_calls
        ]
    return step


def _results(calls: Sequence[ToolCall], replies: dict[str, ToolReply]) -> list[dict[str, object]]:
    """In the order of the calls; a reply to none of them has no place in the format."""
    return [
        {"source_call_id": call.id, "content": replies[call.id].content}
        for call in calls
        if call.id in replies
    ]


def _arguments(call: ToolCall) -> dict[str, object]:
    """The format wants an object; what is none is kept as the text that it was."""
    try:
        found = json.loads(call.arguments)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"text": call.arguments}


def _metrics(usage: Usage) -> dict[str, object]:
    known: dict[str, object] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
    }
    if usage.cost_usd is not None:
        known["cost_usd"] = usage.cost_usd
    return known
