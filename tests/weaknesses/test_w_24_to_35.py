"""Questions, fresh conversations, kept verdicts and evidence, each held by one test."""

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fakes.agent_jobs import Desk, critique_job
from fakes.casting import Cast, Seat, a_task, blocking, called, verdict
from fakes.liars import CRITICS, GATE_CRITICS
from fakes.run_harness import Killed, Place, ScriptedOperator
from fakes.scenario_agents import (
    ScenarioAgents,
    Work,
    a_plan,
    planned,
    writes,
)
from fakes.scenario_agents import blocking as finding

from dispatch.agents.guidance import MAX_SHOWN_BYTES, MAX_TOTAL_BYTES, collect
from dispatch.agents.scripted.script import Reply
from dispatch.fsm.report_evidence import attempts_of
from dispatch.state.enums import AttemptOutcome, DeviationSeverity, RunStatus
from dispatch.state.errors import WaitingForOperator
from dispatch.state.escalation_file import Reply as Written
from dispatch.state.escalation_file import write_reply
from dispatch.state.jobs import CritiqueJob, FixJob, GateJob, Job, Result
from dispatch.state.operator_channel import OperatorChannel
from dispatch.state.work import BuildClaim

PAIR = a_plan(planned("x"), planned("y"))
BOTH = {"1a-x": writes(x="x\n"), "1b-y": writes(y="y\n")}
ONCE = {"1a-x": ((finding(),),)}
REPAIRED = {"1a-x": writes(x="x, repaired\n")}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A repository with one file."""
    place = Place(tmp_path / "repository")
    place.set_up()
    return place


def declares(work: Work, severity: DeviationSeverity) -> Work:
    """The same work, with a departure from its plan."""
    return Work(edit=work.edit, files=work.files, severities=(severity,))


def test_w_24_two_questions_at_once_have_a_file_each_and_keep_their_answers(place: Place) -> None:
    """[W-24] Told on stderr; an answer outlives a restart; more can be said than yes and no."""
    stream = io.StringIO()
    place.operator = OperatorChannel(
        place.folder, stream=stream, now=lambda: "2026-01-01T00:00:00.000Z", wait=False
    )
    works = {name: declares(work, DeviationSeverity.MAJOR) for name, work in BOTH.items()}
    players = ScenarioAgents(plans=[PAIR], works=works)
    with pytest.raises(WaitingForOperator):
        place.drive(players)
    names = ("1a-x-dev-1", "1b-y-dev-1")
    folder = place.folder / "escalations"
    assert sorted(path.stem for path in folder.glob("*.yaml")) == sorted(names)
    assert all(name in stream.getvalue() for name in names)
    first, second = (each for each in place.run.escalations)
    assert "accept-with-note" in first.allowed
    assert write_reply(place.folder, first, Written("accept-with-note", "as agreed")) is None
    answered = (folder / f"{first.id}.yaml").read_text(encoding="utf-8")
    with pytest.raises(WaitingForOperator):
        place.drive(players)  # takes the one answer, and does not write over it
    assert (folder / "answered" / f"{first.id}.yaml").read_text(encoding="utf-8") == answered
    assert write_reply(place.folder, second, Written("continue", "")) is None
    assert place.drive(players) is RunStatus.DONE
    verbs = [each.answer.verb for each in place.run.escalations if each.answer]
    assert verbs == ["accept-with-note", "continue"]


def test_w_25_every_attempt_has_a_folder_and_a_conversation_of_its_own(place: Place) -> None:
    """[W-25] A fresh agent, and the critic of a later round, begin with nothing but their seed."""

    def silent_once(seat: Seat) -> tuple[Reply, ...]:
        return (Reply(text="Nothing to say."),)

    def blocks_once(seat: Seat) -> tuple[Reply, ...]:
        found = ("amend", blocking()) if seat.round == 1 else ("pass",)
        return (called(verdict(seat, *found)),)

    plan = (a_task("x"), a_task("y"))
    parts = {"critic 1a-x": blocks_once, "implementer 1b-y": silent_once}
    cast = Cast(plan=plan, parts=parts)
    assert place.drive(cast.agents(place)) is RunStatus.FAILED
    attempts = list(attempts_of(place.run))
    folders = {path.name for path in (place.folder / "attempts").iterdir()}
    assert folders == {each.id for each in attempts}
    assert len(attempts) == len(folders)
    begun = [
        (seat.task_id, seat.round)
        for seat, request in cast.heard
        if seat.role == "critic" and len(request.messages) == 1
    ]
    assert begun == [("1a-x", 1), ("1a-x", 2)]
    fresh = [seat for seat, request in cast.heard if seat.task_id == "1b-y" and not request.turn]
    assert len(fresh) == 2


def test_w_26_a_level_has_one_gate_verdict_for_each_round(place: Place) -> None:
    """[W-26] Also when the run was killed between two rounds."""

    class Dies(ScenarioAgents):
        async def run(self, job: Job[Any]) -> Result[Any]:
            if isinstance(job, GateJob) and job.round == 2:
                raise Killed
            return await super().run(job)

    settings: dict[str, Any] = {"plans": [PAIR], "works": BOTH, "rounds": ONCE, "fixes": REPAIRED}
    assert place.drive(Dies(**settings)) is None
    assert place.drive(ScenarioAgents(**settings)) is RunStatus.DONE
    assert [(each.level, each.round) for each in place.run.gate_verdicts] == [(1, 1), (1, 2)]


def test_w_27_verdicts_and_repairs_are_kept_as_they_come(place: Place) -> None:
    """[W-27] Killed at each paid step of a review in turn: nobody who answered is asked again."""
    settings: dict[str, Any] = {"plans": [PAIR], "works": BOTH, "rounds": ONCE, "fixes": REPAIRED}

    steps = ((CritiqueJob, 1), (GateJob, 1), (FixJob, 1), (CritiqueJob, 2), (GateJob, 2))
    place.config_changes = {"max_parallel": 1}
    for kind, number in steps:

        class Dies(ScenarioAgents):
            fatal = (kind, number)
            left = 1 if kind is CritiqueJob else 0  # of the two critics, one still answers

            async def run(self, job: Job[Any]) -> Result[Any]:
                if isinstance(job, self.fatal[0]) and getattr(job, "round", 0) == self.fatal[1]:
                    self.left -= 1
                    if self.left < 0:
                        raise Killed
                return await super().run(job)

        assert place.drive(Dies(**settings)) is None, (kind, number)
    assert place.drive(ScenarioAgents(**settings)) is RunStatus.DONE
    attempts = [each for each in attempts_of(place.run) if each.outcome is AttemptOutcome.OK]
    assert len({each.id for each in attempts}) == len(attempts)
    roles = [each.role.value for each in attempts]
    # One implementer and two rounds of critique for each of the two, one repair.
    assert Counter(roles) == {
        "planner": 1,
        "implementer": 2,
        "critic": 4,
        "gateCritic": 2,
        "fixAgent": 1,
    }


def test_w_28_a_verdict_that_does_not_fit_is_answered_while_it_can_be_repaired(
    place: Place,
) -> None:
    """[W-28] All false verdicts one after the other, then the right one; only that is kept."""

    def lies(liars: Any) -> Any:
        told = [each for each in liars if each.outcome is AttemptOutcome.INVALID_OUTPUT]

        def turns(seat: Seat) -> tuple[Reply, ...]:
            return (*(each.lies(seat)[0] for each in told), *told[0].amends(seat))

        return turns, [each.told for each in told]

    (critic, critic_told), (gate, gate_told) = lies(CRITICS), lies(GATE_CRITICS)
    plan = (a_task("liar"), a_task("honest"))
    cast = Cast(plan=plan, parts={"critic 1a-liar": critic, "gateCritic": gate})
    assert place.drive(cast.agents(place)) is RunStatus.DONE
    for role, sentences in (("critic 1a-liar", critic_told), ("gateCritic", gate_told)):
        heard = cast.told(role)[1:]
        assert all(told in answer for told, answer in zip(sentences, heard, strict=True))
    assert [each.status for each in place.run.tasks[0].critique_verdicts] == ["pass"]
    assert [each.status for each in place.run.gate_verdicts] == ["pass"]


def test_w_29_evidence_decisions_and_answers_are_kept_and_shown(place: Place) -> None:
    """[W-29] Commands are run by us, decisions and answers recorded, files and report current."""
    place.operator = ScriptedOperator(["accept-with-note"])
    claim = BuildClaim(command="test -e x", exit_code=0, stdout_tail="")
    work = Work(
        edit=BOTH["1a-x"].edit,
        files=("x",),
        severities=(DeviationSeverity.MINOR, DeviationSeverity.MAJOR),
        builds=(claim,),
    )
    plan = a_plan(planned("x", verify_commands=("grep -q x x",)))
    fix = writes(x="x, repaired\n", more="m\n")
    players = ScenarioAgents(plans=[plan], works={"1a-x": work}, rounds=ONCE, fixes={"1a-x": fix})
    assert place.drive(players) is RunStatus.DONE
    (task,) = place.run.tasks
    assert task.evidence is not None
    ran = [(each.command, each.exit_code) for each in task.evidence.commands]
    assert ran == [("grep -q x x", 0)]
    assert task.evidence.builds == (claim,)
    first_submission = place.folder / "builds" / "1a-x.implementer.1" / "1"
    assert sorted(path.name for path in first_submission.iterdir()) == ["1.log", "2.log"]
    assert [(each.outcome, each.operator_answer) for each in task.decisions] == [
        ("accepted", None),
        ("accepted", "accept-with-note"),
    ]
    (question,) = place.run.escalations
    assert question.answer is not None
    assert question.answer.verb == "accept-with-note"
    output = (place.folder / "tasks" / "1a-x" / "output.yaml").read_text(encoding="utf-8")
    assert "more" in output
    assert (place.folder / "tasks" / "1a-x" / "verdict.yaml").is_file()
    report = (place.folder / "report.md").read_text(encoding="utf-8")
    for said in ("1a-x-dev-1", "1a-x-dev-2", "accept-with-note", "`grep -q x x`: exit 0"):
        assert said in report


def test_w_30_after_a_rebuild_reviewers_see_the_new_commits(place: Place) -> None:
    """[W-30] Diff, commits and what gitShow shows are those of the round."""
    shown: dict[int, list[str]] = {}

    class Looks(ScenarioAgents):
        async def run(self, job: Job[Any]) -> Result[Any]:
            if isinstance(job, GateJob):
                patches = [await job.show(job.commits[task.id]) for task in job.tasks]
                shown[job.round] = patches
            return await super().run(job)

    players = Looks(plans=[PAIR], works=BOTH, rounds=ONCE, fixes=REPAIRED)
    assert place.drive(players) is RunStatus.DONE
    diffs = [
        job.diff for job in players.jobs if isinstance(job, CritiqueJob) and job.task.id == "1a-x"
    ]
    assert ["+x, repaired" in diff for diff in diffs] == [False, True]
    assert ["+x, repaired" in shown[number][0] for number in (1, 2)] == [False, True]
    (fix,) = (job for job in players.jobs if isinstance(job, FixJob))
    assert "+x" in fix.diff


def test_w_35_what_a_repository_says_to_agents_is_bounded_and_its_own(tmp_path: Path) -> None:
    """[W-35] Sizes are cut, links stay inside, no skills cost no guide, critics are told, too."""
    root = tmp_path / "tree"
    (root / "src").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (root / "AGENTS.md").write_text("Be kind to the code.\n")
    (root / "CLAUDE.md").write_text("x" * (2 * MAX_SHOWN_BYTES))
    (root / "README.md").symlink_to("../secret")
    guidance = collect(root)
    text = guidance.render()
    assert "Be kind to the code." in text
    assert "secret" not in text.replace("'README.md' is outside", "")
    assert len(text.encode()) < MAX_TOTAL_BYTES
    assert [each.note.partition(":")[0] for each in guidance.files] == ["", "[cut"]
    assert "Be kind to the code." in Desk(critique_job(tmp_path)).session.seed
