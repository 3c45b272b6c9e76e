"""Hub files at fan-in: what many tasks change is joined by its rule, and nothing is dropped."""

from pathlib import Path
from typing import Any

import pytest
from fakes.run_harness import Place, ScriptedOperator, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.policy.hub_files import MAX_RESTARTS
from dispatch.state.enums import (
    AttemptOutcome,
    HubStrategy,
    HunkFate,
    Isolation,
    RunStatus,
    TaskStatus,
)
from dispatch.state.hubs import HubFile, Replaced, WorkReceipt
from dispatch.state.jobs import FixJob

PLAN = a_plan(planned("x"), planned("y"))
# Lists what all parts say: like a lock file, it follows from the rest.
LOCKED = "cat part-* > lock"


def hub(glob: str, strategy: HubStrategy, command: str | None = None) -> HubFile:
    return HubFile(glob=glob, strategy=strategy, command=command)


def a_place(folder: Path, *rules: HubFile, **files: str) -> Place:
    place = Place(folder / "repository", changes={"hub_files": rules})
    place.set_up(**files)
    return place


def shown(place: Place, path: str) -> str:
    return git(place.root, "show", f"dispatch/r:{path}")


def gone(
    path: str, hunks: int, by: str, why: str, fate: HunkFate = HunkFate.SUPERSEDED
) -> Replaced:
    return Replaced(path=path, hunks=hunks, fate=fate, by=by, why=why)


def changelog(folder: Path) -> Place:
    return a_place(folder, hub("CHANGES*", HubStrategy.UNION), CHANGES__md="# Changes\n\n- old\n")


def noted(name: str, **more: str) -> Work:
    return writes(CHANGES__md=f"# Changes\n\n- {name}\n- old\n", **more)


def test_a_union_keeps_what_every_task_wrote_and_asks_nobody(tmp_path: Path) -> None:
    place = changelog(tmp_path)
    players = ScenarioAgents(
        plans=[a_plan(planned("x"), planned("y"), planned("z"))],
        works={"1a-x": noted("x"), "1b-y": noted("y", y="y\n"), "1c-z": noted("z")},
    )
    assert place.drive(players) is RunStatus.DONE
    assert shown(place, "CHANGES.md") == "# Changes\n\n- x\n- y\n- z\n- old"
    assert [job for job in players.jobs if isinstance(job, FixJob)] == []
    (receipt,) = place.run.receipts
    assert receipt.work == (
        WorkReceipt(task_id="1a-x", present=1),
        WorkReceipt(task_id="1b-y", present=3),
        WorkReceipt(task_id="1c-z", present=1),
    )


def test_a_line_that_one_side_removed_stays_in_a_union_and_the_receipt_says_so(
    tmp_path: Path,
) -> None:
    place = changelog(tmp_path)
    works = {
        "1a-x": writes(CHANGES__md="# Changes\n\n- older\n"),
        "1b-y": writes(CHANGES__md="# Changes\n\n- old\n- y\n"),
    }
    assert place.drive(ScenarioAgents(plans=[PLAN], works=works)) is RunStatus.DONE
    assert shown(place, "CHANGES.md") == "# Changes\n\n- older\n- old\n- y"
    (receipt,) = place.run.receipts
    why = "the lines of both sides are kept, also one that this task removed"
    kept = gone("CHANGES.md", 1, "the union of both sides", why)
    assert receipt.work == (
        WorkReceipt(task_id="1a-x", present=0, replaced=(kept,)),
        WorkReceipt(task_id="1b-y", present=1),
    )


def test_what_is_no_hub_file_still_goes_to_the_fix_agent(tmp_path: Path) -> None:
    """The union is made first, and the agent finds it made."""
    place = changelog(tmp_path)
    seen: list[str] = []

    def edit(root: Path) -> None:
        seen.append((root / "CHANGES.md").read_text(encoding="utf-8"))
        (root / "code").write_text("xy\n", encoding="utf-8")

    players = ScenarioAgents(
        plans=[PLAN],
        works={"1a-x": noted("x", code="x\n"), "1b-y": noted("y", code="y\n")},
        fixes={"1b-y": Work(edit=edit, files=("code",))},
    )
    assert place.drive(players) is RunStatus.DONE
    assert seen == ["# Changes\n\n- x\n- y\n- old\n"]
    (job,) = (job for job in players.jobs if isinstance(job, FixJob))
    assert [finding.file_path for finding in job.findings] == ["code"]
    assert shown(place, "CHANGES.md") == "# Changes\n\n- x\n- y\n- old"
    (receipt,) = place.run.receipts
    assert receipt.work[0].replaced == (gone("code", 1, "1b-y (conflict, round 1)", "done"),)


