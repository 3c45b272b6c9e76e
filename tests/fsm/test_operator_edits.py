"""What the operator changes in a level's worktree while he is asked: his commit, lost by nobody."""

import asyncio
import io
from pathlib import Path

import pytest
from fakes.answering import NOW, a_place
from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, Work, a_plan, blocking, planned, writes

from dispatch.fsm.chain import chain_from
from dispatch.fsm.rebuild import Repair, rebuild
from dispatch.state.enums import HunkFate, RunStatus, VerificationMode, VerificationOutcome
from dispatch.state.errors import WaitingForOperator
from dispatch.state.escalation_file import Reply, write_reply
from dispatch.state.judgements import OperatorEdit
from dispatch.state.operator_channel import OperatorChannel

TIME = 1_700_000_000
ASKED = "level-1-amend-4"
ACCEPTED = {ASKED: Reply("accept-with-note", "Say it in one line. The critic is right there.")}


def crew() -> ScenarioAgents:
    """A critic who is never content with ``x``, and a task of the next level that reads it."""
    found = tuple((blocking(f"wrong {number}"),) for number in range(1, 7))
    fixes = {f"1a-x.{number}": writes(x=f"x {number}\n") for number in range(1, 7)}
    works = {"1a-x": writes(x="x\n"), "2a-y": writes(y="y\n")}
    plan = a_plan(planned("x"), planned("y", 2, ("x",)))
    return ScenarioAgents(plans=[plan], works=works, rounds={"1a-x": found}, fixes=fixes)


def waiting(folder: Path, players: ScenarioAgents) -> tuple[Place, Path]:
    """A run that asks and is not waited for, and the worktree that is left to the operator."""
    place = a_place(folder, {})
    place.operator = OperatorChannel(
        place.folder, stream=io.StringIO(), now=lambda: NOW, wait=False
    )
    with pytest.raises(WaitingForOperator):
        place.drive(players)
    return place, place.folder / "worktrees" / "level-1"


def answer(place: Place, reply: Reply) -> None:
    question = next(each for each in place.run.escalations if each.answer is None)
    assert write_reply(place.folder, question, reply) is None


def test_an_accepted_change_is_a_commit_of_the_operator_that_the_next_level_starts_from(
    tmp_path: Path,
) -> None:
    """His identity, his note, his trailer; in the document, the report and the branch."""
    place = a_place(tmp_path, ACCEPTED, {"x": "one line\n", "new": "n\n"})
    assert place.drive(crew()) is RunStatus.DONE
    run = place.run
    (edit,) = run.operator_edits
    show = git(
        place.root, "show", "-s", "--format=%an <%ae>%n%cn%n%ct%n%P%n%B", edit.commit_sha or ""
    )
    reply = ACCEPTED[ASKED]
    assert show.strip() == (
        f"Olga <o@e.org>\nOlga\n{TIME}\n{run.tasks[0].commit_sha}\n"
        f"Say it in one line\n\nThe critic is right there.\n\n"
        f"Dispatch-Run: r\nDispatch-Operator: {edit.by}"
    )
    assert edit == OperatorEdit(
        level=1,
        escalation_id=ASKED,
        base=run.tasks[0].commit_sha or "",
        tree=git(place.root, "rev-parse", f"{edit.commit_sha}^{{tree}}"),
        commit_time=TIME,
        commit_sha=run.level_boundaries["2"],
        note=reply.note,
        by=edit.by,
        author_name="Olga",
        author_email="o@e.org",
    )
    assert git(place.root, "rev-parse", f"{run.tasks[1].commit_sha}^") == edit.commit_sha
    files = {name: git(place.root, "show", f"dispatch/r:{name}") for name in ("x", "new", "y")}
    assert files == {"x": "one line", "new": "n", "y": "y"}
    assert f"(answer to `{ASKED}`): `{edit.commit_sha}`" in (place.folder / "report.md").read_text()
    note = git(place.root, "notes", "--ref=dispatch/r", "show", edit.commit_sha or "")
    assert note == f"operator {edit.by}, with the answer to {ASKED}"
    (replaced,) = run.receipts[0].work[-1].replaced
    assert (replaced.path, replaced.fate, replaced.by) == (
        "x",
        HunkFate.SUPERSEDED,
        f"the operator {edit.by}",
    )


