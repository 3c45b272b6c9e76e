"""``dispatch plan`` and ``--approve-plan``: the real program around scripted agents."""

import json
from pathlib import Path

import pytest
from fakes.asking_run import Asking, asking
from fakes.child_program import until
from fakes.terminal_seat import seated

from dispatch.state.enums import Role, RunStatus

HEAD = """\
Plan of run r: 2 tasks, 2 levels
Verified by no-new-failures: Files are added.

Level 1
  1a-w  intern   Write w.

Level 2
  2a-y  intern   Write y.
        after 1a-w
"""


@pytest.fixture
def two(tmp_path: Path) -> Asking:
    """A run of two tasks in two levels."""
    return asking(tmp_path, ("w",), "minor", later=("y",))


def test_a_plan_is_made_shown_and_waits_and_the_run_goes_on_when_it_is_approved(
    two: Asking,
) -> None:
    made = two.program.run("plan", "r")
    assert made.code == 0, made.err
    assert made.out.startswith(HEAD)
    assert (
        "dispatch: To approve it: dispatch answer r plan-1 continue, then dispatch r\n"
        "  To change it first: dispatch plan r --edit, or edit "
        f"{two.folder / 'plans' / 'plan-1.yaml'}\n"
        "  For another plan: dispatch answer r plan-1 retry --note TEXT, then dispatch plan r\n"
        "  To discard it: dispatch answer r plan-1 abort, or dispatch clean r\n"
    ) in made.err
    assert two.run.status is RunStatus.GATING_PLAN
    again = two.program.run("plan", "r")
    assert (again.code, again.out) == (0, made.out)
    assert two.program.run("run", "r", "--no-wait").code == 3
    assert two.program.run("answer", "r", "plan-1", "continue").code == 0
    approved = two.program.run("plan", "r")
    assert (approved.code, approved.out) == (0, made.out)
    assert approved.err == "dispatch: Nothing waits for your word here; to go on: dispatch r\n"
    assert two.run.status is RunStatus.GATING_PLAN
    assert two.program.run("run", "r").code == 0
    over = two.program.run("plan", "r")
    assert over.err == "dispatch: Nothing waits for your word here: the run is done.\n"
    assert [each.role for each in two.run.attempts].count(Role.PLANNER) == 1


def test_a_plan_is_changed_in_the_editor_and_judged_at_once(two: Asking) -> None:
    assert two.program.run("plan", "r").code == 0
    variables = two.program.variables
    variables["EDITOR"] = "sed -i 's/Write y/Paint y/'"
    changed = two.program.run("plan", "r", "--edit")
    assert changed.code == 0, changed.err
    assert "  2a-y  intern   Paint y.\n" in changed.out
    assert "dispatch: With your changes: y changed.\n" in changed.err
    variables["EDITOR"] = "sed -i 's/- w/- v/'"
    broken = two.program.run("plan", "r", "--edit")
    assert (broken.code, broken.out) == (2, "")
    path = two.folder / "plans" / "plan-1.yaml"
    assert broken.err == (
        'dispatch: The plan cannot be carried out: Task "y" depends on "v", which is no task of '
        f"the plan. Put it right in {path}\n"
    )
    data = json.loads(two.program.run("plan", "r", "--json").out)
    assert (data["question"], data["problem"]) == ("plan-1", broken.err[10:-1])
    assert [each["id"] for each in data["tasks"]] == ["1a-w", "2a-y"]


def test_a_plan_that_is_sent_back_is_written_anew(two: Asking) -> None:
    assert two.program.run("plan", "r").code == 0
    assert two.program.run("answer", "r", "plan-1", "retry", "--note", "no levels").code == 0
    again = two.program.run("plan", "r")
    assert again.code == 0, again.err
    assert "dispatch answer r plan-2 continue" in again.err
    assert two.run.plan_refusals[0].reasons == ("The operator: no levels",)


def test_at_a_terminal_the_plan_is_paged_and_asked_about(two: Asking) -> None:
    """In the user's own pager, which ends before anything is asked."""
    two.program.variables["PAGER"] = "sed 's/^/paged: /'"
    with seated(two.program, "plan", "r") as seat:
        seat.see("[l]ater? ")
        assert "paged: Plan of run r: 2 tasks, 2 levels\n" in seat.screen
        seat.type("what\n")
        seat.see("'what' is none of these.")
        seat.see("[l]ater? ", 2)
        seat.type("a\n")
        seat.see("plan-1 is answered: continue. Continue the run: dispatch r")
        assert seat.leave() == 0
    assert two.run.status is RunStatus.GATING_PLAN


def test_who_does_not_want_to_wait_is_not_asked(two: Asking) -> None:
    two.program.variables["PAGER"] = "cat"
    with seated(two.program, "plan", "r", "--no-wait") as seat:
        seat.see("To approve it: dispatch answer r plan-1 continue")
        assert seat.leave() == 0
        assert "[l]ater? " not in seat.screen
    assert two.run.status is RunStatus.GATING_PLAN


def test_a_run_whose_plan_is_to_be_approved_shows_it_in_the_pager_and_goes_on(
    two: Asking,
) -> None:
    two.program.variables["PAGER"] = "sed 's/^/paged: /'"
    with seated(two.program, "run", "r", "--approve-plan") as seat:
        seat.see("plan-1> ")
        assert "paged: Plan of run r: 2 tasks, 2 levels\n" in seat.screen
        assert seat.screen.index("paged: ") < seat.screen.index("question plan-1: Is the plan of")
        seat.type("continue\n")
        assert seat.leave() == 0
    assert two.run.status is RunStatus.DONE


def test_who_has_no_pager_reads_the_plan_all_the_same(two: Asking) -> None:
    two.program.variables["PAGER"] = ""
    with seated(two.program, "run", "r", "--approve-plan") as seat:
        seat.see("plan-1> ")
        assert "\nPlan of run r: 2 tasks, 2 levels\n" in seat.screen
        seat.type("abort not now\n")
        assert seat.leave() == 1
    assert two.run.status is RunStatus.FAILED
    shown = two.program.run("plan", "r")
    assert (shown.code, shown.out[: len(HEAD)]) == (0, HEAD)


def test_killed_while_it_waits_the_run_goes_on_with_the_answer_and_plans_no_second_time(
    two: Asking,
) -> None:
    with two.program.started("run", "r", "--approve-plan") as process:
        until(lambda: two.open() == ["plan-1"])
        assert two.program.run("plan", "r").code == 0  # looking is free meanwhile
        process.kill()
    path = two.folder / "plans" / "plan-1.yaml"
    text = path.read_text(encoding="utf-8")
    before, key, after = text.rpartition("verifyCommands: []")
    assert key
    path.write_text(f"{before}verifyCommands: [test -e y]{after}", encoding="utf-8")
    assert two.program.run("answer", "r", "plan-1", "continue").code == 0
    assert two.program.run("run", "r").code == 0
    assert [each.role for each in two.run.attempts].count(Role.PLANNER) == 1
    assert two.run.tasks[1].verify_commands == ("test -e y",)
    accepted = next(each for each in two.run.history if each.event == "plan_accepted")
    assert accepted.reason.endswith(", with changes: y changed")