def lock_place(folder: Path, command: str = LOCKED) -> Place:
    rule = hub("lock", HubStrategy.REGENERATE, command)
    return a_place(folder, rule, **{"lock": "0\n", "part-0": "0\n"})


LOCK_WORKS = {
    "1a-x": writes(**{"part-1": "1\n", "lock": "0\n1\n"}),
    "1b-y": writes(**{"part-2": "2\n", "lock": "0\n2\n"}),
}


def test_a_file_that_two_tasks_changed_is_made_anew_from_their_joined_work(tmp_path: Path) -> None:
    place = lock_place(tmp_path)
    players = ScenarioAgents(plans=[PLAN], works=LOCK_WORKS)
    assert place.drive(players) is RunStatus.DONE
    assert shown(place, "lock") == "0\n1\n2"
    (made,) = place.run.tasks[1].regenerations
    assert (made.paths, [each.command for each in made.commands]) == (("lock",), [LOCKED])
    assert git(place.folder / "git", "cat-file", "-t", str(made.tree)) == "tree"
    assert [job for job in players.jobs if isinstance(job, FixJob)] == []


def test_it_is_made_anew_also_where_the_texts_would_merge_and_only_that_file_is_taken(
    tmp_path: Path,
) -> None:
    """A lock file that merges need not be one; what else the command writes is no task's work."""
    place = a_place(
        tmp_path,
        hub("lock", HubStrategy.REGENERATE, "echo made > lock; echo stray > stray; echo s >> a"),
        lock="1\n2\n3\n4\n5\n",
        a="a\n",
    )
    works = {
        "1a-x": writes(lock="x\n2\n3\n4\n5\n"),
        "1b-y": writes(lock="1\n2\n3\n4\ny\n", b="b\n"),
    }
    assert place.drive(ScenarioAgents(plans=[PLAN], works=works)) is RunStatus.DONE
    assert shown(place, "lock") == "made"
    assert (place.files("dispatch/r"), shown(place, "a")) == (["a", "b", "lock"], "a")
    (receipt,) = place.run.receipts
    why = "several tasks changed the file, and it is made anew from their joined work"
    command = "`echo made > lock; echo stray > stray; echo s >> a`"
    anew = gone("lock", 1, command, why)
    assert receipt.work == (
        WorkReceipt(task_id="1a-x", present=0, replaced=(anew,)),
        WorkReceipt(task_id="1b-y", present=2, replaced=(anew,)),
    )


def test_a_file_that_one_task_changed_is_taken_as_it_is(tmp_path: Path) -> None:
    place = lock_place(tmp_path, "exit 1")
    works = {**LOCK_WORKS, "1a-x": writes(**{"part-1": "1\n"})}
    assert place.drive(ScenarioAgents(plans=[PLAN], works=works)) is RunStatus.DONE
    assert shown(place, "lock") == "0\n2"


def test_a_command_that_fails_is_a_conflict_for_the_fix_agent(tmp_path: Path) -> None:
    place = lock_place(tmp_path, "echo no network; exit 3")
    fixed = writes(lock="0\n1\n2\n")
    players = ScenarioAgents(plans=[PLAN], works=LOCK_WORKS, fixes={"1b-y": fixed})
    assert place.drive(players) is RunStatus.DONE
    (job,) = (job for job in players.jobs if isinstance(job, FixJob))
    assert [finding.file_path for finding in job.findings] == ["lock"]
    assert "ended with exit code 3, and printed last:\nno network" in job.evidence
    assert "+2" in job.evidence
    assert shown(place, "lock") == "0\n1\n2"


def test_what_a_failing_command_is_about_the_operator_may_set_aside(tmp_path: Path) -> None:
    """Its work is kept, and the receipt names the question."""
    place = lock_place(tmp_path, "exit 1")
    place.operator = ScriptedOperator(["fail-task"])
    broken = {f"1b-y.fixAgent.{number}": AttemptOutcome.REFUSED_CLAIM for number in (1, 2)}
    players = ScenarioAgents(plans=[PLAN], works=LOCK_WORKS, broken=broken)
    assert place.drive(players) is RunStatus.FAILED
    task = place.run.tasks[1]
    assert (task.status, task.rescue_ref) == (TaskStatus.FAILED, "refs/dispatch/r/rescue/1b-y")
    (receipt,) = place.run.receipts
    why = "Set aside, and kept under refs/dispatch/r/rescue/1b-y."
    asked = "1b-y-conflict-1"
    assert receipt.work[1] == WorkReceipt(
        task_id="1b-y",
        present=0,
        replaced=(
            gone("lock", 1, asked, why, HunkFate.ESCALATED),
            gone("part-2", 2, asked, why, HunkFate.ESCALATED),
        ),
    )


