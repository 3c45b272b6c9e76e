"""Questions whether a repair is tried once more: the same ones, whoever was killed before."""

from pathlib import Path
from typing import Any

from attrs import define
from fakes.run_harness import Killed, Place, ScriptedOperator
from fakes.scenario_agents import ScenarioAgents, a_plan, blocking, planned, writes

from dispatch.state.enums import AttemptOutcome, RunStatus
from dispatch.state.jobs import Job, Result

FIX = "1a-x.fixAgent"


@define(kw_only=True)
class Dying(ScenarioAgents):
    """Agents of which the first fix agent dies with the process, once."""

    died: bool = False

    async def run(self, job: Job[Any]) -> Result[Any]:
        """Play on, or be killed."""
        if job.attempt.id == f"{FIX}.1" and not self.died:
            self.died = True
            raise Killed
        return await super().run(job)


def test_a_question_has_the_same_name_however_many_fix_agents_were_killed_before_it(
    tmp_path: Path,
) -> None:
    """[RS-12] It counted attempts, so that a killed one made it another question."""
    asked = []
    for kind in (ScenarioAgents, Dying):
        place = Place(tmp_path / kind.__name__)
        place.set_up()
        place.operator = ScriptedOperator(["retry", "accept-with-note"])
        agents = kind(
            plans=[a_plan(planned("x"))],
            works={"1a-x": writes(x="x\n")},
            rounds={"1a-x": ((blocking(),),)},
            broken={f"{FIX}.{number}": AttemptOutcome.TURN_LIMIT for number in range(1, 9)},
        )
        assert place.drive(agents) is (None if kind is Dying else RunStatus.DONE)
        assert place.drive(agents) is RunStatus.DONE
        asked.append([each.id for each in place.run.escalations])
    assert asked == [["1a-x-critique-1", "1a-x-critique-2"]] * 2
