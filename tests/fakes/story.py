"""A whole run as a value: what every agent and the operator will do, by what they are asked alone.

A story says nothing of how often somebody is asked, so a run of it that is killed and one that is
not meet the same people.  The era counts the retries and pauses before: from ``sound_from`` on all
agents do honest work, so that what failed can be put right.
"""

import io
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import evolve, frozen
from fakes.casting import (
    MARKERS,
    Cast,
    Seat,
    Turns,
    a_task,
    blocking,
    called,
    gate_verdict,
    honest,
    ruling,
    shell,
    submitted,
    verdict,
    wrote,
)
from fakes.liars import CRITICS, FIX_AGENTS, GATE_CRITICS, IMPLEMENTERS, Liar

from dispatch.agents.scripted.script import Call, Reply
from dispatch.state.enums import AgentType, HubStrategy, Isolation, Role, Verb, VerificationMode
from dispatch.state.escalation_file import Reply as Word
from dispatch.state.escalation_file import write_reply
from dispatch.state.hubs import HubFile
from dispatch.state.judgements import Escalation
from dispatch.state.operator_channel import OperatorChannel
from dispatch.state.records import PlannedTask

SHARED: Final = "both.txt"
# Prints and fails for each file named errors-…; says nothing when there is none.
GATE: Final = 'cat errors-* 2>/dev/null; test -z "$(ls errors-* 2>/dev/null)"'
NOW: Final = "2026-01-01T00:00:00.000Z"
LIARS: Final[Mapping[str, Liar]] = {
    each.name: each
    for each in IMPLEMENTERS
    # Those that end by their words; what ends by time or takes megabytes is tried alone.
    if each.undo and "oversized" not in each.name
}
LYING_CRITICS: Final = {each.name: each for each in CRITICS}
LYING_GATES: Final = {each.name: each for each in GATE_CRITICS}
LYING_FIXERS: Final = {each.name: each for each in FIX_AGENTS}
_FALLBACK: Final = (Verb.ACCEPT_WITH_NOTE, Verb.FAIL_TASK, Verb.CONTINUE, Verb.RETRY, Verb.ABORT)
_MOST_RETRIES: Final = 6  # of a question's number; then the operator says something else
_FAILURES: Final = re.compile(r"^- (bf-[0-9a-f]{12}).*?^error: (\w+)$", re.MULTILINE | re.DOTALL)
_NUMBER: Final = re.compile(r"\b\d+\b")
_TASKS: Final = re.compile(r"^# Task (\S+)", re.MULTILINE)
_JOINT: Final = re.compile(r"^- `conflict-\d+`, blocking, in `([^`]+)`", re.MULTILINE)


@frozen(kw_only=True)
class Part:
    """One task, and who has to do with it.

    ``work`` is ``honest``, ``shares`` (a file that others write, too), ``breaks`` (the build gate),
    ``idle`` (nothing is handed in), ``crash`` (its provider is down) or the name of a liar, who
    repents when told if ``repents``.  ``blocked`` and ``gate_blocked`` are the rounds in which its
    critic, or the gate critic, blocks it; ``repair`` is ``honest``, ``idle`` or a liar's name.
    """

    name: str
    depends_on: tuple[str, ...] = ()
    agent_type: AgentType = AgentType.GENERAL
    work: str = "honest"
    repents: bool = True
    deviations: tuple[str, ...] = ()  # severities
    ruled: str = "accept"
    blocked: int = 0
    critic: str = "honest"  # or idle, or a liar's name, who repents
    gate_blocked: int = 0
    repair: str = "honest"

    @property
    def task(self) -> PlannedTask:
        """As the planner proposes it."""
        changes: dict[str, object] = {
            "agent_type": self.agent_type,
            "critique_enabled": self.agent_type is AgentType.GENERAL,
        }
        if self.agent_type is AgentType.EXPLORE:
            changes["verify_commands"] = ("test -d .",)
        return a_task(self.name, *self.depends_on, **changes)


