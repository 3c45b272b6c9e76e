"""A plan as a file of the operator's: read back as it was written, refused with every reason."""

from pathlib import Path

import pytest

from dispatch.state.enums import AgentType, VerificationMode
from dispatch.state.errors import UsageError
from dispatch.state.plan_file import EditablePlan, EditableTask, as_text, plan_path, read_plan

PLAN = EditablePlan(
    verification_mode=VerificationMode.NO_NEW_FAILURES,
    verification_mode_rationale="It adds: a file.",
    tasks=(
        EditableTask(
            id="x",
            objective="Write x.",
            agent_type=AgentType.INTERN,
            verify_commands=("test -e x",),
            plan_markdown="# Objective\n\nWrite x.\n",
        ),
    ),
)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = plan_path(tmp_path, "plan-1")
    path.parent.mkdir()
    path.write_text(as_text("r", PLAN), encoding="utf-8")
    assert read_plan(path) == PLAN
    assert path == tmp_path / "plans" / "plan-1.yaml"
    assert path.read_text(encoding="utf-8").startswith("# The plan of run r, yours to change ")


def test_what_a_person_left_out_is_what_is_usual(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        "verificationMode: baseline-equality\n"
        "tasks: [{id: x, objective: 'Write x.', planMarkdown: 'Do it.'}]\n",
        encoding="utf-8",
    )
    assert read_plan(path) == EditablePlan(
        verification_mode=VerificationMode.BASELINE_EQUALITY,
        tasks=(EditableTask(id="x", objective="Write x.", plan_markdown="Do it."),),
    )


def test_every_slip_is_told_at_once_and_where(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    text = as_text("r", PLAN).replace("agentType: intern", "agentTyp: intern")
    path.write_text(text.replace("no-new-failures", "none"), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_plan(path)
    assert "tasks[0].agentTyp" in caught.value.message
    assert "verificationMode" in caught.value.message
    assert caught.value.hint == f"Put it right in {path}"


@pytest.mark.parametrize("content", [b"a: [", b"\xff", b"a: 1\na: 2\n"])
def test_what_is_no_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "plan.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="The plan is not YAML"):
        read_plan(path)
    with pytest.raises(UsageError, match="There is no plan"):
        read_plan(tmp_path / "none.yaml")