def test_the_question_names_the_worktree_and_nobody_touches_it_while_it_is_open(
    tmp_path: Path,
) -> None:
    """Not the start that finds it open, not one that finds it answered."""
    players = crew()
    place, worktree = waiting(tmp_path, players)
    question = place.run.escalations[-1]
    assert question.consequences["accept-with-note"] == (
        "The level passes; its findings are kept in the report. "
        f"What you change in {worktree} before you answer becomes a commit of yours."
    )
    (worktree / "x").write_text("mine\n")
    (worktree / "a.txt").unlink()
    for _ in range(2):
        with pytest.raises(WaitingForOperator):
            place.drive(players)
        assert (worktree / "x").read_text() == "mine\n"
    answer(place, ACCEPTED[ASKED])
    assert place.drive(players) is RunStatus.DONE
    assert place.files("dispatch/r") == ["x", "y"]
    assert git(place.root, "show", "dispatch/r:x") == "mine"


def test_what_he_changed_and_did_not_accept_is_kept_under_a_ref(tmp_path: Path) -> None:
    players = crew()
    place, worktree = waiting(tmp_path, players)
    (worktree / "x").write_text("mine\n")
    answer(place, Reply("continue", ""))
    with pytest.raises(WaitingForOperator):  # the next round's question
        place.drive(players)
    assert place.run.operator_edits == ()
    assert (worktree / "x").read_text() == "x 4\n"
    store = place.folder / "git"
    assert git(store, "show", "refs/dispatch/rescue/level-1/1:x") == "mine"


def test_what_builds_left_there_is_not_taken_for_his(tmp_path: Path) -> None:
    """He accepts without a change: no commit."""
    place = a_place(tmp_path, {"verification-1": Reply("accept-with-note", "meant")})
    place.gate = ("cat x 2>/dev/null; echo built > out",)
    plan = a_plan(planned("x"), mode=VerificationMode.BASELINE_EQUALITY)
    works = {"1a-x": writes(x="x\n")}
    place.config_changes = {"verify_submissions": False}
    assert place.drive(ScenarioAgents(plans=[plan], works=works)) is RunStatus.DONE
    assert place.run.operator_edits == ()
    assert place.files("dispatch/r") == ["a.txt", "x"]


def test_a_change_after_the_gate_is_verified_and_what_it_breaks_is_his_to_settle(
    tmp_path: Path,
) -> None:
    """What was not there when the gate ran makes it run again; no agent is blamed for it."""
    answers = {
        "verification-1": Reply("accept-with-note", "Say more."),
        "verification-2-nobody": Reply("accept-with-note", "Broken on purpose."),
        "verification-3": Reply("continue", ""),
    }
    place = a_place(tmp_path, answers, {"x": "more\n", "broken": "b\n"})
    place.gate = ("cat x 2>/dev/null || true", "test ! -e broken")
    plan = a_plan(planned("x"), mode=VerificationMode.BASELINE_EQUALITY)
    players = ScenarioAgents(plans=[plan], works={"1a-x": writes(x="x\n")})
    assert place.drive(players) is RunStatus.DONE
    run = place.run
    (edit,) = run.operator_edits
    assert edit.escalation_id == "verification-1"
    first, second, *_ = run.verification_rounds
    assert first.outcome is VerificationOutcome.ESCALATED
    assert second.outcome is VerificationOutcome.RETRY
    assert second.regressed_commands == ("test ! -e broken",)
    question = next(each for each in run.escalations if each.id == "verification-2-nobody")
    assert f"It came in with commit {edit.commit_sha} of the operator." in question.reason
    assert place.files("dispatch/r") == ["a.txt", "broken", "x"]
    assert not any("fixAgent" in each for each in players.asked)


