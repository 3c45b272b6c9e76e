"""The gate of a plan before anything is paid for: refusals the planner can act on, and warnings."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from ..state.enums import AgentType
from ..state.hubs import HubFile
from ..state.records import Task
from .attribution import claimed_path
from .dag import Node, validate
from .hub_files import rule_for
from .messages import subject
from .names import id_hint_problems

MAX_PLAN_REFUSALS: Final = 3
MAX_TASKS: Final = 500
MIN_PLAN_LENGTH: Final = 200
MAX_WARNINGS: Final = 50

_TASK_ID: Final = re.compile(r"[0-9]+[a-z]+-(?P<hint>.*)", re.DOTALL)
_PRINT: Final = r"(?:echo|printf)\b[^|&;<>$`()]*"
_NOTHING: Final = rf"(?:true|:|/bin/true|/usr/bin/true|exit 0|{_PRINT})"
_NO_OP: Final = re.compile(rf"{_NOTHING}|#.*")
_SWALLOWS: Final = re.compile(rf"(?:\|\||;)\s*{_NOTHING}$")
# With one of these, a harmless end does not hide what failed before it.
_CAN_FAIL: Final = re.compile(r"\bset -\w*e|\bexit [1-9]")
_BACKGROUND: Final = re.compile(r"[^&>]&$")
_HEADING: Final = re.compile(r"#{1,6}\s+(?P<title>.*)")
_FILES_TITLE: Final = re.compile(r"files?\s+to\s+(?:modify|change|edit|create|touch)\b", re.I)
_ITEM: Final = re.compile(r"\s*(?:[-*+]|[0-9]+[.)])\s+(?P<text>.*)")
_CODE: Final = re.compile(r"`([^`]+)`")


@frozen(kw_only=True)
class PlanVerdict:
    """``reasons`` refuse a plan, ``warnings`` only tell; both are sentences."""

    allowed: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def gate_plan(
    tasks: Sequence[Task], *, max_tasks: int = MAX_TASKS, hub_files: Sequence[HubFile] = ()
) -> PlanVerdict:
    """Judge the materialised tasks of a plan; every reason there is, in the order of the tasks.

    Several tasks that plan to modify one of ``hub_files`` are no reason to warn.
    """
    reasons = []
    if not tasks:
        reasons.append("The plan has no tasks; propose at least one.")
    if len(tasks) > max_tasks:
        reasons.append(
            f"The plan has {len(tasks)} tasks, and at most {max_tasks} are allowed; "
            "join small tasks into larger ones."
        )
    nodes = [Node(task.id, task.level, task.depends_on) for task in tasks]
    reasons += [issue.sentence for issue in validate(nodes).issues]
    for task in tasks:
        reasons += _task_problems(task)
    warnings = (*_explore_warnings(tasks), *_overlap_warnings(tasks, hub_files))
    return PlanVerdict(
        allowed=not reasons, reasons=tuple(reasons), warnings=warnings[:MAX_WARNINGS]
    )


def files_to_modify(plan_markdown: str) -> tuple[str, ...]:
    """The paths that a plan's section "Files to Modify" lists, sorted; none without the section.

    Of a list item it is what stands in backticks, else its first word.
    """
    paths: set[str] = set()
    inside = False
    for line in plan_markdown.splitlines():
        heading = _HEADING.fullmatch(line)
        if heading is not None:
            inside = _FILES_TITLE.match(heading["title"]) is not None
            continue
        item = _ITEM.fullmatch(line) if inside else None
        if item is not None:
            paths.update(_paths_of(item["text"]))
    return tuple(sorted(paths))


def command_objection(command: str) -> str | None:
    """Why a verify command proves nothing or cannot be run, as the rest of a sentence."""
    plain = command.strip()
    if not plain:
        return "is blank"
    if not plain.isprintable():
        return "has line breaks or control characters; give one line, or a script of the repository"
    if _NO_OP.fullmatch(plain):
        return "proves nothing, because it always exits with 0"
    if _SWALLOWS.search(plain) and not _CAN_FAIL.search(plain):
        return "always exits with 0, because its end hides what failed"
    if _BACKGROUND.search(plain):
        return "always exits with 0, because it runs in the background"
    return None


def _task_problems(task: Task) -> Iterable[str]:
    match = _TASK_ID.fullmatch(task.id)
    hint = task.id if match is None else match["hint"]
    yield from id_hint_problems(hint)
    name = f"Task {task.id!r}"
    try:
        subject(task.objective)
    except ValueError:
        yield (
            f"{name} needs an objective that says what it does; its first sentence becomes the "
            "subject of the commit."
        )
    length = len(task.plan_markdown.strip())
    if length < MIN_PLAN_LENGTH:
        yield (
            f"{name} has a plan (planMarkdown) of {length} characters; its implementer sees "
            f"nothing else, so write at least {MIN_PLAN_LENGTH}."
        )
    for command in task.verify_commands:
        objection = command_objection(command)
        if objection is not None:
            yield f"The verify command {_shown(command)} of task {task.id!r} {objection}."


def _explore_warnings(tasks: Iterable[Task]) -> Iterable[str]:
    for task in tasks:
        files = files_to_modify(task.plan_markdown)
        if task.agent_type is AgentType.EXPLORE and files:
            yield (
                f"Task {task.id!r} is of type explore and may change nothing, but its plan lists "
                f"files to modify: {', '.join(files)}."
            )


def _overlap_warnings(tasks: Iterable[Task], hub_files: Sequence[HubFile]) -> Iterable[str]:
    planned: dict[tuple[int, str], list[str]] = defaultdict(list)
    for task in tasks:
        if task.agent_type is not AgentType.EXPLORE:
            for path in files_to_modify(task.plan_markdown):
                planned[task.level, path].append(task.id)
    for (level, path), ids in sorted(planned.items()):
        if len(ids) > 1 and rule_for(path, hub_files) is None:
            yield (
                f"Several tasks of level {level} plan to modify {path}: {', '.join(ids)}. "
                "They may conflict when they are integrated."
            )


def _paths_of(text: str) -> Iterable[str]:
    candidates = _CODE.findall(text) or text.split()[:1]
    for candidate in candidates:
        path = claimed_path(candidate.strip().rstrip(",:;"), "")
        # Backticks also hold names of functions: a path has a slash or a dot.
        if path is not None and re.search(r"[./]", path) and not re.search(r"[\s()]", path):
            yield path


def _shown(command: str) -> str:
    return repr(command if len(command) <= 200 else command[:200] + "…")
