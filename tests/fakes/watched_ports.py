"""A run's ports, watched from outside: each effect is noted, and one may be a process's last deed.

Nothing in the program knows of this: the ports are what it is given.  A kill is SIGKILL, so that
no ``finally`` and no thread goes on; what is told survives in the witness's file.
"""

import asyncio
import inspect
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from attrs import define, evolve, field, frozen

from dispatch.agents.model import AssistantMessage, Delta, ModelClient, ModelRequest
from dispatch.fsm.ports import Ports
from dispatch.state.records import Run
from dispatch.state.work import Usage


class Effect(StrEnum):
    """What a run does to the world."""

    SAVE = "save"
    GIT = "git"
    PUBLICATION = "publication"
    COMMAND = "command"
    AGENT = "agent"
    TURN = "turn"
    OPERATOR = "operator"
    JOURNAL = "journal"


class Side(StrEnum):
    """Where a kill falls; ``during`` is as ``after`` for what cannot be cut in two from here."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@frozen
class Kill:
    """The ``number``-th effect of a kind in a process, counted from 1."""

    effect: Effect
    number: int
    side: Side


# What only looks is no effect.
READS: Final = frozenset(
    {
        "tip",
        "existing_worktree",
        "is_ancestor",
        "tree_of",
        "changes",
        "content",
        "hooks_folder",
        "patch",
        "diff",
        "commits_between",
        "unreachable",
        "user_identity",
        "executor_and_model",
        "fingerprint",
        "sandbox",
    }
)
PUBLISHED: Final = frozenset({"publish", "publish_ref"})
MOST_AGENTS: Final = 1000
# Bounds on what the scripted models say they used; the ledger takes the worst of a lost turn.
WORST: Final = Usage(turns=1, input_tokens=100_000, output_tokens=1_000, cost_usd=1.0)


@define
class Witness:
    """Keeps what happened in a file beside the run, one JSON object a line, and kills."""

    path: Path
    kill: Kill | None = None
    counts: Counter[Effect] = field(factory=Counter)
    _lock: threading.Lock = field(factory=threading.Lock)

    def tell(self, **what: object) -> None:
        """One line more; whole, whoever is killed when."""
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{json.dumps(what)}\n".encode())
        finally:
            os.close(descriptor)

    def told(self, key: str) -> Iterator[Any]:
        """All that was told under a key, in order."""
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                what = json.loads(line)
                if key in what:
                    yield what[key]

    def reached(self, effect: Effect, name: str) -> Side | None:
        """Count an effect; where in it the process is to die."""
        with self._lock:
            self.counts[effect] += 1
            number = self.counts[effect]
        if self.counts[Effect.AGENT] > MOST_AGENTS:
            self.tell(error=f"after {MOST_AGENTS} agents in one process there is no end of it")
            os._exit(1 + len(Effect))
        kill = self.kill
        if kill is None or (kill.effect, kill.number) != (effect, number):
            return None
        if kill.side is Side.BEFORE:
            self.die(f"before {name}")
        return kill.side

    def die(self, where: str) -> None:
        """The last thing that this process does."""
        self.tell(killed=where)
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()

    def ended(self) -> None:
        """How often each kind of effect was reached."""
        self.tell(effects={str(effect): count for effect, count in self.counts.items()})


class Watched:
    """Anything whose methods are effects; what is not named in ``READS`` counts."""

    def __init__(self, inner: object, effect: Effect, witness: Witness) -> None:
        self._inner = inner
        self._effect = effect
        self._witness = witness

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if not callable(value) or name in READS or name.startswith("_"):
            return value
        effect = Effect.PUBLICATION if name in PUBLISHED else self._effect
        if inspect.iscoroutinefunction(value):
            return partial(_watched, self._witness, effect, name, value)
        return partial(_called, self._witness, effect, name, value)


@define
class WatchedStore:
    """A store that tells which statuses each save brings."""

    inner: Any
    witness: Witness

    @property
    def run(self) -> Run:
        """The document."""
        return cast(Run, self.inner.run)

    def update(self, change: Callable[[Run], Run]) -> Run:
        """Save it, and tell."""
        before = self.inner.run
        side = self.witness.reached(Effect.SAVE, "a save")
        # Told first: a status that a killed process saved must not go unseen.
        after = self.inner.update(lambda run: self._told(before, change(run)))
        if side is not None:
            self.witness.die("after a save")
        return cast(Run, after)

    def _told(self, before: Run, after: Run) -> Run:
        if (moves := moved(before, after)) is not None:
            self.witness.tell(moved=moves)
        return after


@define
class WatchedModel:
    """A model that counts each request it serves: turns, tokens in and out, and USD."""

    inner: ModelClient
    witness: Witness

    async def worst(self, request: ModelRequest, input_tokens: int) -> Usage:
        """More than any turn uses."""
        return WORST

    async def complete(
        self, request: ModelRequest, on_delta: Callable[[Delta], None]
    ) -> AssistantMessage:
        """One turn; paid for from the moment it is asked for."""
        side = self.witness.reached(Effect.TURN, f"a turn of the {request.model}")
        turn = await self.inner.complete(request, on_delta)  # one turned away costs nothing
        usage = Usage(
            turns=1,
            input_tokens=min(sum(map(_length, request.messages)), WORST.input_tokens),
            output_tokens=1 + 10 * len(turn.tool_calls),
            cost_usd=0.01 * len(request.messages),
        )
        self.witness.tell(served=[1, usage.input_tokens, usage.output_tokens, usage.cost_usd])
        if side is not None:
            self.witness.die(f"after a turn of the {request.model}")
        return evolve(turn, usage=usage)


def watched_ports(ports: Ports, witness: Witness) -> Ports:
    """The ports with every effect of theirs watched; the agents' own are ``watched_agents``."""
    return evolve(
        ports,
        store=WatchedStore(ports.store, witness),
        agents=cast(Any, Watched(ports.agents, Effect.AGENT, witness)),
        repository=cast(Any, Watched(ports.repository, Effect.GIT, witness)),
        commands=cast(Any, Watched(ports.commands, Effect.COMMAND, witness)),
        operator=cast(Any, Watched(ports.operator, Effect.OPERATOR, witness)),
        journal=cast(Any, Watched(ports.journal, Effect.JOURNAL, witness)),
    )


