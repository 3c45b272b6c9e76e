"""What a scripted model answers and to whom: each request is met by exactly one rule."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Literal

from attrs import define, field, frozen

from ...state.errors import DispatchError
from ..sentences import CUT_OFF

SHOWN_TEXT = 160  # characters of a request's last message in an error
SHOWN_RULES = 12  # names of rules in an error


class ScriptError(DispatchError):
    """A script and the requests it met do not fit together."""


@frozen(kw_only=True)
class Said:
    """One message of a conversation, the same for every wire; a tool's reply has role ``tool``."""

    role: Literal["user", "assistant", "tool"]
    text: str


@frozen(kw_only=True)
class Request:
    """One request in normal form; ``raw`` is the body as it came (empty inside the process)."""

    wire: str  # as in ``wires``, or "process"
    model: str
    system: str
    messages: tuple[Said, ...]
    tools: tuple[str, ...]
    headers: Mapping[str, str] = field(factory=dict)
    raw: Mapping[str, object] = field(factory=dict, repr=False)

    @property
    def turn(self) -> int:
        """How many assistant messages came before; one whose calls were cut off is said again."""
        cut_off = sum(
            before.role == "assistant" and CUT_OFF in after.text
            for before, after in pairwise(self.messages)
        )
        return self.turns_said - cut_off

    @property
    def turns_said(self) -> int:
        """How many assistant messages came before, all of them."""
        return sum(message.role == "assistant" for message in self.messages)

    @property
    def text(self) -> str:
        """All that was said, one message a line."""
        return "\n".join(message.text for message in self.messages)

    @property
    def first(self) -> str:
        """The first user message."""
        return next((message.text for message in self.messages if message.role == "user"), "")

    @property
    def last(self) -> str:
        """The last message, whoever's it is."""
        return self.messages[-1].text if self.messages else ""


@frozen(kw_only=True)
class When:
    """A predicate made of data: all that is given must hold."""

    tool: str | None = None
    turn: int | None = None
    model: str | None = None
    contains: tuple[str, ...] = ()
    last_contains: tuple[str, ...] = ()

    def __call__(self, request: Request) -> bool:
        """Whether the request is the one meant."""
        return (
            (self.tool is None or self.tool in request.tools)
            and (self.turn is None or self.turn == request.turn)
            and (self.model is None or self.model == request.model)
            and all(part in request.first for part in self.contains)
            and all(part in request.last for part in self.last_contains)
        )


@frozen(kw_only=True)
class Call:
    """A tool call; arguments given as text are sent as they are, also when they are not JSON."""

    name: str
    arguments: Mapping[str, object] | str = field(factory=dict)
    id: str = ""  # empty: made from the turn and the place in the message


@frozen(kw_only=True)
class Tokens:
    """What a reply says it used; ``input`` includes ``cached``, ``usd`` is for the process only."""

    input: int = 10
    output: int = 5
    cached: int = 0
    usd: float | None = 0.0


@frozen(kw_only=True)
class Drip:
    """Send so many bytes at a time with a pause before each."""

    bytes: int
    seconds: float


@frozen(kw_only=True)
class Reply:
    """One answer, or a fault; the package's docstring explains each field.

    Nothing given: an empty answer.  A very long ``text`` is a huge one.
    """

    text: str = ""
    thinking: str = ""
    signature: str = "c2lnbmVk"  # of the thinking, on the anthropic wire
    calls: tuple[Call, ...] = ()
    usage: Tokens | None = field(factory=Tokens)
    finish: str = ""
    status: int = 200
    error: str = ""
    error_type: str = "api_error"
    headers: Mapping[str, str] = field(factory=dict)
    cut: int | None = None
    drip: Drip | None = None


@define(eq=False, kw_only=True)
class Rule:
    """Which requests get which reply; ``seen`` is set by the first, ``go`` lets a held one go."""

    name: str
    when: Callable[[Request], bool]
    reply: Reply | Callable[[Request], Reply]
    held: bool = False
    times: int | None = 1  # None: as often as asked
    requests: list[Request] = field(factory=list, init=False, repr=False)
    seen: asyncio.Event = field(factory=asyncio.Event, init=False, repr=False)
    go: asyncio.Event = field(factory=asyncio.Event, init=False, repr=False)

    @property
    def is_used_up(self) -> bool:
        """Whether it may answer no more."""
        return self.times is not None and len(self.requests) >= self.times

    @property
    def is_unplayed(self) -> bool:
        """Whether it should have answered more often than it did."""
        return self.times is not None and len(self.requests) < self.times


class Script:
    """Rules, and what became of them."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._rules: dict[str, Rule] = {}
        self._strays: list[str] = []
        for rule in rules:
            self.add(rule)

    def on(
        self,
        name: str,
        when: Callable[[Request], bool],
        reply: Reply | Callable[[Request], Reply],
        *,
        held: bool = False,
        times: int | None = 1,
    ) -> Rule:
        """Add a rule and return it."""
        return self.add(Rule(name=name, when=when, reply=reply, held=held, times=times))

    def add(self, rule: Rule) -> Rule:
        """Add a rule; raises ScriptError when its name is taken."""
        if rule.name in self._rules:
            raise ScriptError(f"Two rules are named {rule.name!r}.", "Rename one of them.")
        self._rules[rule.name] = rule
        return rule

    def rule(self, name: str) -> Rule:
        """The rule of that name; raises ScriptError when there is none."""
        if name not in self._rules:
            raise ScriptError(f"No rule is named {name!r}.", f"There are {_names(self._rules)}.")
        return self._rules[name]

    def usages(self) -> tuple[Tokens | None, ...]:
        """What the answers that are written down say they use."""
        rules = self._rules.values()
        return tuple(rule.reply.usage for rule in rules if isinstance(rule.reply, Reply))

    async def play(self, request: Request) -> Reply:
        """The reply to a request, once its rule lets it go; raises ScriptError for 0 or 2 rules."""
        matching = [
            rule for rule in self._rules.values() if not rule.is_used_up and rule.when(request)
        ]
        if len(matching) != 1:
            stray = self._explain(request, matching)
            self._strays.append(stray)
            raise ScriptError(stray)
        (rule,) = matching
        rule.requests.append(request)
        rule.seen.set()
        if rule.held:
            await rule.go.wait()
        return rule.reply if isinstance(rule.reply, Reply) else rule.reply(request)

    def problems(self) -> tuple[str, ...]:
        """Requests that no single rule met, and rules that were not played, one sentence each."""
        unplayed = [rule for rule in self._rules.values() if rule.is_unplayed]
        return (
            *self._strays,
            *(
                f"Rule {rule.name!r} was played {len(rule.requests)} of {rule.times} times."
                for rule in unplayed
            ),
        )

    def check(self) -> None:
        """Raise ScriptError unless every request was met and every rule was played."""
        if problems := self.problems():
            raise ScriptError("\n".join(problems))

    def _explain(self, request: Request, matching: list[Rule]) -> str:
        if matching:
            why = f"{len(matching)} rules match: {_names(rule.name for rule in matching)}"
        else:
            open_rules = [rule.name for rule in self._rules.values() if not rule.is_used_up]
            why = f"no rule matches; not used up: {_names(open_rules)}"
        return (
            f"{why}. The request: model {request.model}, turn {request.turn}, "
            f"tools {_names(request.tools)}, last message {request.last[-SHOWN_TEXT:]!r}."
        )


def _names(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - SHOWN_RULES} more" if len(listed) > SHOWN_RULES else ""
    return (", ".join(listed[:SHOWN_RULES]) or "none") + more