def test_a_link_out_of_the_tree_is_told_and_can_be_put_right(tmp_path: Path) -> None:
    players = crew()
    place, worktree = waiting(tmp_path, players)
    (worktree / "away").symlink_to("/etc")
    answer(place, ACCEPTED[ASKED])
    with pytest.raises(WaitingForOperator) as refusal:
        place.drive(players)
    assert refusal.value.message.startswith(f"What you changed in {worktree} cannot be committed: ")
    (worktree / "away").unlink()
    (worktree / "x").write_text("mine\n")
    assert place.drive(players) is RunStatus.DONE
    assert git(place.root, "show", "dispatch/r:x") == "mine"


def test_a_later_repair_of_the_task_below_leaves_his_commit_his(tmp_path: Path) -> None:
    """Made again on top of the repaired commit, by the same author, with the same change."""
    place = a_place(tmp_path, ACCEPTED, {"new": "n\n"})
    players = crew()
    assert place.drive(players) is RunStatus.DONE
    ports = place.ports(players, place.store())
    links = asyncio.run(chain_from(ports, 1))
    run, repository = place.run, ports.repository
    assert [(each.task_id, each.edit, each.level) for each in links] == [
        ("1a-x", None, 1),
        (None, 0, 1),
        ("2a-y", None, 2),
    ]
    tip = run.level_boundaries["3"]
    worktree = repository.ensure_worktree("repair", tip, None)
    (worktree / "x").write_text("repaired\n")
    tree = repository.snapshot(worktree, tip).tree
    commit = repository.commit(tree, tip, "repair", run.identity, TIME)
    repair = Repair(task_id="1a-x", level=2, fix=0, commit=commit, message="repair", time=TIME)
    rebuilt = rebuild(repository, run.identity, run.level_boundaries["1"], links, [repair])
    assert rebuilt.folded
    his = rebuilt.links[1].commit
    assert his not in (None, run.operator_edits[0].commit_sha)
    store = place.folder / "git"
    assert git(store, "show", "-s", "--format=%an %s", his or "") == "Olga Say it in one line"
    assert git(store, "diff-tree", "--name-only", "--no-commit-id", "-r", his or "") == "new"


@pytest.mark.parametrize(("name", "superseded"), [("new", ()), ("x", ("x",))])
def test_a_repair_after_verification_keeps_his_commit_and_says_which_lines_it_replaced(
    tmp_path: Path, name: str, superseded: tuple[str, ...]
) -> None:
    """Whether it is folded below his commit or comes on top of it, he is the author of his."""
    place = a_place(tmp_path, ACCEPTED, {name: "mine\n"})
    place.config_changes = {"verify_submissions": False}

    def mend(root: Path) -> None:
        (root / "broken").unlink()
        (root / "x").write_text("mended\n")

    found = tuple((blocking(f"wrong {number}"),) for number in range(1, 5))
    rounds = {f"1a-x.{number}": writes(x=f"x {number}\n") for number in range(1, 5)}
    mended = Work(edit=mend, files=("broken", "x"))
    players = ScenarioAgents(
        plans=[a_plan(planned("x"))],
        works={"1a-x": writes(x="x\n", broken="b\n")},
        rounds={"1a-x": found},
        fixes={**rounds, "1a-x.verification": mended},
    )
    assert place.drive(players) is RunStatus.DONE
    (edit,) = place.run.operator_edits
    assert edit.superseded_paths == superseded
    log = git(place.root, "log", "--format=%an %H", "main..dispatch/r").splitlines()
    assert f"Olga {edit.commit_sha}" in log
    assert git(place.root, "show", f"{edit.commit_sha}:{name}") == "mine"
    assert git(place.root, "show", "dispatch/r:x") == "mended"
    assert ("superseded by a later repair" in _report(place)) is bool(superseded)


def _report(place: Place) -> str:
    return (place.folder / "report.md").read_text()