def moved(before: Run, after: Run) -> dict[str, list[str]] | None:
    """The statuses that differ, by task id, the run's under the empty name; null: none.

    A run that went through an event which leads back to its status moved, too.
    """
    found = {}
    if len(before.history) != len(after.history):
        entry = after.history[-1]
        found[""] = [entry.source.value, entry.event, entry.target.value]
    known = {task.id: task.status for task in before.tasks}
    for task in after.tasks:
        old = known.get(task.id)
        if old is not None and old is not task.status:
            found[task.id] = [old.value, task.status.value]
    return found or None


def _called(
    witness: Witness,
    effect: Effect,
    name: str,
    inner: Callable[..., Any],
    *args: Any,
    **kwargs: Any,
) -> Any:
    side = witness.reached(effect, name)
    value = inner(*args, **kwargs)
    if side is not None:
        witness.die(f"after {name}")
    return value


async def _watched(
    witness: Witness,
    effect: Effect,
    name: str,
    inner: Callable[..., Awaitable[Any]],
    *args: Any,
    **kwargs: Any,
) -> Any:
    side = witness.reached(effect, name)
    if side is not Side.DURING:
        value = await inner(*args, **kwargs)
        if side is not None:
            witness.die(f"after {name}")
        return value
    under_way = asyncio.ensure_future(inner(*args, **kwargs))
    await asyncio.wait({under_way}, timeout=_A_MOMENT)
    return witness.die(f"during {name}")


def _length(message: object) -> int:
    return len(str(message)) // 4


_A_MOMENT: Final = 0.005  # seconds: time for a command to start
