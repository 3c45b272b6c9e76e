"""Files of a task for people to read: its plan, what was submitted, what the critics said.

They are copies of parts of the document and are never read back.
"""

from pathlib import Path

from ..state.clean_text import clean
from ..state.codec import unstructure
from ..state.durable import make_folder, write_text_atomic
from ..state.records import Task
from ..state.yaml_text import dumps


def write_task_files(folder: Path, task: Task) -> None:
    """Bring ``tasks/<id>/`` of the run's folder up to date with the document."""
    place = folder / "tasks" / task.id
    make_folder(place)
    write_text_atomic(place / "plan.md", clean(task.plan_markdown))
    if task.output is not None:
        write_text_atomic(place / "output.yaml", dumps(unstructure(task.output)))
    if task.critique_verdicts:
        verdicts = [unstructure(verdict) for verdict in task.critique_verdicts]
        write_text_atomic(place / "verdict.yaml", dumps({"verdicts": verdicts}))