@pytest.mark.parametrize("at", [14, 15, -15, 16, 17])
def test_killed_at_each_save_a_file_is_made_anew_once_for_good(tmp_path: Path, at: int) -> None:
    """[RS-13] The command makes something else each time; what was recorded is what counts.

    A negative number: the process dies after that save.
    """
    place = lock_place(tmp_path, "od -An -N16 -tx1 /dev/urandom > lock")
    players = ScenarioAgents(plans=[PLAN], works=LOCK_WORKS)
    assert place.drive(players, abs(at), after=at < 0) is None
    recorded = place.run.tasks[1].regenerations
    assert len(recorded) == (at not in (14, 15))
    assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
    made = place.run.tasks[1].regenerations
    assert (len(made), made[: len(recorded)]) == (1, recorded)
    kept = git(place.folder / "git", "rev-parse", f"{made[0].tree}:lock")
    assert git(place.root, "rev-parse", "dispatch/r:lock") == kept


def registry(folder: Path) -> Place:
    return a_place(folder, hub("registry", HubStrategy.SERIALISE), registry="old\n")


def registers(name: str) -> Work:
    """Work that adds a line to whatever is there."""

    def edit(root: Path) -> None:
        path = root / "registry"
        path.write_text(path.read_text(encoding="utf-8") + f"{name}\n", encoding="utf-8")
        (root / name).write_text(f"{name}\n", encoding="utf-8")

    return Work(edit=edit, files=("registry", name))


REGISTERS = {task: registers(task[3:]) for task in ("1a-x", "1b-y", "1c-z")}


def serial(*names: str) -> Any:
    return a_plan(*(planned(name, objective=f"Put {name} into `registry`.") for name in names))


def test_tasks_that_plan_to_change_a_serialised_file_work_one_after_the_other(
    tmp_path: Path,
) -> None:
    """Each starts from the commit of the one before, so there is nothing to conflict."""
    place = registry(tmp_path)
    players = ScenarioAgents(plans=[serial("x", "y", "z")], works=REGISTERS)
    assert place.drive(players) is RunStatus.DONE
    assert shown(place, "registry") == "old\nx\ny\nz"
    assert [(task.id, task.level) for task in place.run.tasks] == [
        ("1a-x", 1),
        ("1b-y", 2),
        ("1c-z", 3),
    ]
    assert [each for each in players.asked if "implementer" in each] == [
        "1a-x.implementer.1",
        "1b-y.implementer.1",
        "1c-z.implementer.1",
    ]
    assert [work.replaced for each in place.run.receipts for work in each.work] == [()] * 3


def test_a_task_that_was_not_expected_there_is_made_again_on_its_siblings_work(
    tmp_path: Path,
) -> None:
    """What it did first is kept under a ref, and on the receipt."""
    place = registry(tmp_path)
    players = ScenarioAgents(plans=[PLAN], works=REGISTERS)
    assert place.drive(players) is RunStatus.DONE
    assert shown(place, "registry") == "old\nx\ny"
    assert [job for job in players.jobs if isinstance(job, FixJob)] == []
    task = place.run.tasks[1]
    assert (task.id, task.level, len(task.restarts)) == ("1b-y", 2, 1)
    kept = "refs/dispatch/r/rescue/1b-y"
    assert git(place.root, "show", f"{kept}:registry") == "old\ny"
    why = f"made again on its siblings' work in registry; kept: {kept}"
    first, second = place.run.receipts
    assert first.work == (
        WorkReceipt(task_id="1a-x", present=3),
        WorkReceipt(
            task_id="1b-y",
            present=0,
            replaced=(
                gone("registry", 1, "1b-y", why),
                gone("y", 2, "1b-y", why),
            ),
        ),
    )
    assert second.work == (WorkReceipt(task_id="1b-y", present=3),)