@frozen(kw_only=True)
class Story:
    """``answers`` are the operator's words; ``retries`` is how often a failed run is retried.

    ``refused_plans`` is how many plans the plan gate refuses.  ``gate`` is the gate critic:
    ``honest``, ``fails`` (every level, in era 0), or a liar's name, who repents.
    """

    parts: tuple[Part, ...]
    isolation: Isolation = Isolation.TASK
    parallel: int = 8
    mode: VerificationMode = VerificationMode.NO_NEW_FAILURES
    refused_plans: int = 0
    planner: str = "honest"  # or idle
    gate: str = "honest"
    attribution_runs: int = 24
    cause: str = "none"  # what the attribution agent says where it has to be asked
    answers: tuple[Verb, ...] = (Verb.ACCEPT_WITH_NOTE,)
    hub: HubStrategy | None = None  # how the file is joined that is shared
    edits: bool = False  # the operator changes a file where a worktree is left to him
    retries: int = 0
    entrants: int = 1  # of the race of each task, where each has a tree of its own
    sound_from: int = 1

    @property
    def hub_files(self) -> tuple[HubFile, ...]:
        """The rule for the shared file, if there is one."""
        if self.hub is None:
            return ()
        command = f"ls *.txt > {SHARED}" if self.hub is HubStrategy.REGENERATE else None
        return (HubFile(glob=SHARED, strategy=self.hub, command=command),)

    def cast(self, era: int) -> Cast:
        """Everybody, as they are after so many retries and pauses."""
        return Cast(
            plan=tuple(part.task for part in self.parts),
            parts=_Players(self, sound=era >= self.sound_from).parts(),
            mode=self.mode.value,
        )


class Decided(OperatorChannel):
    """The real way to the operator, who fills in each question's file as soon as it is there."""

    def __init__(self, folder: Path, story: Story) -> None:
        super().__init__(folder, stream=io.StringIO(), now=lambda: NOW)
        self._story = story

    def announce(self, escalation: Escalation) -> None:
        """Ask, and answer."""
        super().announce(escalation)
        worktree = escalation.details.get("worktree")
        if self._story.edits and isinstance(worktree, str):
            (Path(worktree) / "mine.txt").write_text(f"{escalation.id}\n", encoding="utf-8")
        write_reply(self._folder, escalation, Word(word(self._story, escalation), "as agreed"))


def word(story: Story, escalation: Escalation) -> Verb:
    """What the operator says to a question: by what it is about and its number alone."""
    numbers = _NUMBER.findall(escalation.id)
    stem, number = _NUMBER.sub("", escalation.id), int(numbers[-1]) if numbers else 0
    chosen = story.answers[(zlib.crc32(stem.encode()) + number) % len(story.answers)]
    if chosen is Verb.RETRY and number >= _MOST_RETRIES:
        chosen = Verb.ACCEPT_WITH_NOTE
    return next(each for each in (chosen, *_FALLBACK) if each in escalation.allowed)


