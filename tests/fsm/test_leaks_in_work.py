"""Work that brings in a secret of the operator's never becomes a commit."""

from pathlib import Path

from fakes.run_harness import Place, git
from fakes.scenario_agents import ScenarioAgents, a_plan, planned, writes

from dispatch.state.enums import AttemptOutcome, RunStatus
from dispatch.state.redact import Redactor

SECRET = "swordfish-9000"


def test_it_is_refused_before_it_is_kept_anywhere(tmp_path: Path) -> None:
    """Not even as what was submitted; the work is kept for its owner, as all that fails is."""
    place = Place(tmp_path / "repository", redactor=Redactor((SECRET,)))
    place.set_up()
    players = ScenarioAgents(
        plans=[a_plan(planned("x"))], works={"1a-x": writes(x=f"key = {SECRET}\n")}
    )
    assert place.drive(players) is RunStatus.FAILED
    assert {attempt.outcome for attempt in place.run.tasks[0].attempts} == {
        AttemptOutcome.REFUSED_CLAIM
    }
    ((problem,),) = set(players.refused.values())
    assert problem.startswith("x holds a secret of the operator's")
    refs = git(place.folder / "git", "for-each-ref", "--format=%(refname)").split()
    assert not [ref for ref in refs if "submitted" in ref]
    published = git(place.root, "log", "--branches", "--tags", "-p")
    assert SECRET not in published
