"""A plan as a file that the operator may change before it is carried out: written once, read back.

Levels are not in it: they follow from the dependencies.  Ids are the planner's own words, without
the level and the letters that we put in front of them.
"""

import os
from pathlib import Path
from typing import Final

from attrs import frozen

from . import yaml_text
from .codec import ShapeError, structure_strict, unstructure
from .config import RaceOrder
from .durable import read_regular
from .enums import AgentType, TaskClass, VerificationMode
from .errors import UsageError
from .yaml_text import YamlError

FOLDER: Final = "plans"  # of the run's folder
MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PROBLEMS: Final = 10  # that are told at once
_HEAD: Final = """\
# The plan of run {run}, yours to change before it is carried out: add, remove and reword tasks.
# A task starts when those below dependsOn are done.  agentType is one of {types};
# class is one of {classes}.  With race: {{n: 2}} two implementers carry a task out,
# and the better work is taken.  It is checked again when you approve it.
"""


@frozen(kw_only=True)
class EditableTask:
    """A task as a person may write it."""

    id: str
    depends_on: tuple[str, ...] = ()
    objective: str
    agent_type: AgentType = AgentType.GENERAL
    task_class: TaskClass = TaskClass.FEATURE
    critique_enabled: bool = True
    verify_commands: tuple[str, ...] = ()
    race: RaceOrder | None = None
    plan_markdown: str


@frozen(kw_only=True)
class EditablePlan:
    """A whole plan as a person may write it."""

    verification_mode: VerificationMode
    verification_mode_rationale: str = ""
    tasks: tuple[EditableTask, ...]


def plan_path(run_folder: Path, question_id: str) -> Path:
    """The file of the plan that a question is about."""
    return run_folder / FOLDER / f"{question_id}.yaml"


def as_text(run: str, plan: EditablePlan) -> str:
    """The file's content."""
    types, classes = (" ".join(word.value for word in words) for words in (AgentType, TaskClass))
    return _HEAD.format(run=run, types=types, classes=classes) + yaml_text.dumps(unstructure(plan))


def read_plan(path: Path) -> EditablePlan:
    """The plan in a file; raises UsageError with every problem, and where it is."""
    hint = f"Put it right in {path}"
    if not os.path.lexists(path):
        raise UsageError(f"There is no plan {path}.", "Ask for it again: dispatch plan RUN")
    data = read_regular(path, MAX_BYTES)
    if len(data) > MAX_BYTES:
        raise UsageError(f"The plan is larger than {MAX_BYTES // 1024**2} MiB.", hint)
    try:
        return structure_strict(yaml_text.loads(yaml_text.decode(data)), EditablePlan)
    except YamlError as error:
        raise UsageError(f"The plan is not YAML that can be read: {error}", hint) from None
    except ShapeError as error:
        problems = "; ".join(str(each) for each in error.found[:MAX_PROBLEMS])
        raise UsageError(f"The plan does not fit: {problems}.", hint) from None