class _Players:
    """Who answers for whom."""

    def __init__(self, story: Story, *, sound: bool) -> None:
        self._story = story
        self._by_name = {part.name: part for part in story.parts}
        self._sound = sound

    def parts(self) -> dict[str, Turns]:
        """By role."""
        parts: dict[str, Turns] = {
            Role.IMPLEMENTER: self._implement,
            Role.CRITIC: self._critique,
            Role.GATE_CRITIC: self._judge,
            Role.GREYBEARD: self._rule,
            Role.FIX_AGENT: self._repair,
            Role.ATTRIBUTION: self._explain,
        }
        if self._story.planner == "idle" and not self._sound:
            parts[Role.PLANNER] = _idle
        return {str(role): turns for role, turns in parts.items()}

    def _implement(self, seat: Seat) -> tuple[Reply, ...]:
        part = self._by_name[seat.name]
        work = "honest" if self._sound and part.work not in ("shares", "breaks") else part.work
        if part.agent_type is AgentType.EXPLORE:
            return (called(submitted(deviations=_deviations(part))),)
        match work:
            case "honest":
                return _done(seat, part)
            case "shares":
                return _done(seat, part, (shell(f"echo {seat.name} >> {SHARED}"), SHARED))
            case "breaks":
                name = f"errors-{seat.name}"
                return _done(seat, part, (wrote(name, f"error: {seat.name}\n"), name))
            case "idle":
                return _idle(seat)
            case "crash":
                return (Reply(status=401, error="no such key", error_type="auth"),)
        return LIARS[work].repents(seat) if part.repents else LIARS[work].lies(seat)

    def _critique(self, seat: Seat) -> tuple[Reply, ...]:
        part = self._by_name[seat.name]
        if not self._sound:
            if part.critic == "idle":
                return _idle(seat)
            if part.critic != "honest":
                return LYING_CRITICS[part.critic].repents(seat)
        if seat.round <= part.blocked:
            return (called(verdict(seat, "amend", blocking(f"f{seat.round}"))),)
        return honest(seat)

    def _judge(self, seat: Seat) -> tuple[Reply, ...]:
        gate = "honest" if self._sound else self._story.gate
        mine = {each for each in seat.judged if self._by_name[_name(each)].gate_blocked}
        mine = {each for each in mine if seat.round <= self._by_name[_name(each)].gate_blocked}
        if gate == "fails":
            return (called(_gate(seat, "fail", set(seat.judged[:1]))),)
        turns = (called(_gate(seat, "amend", mine)),) if mine else honest(seat)
        return turns if gate == "honest" else (*LYING_GATES[gate].lies(seat), *turns)

    def _rule(self, seat: Seat) -> tuple[Reply, ...]:
        part = self._by_name[seat.name]
        if part.ruled == "idle" and not self._sound:
            return _idle(seat)
        return (called(ruling(seat, "accept" if self._sound else part.ruled)),)

    def _repair(self, seat: Seat) -> tuple[Reply, ...]:
        part = self._by_name[seat.name]
        if part.repair == "idle" and not self._sound:
            return _idle(seat)
        if "The build gate is worse" in seat.seed:
            errors = f"errors-{seat.name}"
            turns: tuple[Reply, ...] = (called(shell(f"rm -f {errors}"), submitted(errors)),)
        elif "conflict markers" in seat.seed:
            paths = sorted(set(_JOINT.findall(seat.seed)))
            turns = (called(shell(f"sed -i -E '{MARKERS}' {' '.join(paths)}"), submitted(*paths)),)
        else:
            more = shell(f"echo 'repaired {seat.round}' >> {seat.file}")
            turns = (called(more, submitted(seat.file)),)
        if part.repair in LYING_FIXERS and not self._sound:
            return (*LYING_FIXERS[part.repair].lies(seat), called(_UNDO), *turns)
        return turns

    def _explain(self, seat: Seat) -> tuple[Reply, ...]:
        tasks = {_name(each): each for each in _TASKS.findall(seat.seed)}
        calls = []
        for failure_id, name in dict(_FAILURES.findall(seat.seed)).items():
            blames = self._story.cause == "task" and name in tasks
            arguments = {
                "failureId": failure_id,
                "cause": "task" if blames else "none",
                "taskIds": (tasks[name],) if blames else (),
                "reason": "So.",
            }
            calls.append(Call(name="recordAttribution", arguments=arguments))
        return (called(*calls, Call(name="finalizeAttribution", arguments={})),)


def _done(seat: Seat, part: Part, *more: tuple[Call, str]) -> tuple[Reply, ...]:
    """Honest work in two turns, so that a kill can fall between them."""
    own = wrote(seat.file, f"{seat.name}\n")
    claim = submitted(
        seat.file, *(path for _, path in more), deviations=_deviations(part), notes="As planned."
    )
    return (called(own, *(call for call, _ in more)), called(claim))


def _deviations(part: Part) -> tuple[Mapping[str, object], ...]:
    return tuple(
        {
            "severity": severity,
            "category": "other",
            "description": f"Something else, {severity}.",
            "affectedFiles": (),
        }
        for severity in part.deviations
    )


def _gate(seat: Seat, status: str, blocked: set[str]) -> Call:
    finding = blocking(f"g{seat.round}")
    tasks = {
        each: {
            "status": "amend" if each in blocked or each in seat.blocked else "pass",
            "findings": (finding,) if each in blocked else (),
        }
        for each in seat.judged
    }
    return gate_verdict(seat, status, perTask=tasks)


def _idle(seat: Seat) -> tuple[Reply, ...]:
    return (Reply(text="It is done."),)


def _name(task_id: str) -> str:
    return task_id.partition("-")[2]


_UNDO: Final = shell("git checkout -q -- . ; rm -f rogue*")


def short(plan: tuple[PlannedTask, ...]) -> tuple[PlannedTask, ...]:
    """A plan that the plan gate refuses: nobody could carry it out."""
    return tuple(evolve(each, plan_markdown="Do it.") for each in plan)