def test_killed_before_each_save_a_task_is_made_again_once(tmp_path: Path) -> None:
    """[RS-13]"""
    straight = registry(tmp_path / "straight")
    assert straight.drive(ScenarioAgents(plans=[PLAN], works=REGISTERS)) is RunStatus.DONE
    tip = git(straight.root, "rev-parse", "dispatch/r")
    for at in (14, 15, 16, 24):
        place = registry(tmp_path / str(at))
        players = ScenarioAgents(plans=[PLAN], works=REGISTERS)
        assert place.drive(players, at) is None
        assert (place.drive(players), place.run.failure) == (RunStatus.DONE, None)
        assert git(place.root, "rev-parse", "dispatch/r") == tip
        assert len(place.run.tasks[1].restarts) == 1


def test_a_task_that_meets_others_again_and_again_gets_a_fix_agent_in_the_end(
    tmp_path: Path,
) -> None:
    """Restarts are counted: siblings that appear later cannot keep a task from ending."""
    place = registry(tmp_path)
    names = "vwxyz"
    plan = a_plan(*(planned(name) for name in names))
    ids = [f"1{letter}-{name}" for letter, name in zip("abcde", names, strict=True)]
    players = ScenarioAgents(plans=[plan], works={task: registers(task[3:]) for task in ids})
    assert place.drive(players) is RunStatus.DONE
    assert shown(place, "registry").split() == ["old", *names]
    restarts = [len(task.restarts) for task in place.run.tasks]
    assert restarts == [0, 1, 1, 1, 1]
    assert max(restarts) < MAX_RESTARTS


def test_a_file_that_two_tasks_claim_in_one_tree_is_the_last_one_s_and_the_receipt_says_so(
    tmp_path: Path,
) -> None:
    """Under ``isolation: level`` nothing is merged."""
    place = a_place(tmp_path)
    place.changes |= {"isolation": Isolation.LEVEL}
    place.config_changes = {"max_parallel": 1}
    works = {"1a-x": writes(a__txt="x\n", x="x\n"), "1b-y": writes(a__txt="y\n")}
    assert place.drive(ScenarioAgents(plans=[PLAN], works=works)) is RunStatus.DONE
    assert shown(place, "a.txt") == "y"
    (receipt,) = place.run.receipts
    why = "under isolation: level a file goes to the last task that claims it"
    taken = gone("a.txt", 1, "1b-y", why)
    assert receipt.work == (
        WorkReceipt(task_id="1a-x", present=2, replaced=(taken,)),
        WorkReceipt(task_id="1b-y", present=1),
    )


def test_lines_that_a_repair_replaced_are_put_down_to_it(tmp_path: Path) -> None:
    """Also when the repair was folded into the very commit."""
    place = a_place(tmp_path)
    players = ScenarioAgents(
        plans=[PLAN],
        works={"1a-x": writes(x="one\n"), "1b-y": writes(y="y\n")},
        rounds={"1a-x": ((blocking(),),)},
        fixes={"1a-x": writes(x="two\n")},
    )
    assert place.drive(players) is RunStatus.DONE
    (receipt,) = place.run.receipts
    repaired = gone("x", 1, "1a-x (critique, round 1)", "done")
    assert receipt.work == (
        WorkReceipt(task_id="1a-x", present=1, replaced=(repaired,)),
        WorkReceipt(task_id="1a-x", work="critique, round 1", present=1),
        WorkReceipt(task_id="1b-y", present=2),
    )
    listed = (place.folder / "receipts" / "level-1.yaml").read_text(encoding="utf-8")
    assert listed.count("fate: present") == 4
    assert "change: '-0 +1: +one'" in listed or 'change: "-0 +1: +one"' in listed


def test_two_repairs_of_a_round_are_joined_by_the_rules_too(tmp_path: Path) -> None:
    """Both write into the changelog; nobody is asked to resolve that."""
    place = changelog(tmp_path)
    players = ScenarioAgents(
        plans=[PLAN],
        works={"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n")},
        rounds={"1a-x": ((blocking(),),), "1b-y": ((blocking(),),)},
        fixes={"1a-x": noted("x"), "1b-y": noted("y")},
    )
    assert place.drive(players) is RunStatus.DONE
    assert shown(place, "CHANGES.md") == "# Changes\n\n- x\n- y\n- old"
    assert [fix.source for task in place.run.tasks for fix in task.fixes] == ["critique"] * 2
    (receipt,) = place.run.receipts
    assert [(work.work, work.present, work.replaced) for work in receipt.work] == [
        ("", 2, ()),
        ("critique, round 1", 1, ()),
        ("", 2, ()),
        ("critique, round 1", 1, ()),
    ]
