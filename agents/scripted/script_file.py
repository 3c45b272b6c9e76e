"""Scripts as YAML files; the format is described in the package's docstring."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from ...state.errors import UsageError
from ...state.yaml_text import decode, loads
from .script import Call, Drip, Reply, Rule, Script, ScriptError, Tokens, When

T = TypeVar("T")

ANY = "any"  # times
NONE = "none"  # usage


def read_script(path: Path) -> Script:
    """The script in a file; raises UsageError for a file that cannot be read or is no script."""
    try:
        data = loads(decode(path.read_bytes()))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{path}: cannot be read as a script: {why}.") from error
    return script_from(data, str(path))


def script_from(data: object, where: str) -> Script:
    """The script that plain data describe; ``where`` names it in errors; raises UsageError."""
    rules = _Node(data, where).child("rules")
    if rules is None:
        raise UsageError(f"{where}: there are no rules.", "Give a list under 'rules'.")
    try:
        return Script(_rule(node) for node in rules.items())
    except ScriptError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None


def _rule(node: "_Node") -> Rule:
    node.only("name", "when", "times", "held", "reply")
    when, reply, times = node.child("when"), node.child("reply"), node.child("times")
    return Rule(
        name=node.get("name", str, ""),
        when=_when(when) if when else When(),
        reply=_reply(reply) if reply else Reply(),
        held=node.get("held", bool, False),
        times=None if times and times.value == ANY else node.get("times", int, 1),
    )


def _when(node: "_Node") -> When:
    node.only("tool", "turn", "model", "contains", "last_contains")
    return When(
        tool=node.maybe("tool", str),
        turn=node.maybe("turn", int),
        model=node.maybe("model", str),
        contains=node.texts("contains"),
        last_contains=node.texts("last_contains"),
    )


def _reply(node: "_Node") -> Reply:
    node.only(
        "text",
        "thinking",
        "signature",
        "calls",
        "usage",
        "finish",
        "status",
        "error",
        "error_type",
        "headers",
        "cut",
        "drip",
    )
    plain = Reply()
    calls, usage, drip = node.child("calls"), node.child("usage"), node.child("drip")
    headers = node.child("headers")
    return Reply(
        text=node.get("text", str, ""),
        thinking=node.get("thinking", str, ""),
        signature=node.get("signature", str, plain.signature),
        calls=tuple(_call(call) for call in calls.items()) if calls else (),
        usage=_usage(usage) if usage else plain.usage,
        finish=node.get("finish", str, ""),
        status=node.get("status", int, plain.status),
        error=node.get("error", str, ""),
        error_type=node.get("error_type", str, plain.error_type),
        headers={k: str(v) for k, v in headers.mapping().items()} if headers else {},
        cut=node.maybe("cut", int),
        drip=_drip(drip) if drip else None,
    )


def _call(node: "_Node") -> Call:
    node.only("name", "arguments", "id")
    arguments = node.child("arguments")
    if arguments is None:
        given: Mapping[str, object] | str = {}
    else:
        given = arguments.value if isinstance(arguments.value, str) else arguments.mapping()
    return Call(name=node.get("name", str, ""), arguments=given, id=node.get("id", str, ""))


def _usage(node: "_Node") -> Tokens | None:
    if node.value == NONE:
        return None
    node.only("input", "output", "cached", "usd")
    plain = Tokens()
    return Tokens(
        input=node.get("input", int, plain.input),
        output=node.get("output", int, plain.output),
        cached=node.get("cached", int, plain.cached),
        usd=None if node.mapping().get("usd", 0) is None else node.number("usd", 0.0),
    )


def _drip(node: "_Node") -> Drip:
    node.only("bytes", "seconds")
    return Drip(bytes=max(1, node.get("bytes", int, 1)), seconds=node.number("seconds", 0.0))


class _Node:
    """A value and where it stands in the file; a wrong shape is a UsageError that says where."""

    def __init__(self, value: object, where: str) -> None:
        self.value = value
        self.where = where

    def mapping(self) -> Mapping[str, object]:
        """The value as a mapping."""
        if not isinstance(self.value, Mapping):
            raise UsageError(f"{self.where}: {self.value!r} is not a mapping.")
        return self.value

    def only(self, *known: str) -> None:
        """Refuse keys that mean nothing."""
        for key in self.mapping():
            if key not in known:
                raise UsageError(f"{self.where}: unknown key {key!r}.", f"Known: {known}.")

    def child(self, key: str) -> "_Node | None":
        """The value under a key; null when it is not given."""
        value = self.mapping().get(key)
        return None if value is None else _Node(value, f"{self.where}: {key}")

    def items(self) -> "list[_Node]":
        """The elements of a list."""
        if not isinstance(self.value, list | tuple):
            raise UsageError(f"{self.where}: {self.value!r} is not a list.")
        return [_Node(item, f"{self.where}[{place}]") for place, item in enumerate(self.value)]

    def get(self, key: str, kind: type[T], default: T) -> T:
        """The value under a key, which must be of a kind."""
        value = self.maybe(key, kind)
        return default if value is None else value

    def maybe(self, key: str, kind: type[T]) -> T | None:
        """The value under a key, which must be of a kind; null when it is not given."""
        node = self.child(key)
        if node is None:
            return None
        if not isinstance(node.value, kind) or (kind is int and isinstance(node.value, bool)):
            raise UsageError(f"{node.where}: {node.value!r} is not of type {kind.__name__}.")
        return node.value

    def number(self, key: str, default: float) -> float:
        """The number under a key."""
        value = self.mapping().get(key, default)
        if isinstance(value, int):
            return float(value)
        return self.get(key, float, default)

    def texts(self, key: str) -> tuple[str, ...]:
        """One text or a list of texts under a key."""
        node = self.child(key)
        if node is None:
            return ()
        if isinstance(node.value, str):
            return (node.value,)
        return tuple(str(item.value) for item in node.items())
