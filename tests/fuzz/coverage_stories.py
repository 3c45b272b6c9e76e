"""Stories that together go every way there is through both tables, and the ways there are not."""

from collections.abc import Mapping
from typing import Final

from attrs import frozen
from fakes.mortal_run import Wrap
from fakes.planted_faults import failing_after
from fakes.story import Part, Story
from fuzz.lifecycle_walks import Pair

from dispatch.fsm.lifecycle import RUN_TABLE, WORKING
from dispatch.state.enums import AgentType, HubStrategy, Isolation, RunStatus, Verb


@frozen(kw_only=True)
class Told:
    """A story, and what is put around its ports."""

    story: Story
    wrap: Wrap = lambda ports: ports
    end: RunStatus = RunStatus.DONE


def _told(
    *parts: Part,
    wrap: Wrap = lambda ports: ports,
    end: RunStatus = RunStatus.DONE,
    **changes: object,
) -> Told:
    return Told(story=Story(parts=parts, **changes), wrap=wrap, end=end)  # type: ignore[arg-type]


def _run(row: str) -> str:
    return f"run: {row}"


def _task(row: str) -> str:
    return f"task: {row}"


_EVERY_RUN_ROW: Final = tuple(
    (move.event.value, move.target.value) for move in RUN_TABLE if move.target in WORKING
)

STORIES: Final[Mapping[str, Told]] = {
    "three levels, the first two amended": _told(
        Part(name="ash", blocked=2),
        Part(name="oak", agent_type=AgentType.INTERN, gate_blocked=1),
        Part(name="elm", depends_on=("ash",)),
        Part(name="fir", depends_on=("elm",), agent_type=AgentType.EXPLORE),
    ),
    "regressed again and again": _told(
        Part(name="ash", work="breaks", agent_type=AgentType.INTERN),
        attribution_runs=0,
        answers=(Verb.ACCEPT_WITH_NOTE, Verb.RETRY),
    ),
    "broken by a task with a critic, and one without": _told(
        Part(name="ash", work="breaks"),
        Part(name="elm", work="breaks", agent_type=AgentType.INTERN),
    ),
    "more plans refused than are allowed": _told(
        Part(name="ash"), refused_plans=4, retries=1, sound_from=2, end=RunStatus.FAILED
    ),
    "a plan that is good when it is looked at again": _told(
        Part(name="ash", agent_type=AgentType.EXPLORE),
        wrap=failing_after(("plan_submitted", "gating-plan")),
        retries=1,
    ),
    "failed tasks and their dependents, and once more": _told(
        Part(name="ash", work="idle"),
        Part(name="elm", depends_on=("ash",)),
        Part(name="oak", deviations=("moderate",), ruled="reject"),
        retries=2,
        sound_from=2,
    ),
    "a serialised file": _told(
        Part(name="ash", work="shares"),
        Part(name="elm", work="shares"),
        hub=HubStrategy.SERIALISE,
    ),
    # Where a tree is shared nobody goes on in it: a task that was cut off starts again.
    "paused in the middle": _told(Part(name="ash", work="crash"), isolation=Isolation.LEVEL),
    "whatever can fail fails once after every step": _told(
        Part(name="ash", work="breaks", agent_type=AgentType.INTERN),
        Part(name="elm", depends_on=("ash",), agent_type=AgentType.INTERN),
        wrap=failing_after(*_EVERY_RUN_ROW),
        refused_plans=1,
        retries=60,
        sound_from=90,
    ),
}

_BACK: Final = "a retry leads back to the state that the run failed in"
_BUILT_ON: Final = "its dependencies are completed, or it would not have started, and stay so"
IMPOSSIBLE: Final[Mapping[Pair, str]] = {
    **{
        (_run(f"{failed} failed failed"), _run(f"failed retried {other}")): _BACK
        for failed in WORKING
        for other in WORKING
        if other is not failed
    },
    (_task("running restarted pending"), _task("pending failed failed")): _BUILT_ON,
    (_task("submitted restarted pending"), _task("pending failed failed")): _BUILT_ON,
}
