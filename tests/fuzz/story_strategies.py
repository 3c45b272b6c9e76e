"""Random stories: from one task to forty, and people of every kind; small and honest first."""

from typing import Final

from fakes.story import LIARS, LYING_CRITICS, LYING_FIXERS, LYING_GATES, Part, Story
from fakes.watched_ports import Effect, Kill, Side
from hypothesis import strategies as st

from dispatch.state.enums import AgentType, HubStrategy, Isolation, Verb, VerificationMode

MOST_TASKS: Final = 40
MOST_RACED: Final = 6  # tasks of a story with races
EVERYONE: Final = 64  # at work at once, so that what a failure leaves unstarted is no chance

_WORKS: Final = (*["honest"] * 4, *["shares"] * 3, *["breaks"] * 2, "idle", "crash", *LIARS)
_REPAIRS: Final = (*["honest"] * 5, *["idle"] * 3, *LYING_FIXERS)
_RULED: Final = ("accept", "accept", "reject", "escalate", "idle")
_VERBS: Final = (Verb.ACCEPT_WITH_NOTE, Verb.CONTINUE, Verb.FAIL_TASK, Verb.RETRY)


def kills(counts: dict[str, int]) -> st.SearchStrategy[Kill]:
    """A kill at any effect of a straight run, of which there were so many of each kind."""

    def of(effect: Effect) -> st.SearchStrategy[Kill]:
        number = st.integers(1, max(1, counts.get(effect, 0)))
        return st.builds(Kill, st.just(effect), number, st.sampled_from(Side))

    return st.sampled_from([each for each in Effect if counts.get(each)]).flatmap(of)


@st.composite
def stories(draw: st.DrawFn, most_tasks: int = MOST_TASKS) -> Story:
    """A plan, its people, and how it is worked on."""
    sizes = [st.integers(1, min(3, most_tasks)), st.integers(1, min(6, most_tasks))]
    # Many tasks take long: now and then will do.
    size = draw(st.integers(0, 15))
    count = draw(st.integers(1, most_tasks) if size == 15 else sizes[size > 10])
    # An answer that stops the run among siblings at work would make its end a matter of chance.
    alone = draw(st.booleans())
    verbs = (*_VERBS, Verb.ABORT) if alone else _VERBS
    names = tuple(f"n{number:02d}" for number in range(count))
    isolation = draw(st.sampled_from([Isolation.TASK, Isolation.TASK, Isolation.LEVEL]))
    races = [1, 1, 2, 3] if isolation is Isolation.TASK and count <= MOST_RACED else [1]
    return Story(
        parts=tuple(draw(_parts(name, names[:place])) for place, name in enumerate(names)),
        isolation=isolation,
        entrants=draw(st.sampled_from(races)),
        parallel=1 if alone else EVERYONE,
        mode=draw(st.sampled_from([VerificationMode.NO_NEW_FAILURES, *VerificationMode])),
        refused_plans=draw(st.sampled_from([0, 0, 0, 0, 0, 1, 2, 4])),
        planner=draw(st.sampled_from([*["honest"] * 9, "idle"])),
        gate=draw(st.sampled_from([*["honest"] * 8, "fails", *LYING_GATES])),
        attribution_runs=draw(st.sampled_from([24, 24, 0])),
        cause=draw(st.sampled_from(["task", "none"])),
        answers=tuple(draw(st.lists(st.sampled_from(verbs), min_size=1, max_size=4))),
        hub=draw(st.sampled_from([None, None, *HubStrategy])),
        edits=draw(st.sampled_from([False, False, True])),
        retries=draw(st.integers(0, 2)),
        sound_from=draw(st.sampled_from([1, 1, 2])),
    )


@st.composite
def _parts(draw: st.DrawFn, name: str, before: tuple[str, ...]) -> Part:
    depends_on = draw(st.lists(st.sampled_from(before), max_size=3, unique=True)) if before else []
    if draw(st.booleans()):
        return Part(name=name, depends_on=tuple(sorted(depends_on)))
    return Part(
        name=name,
        depends_on=tuple(sorted(depends_on)),
        agent_type=draw(st.sampled_from([AgentType.GENERAL, AgentType.GENERAL, *AgentType])),
        work=draw(st.sampled_from(_WORKS)),
        repents=draw(st.sampled_from([True, True, False])),
        deviations=tuple(
            draw(
                st.lists(
                    st.sampled_from(("minor", "moderate", "major")),
                    max_size=draw(st.integers(0, 2)),
                )
            )
        ),
        ruled=draw(st.sampled_from(_RULED)),
        blocked=draw(st.sampled_from([0, 0, 0, 1, 1, 2, 5])),
        critic=draw(st.sampled_from([*["honest"] * 8, "idle", *LYING_CRITICS])),
        gate_blocked=draw(st.sampled_from([0, 0, 0, 1, 4])),
        repair=draw(st.sampled_from(_REPAIRS)),
    )
