"""What vendors' programs printed once, and what it means: recordings with their expected values.

Beside each ``<name>.jsonl`` lies ``<name>.expected.json``: the events, how the process ended, and
what the attempt came to.  To record anew what is right, call ``expect`` and read the difference.
"""

import json
from pathlib import Path

import attrs

from dispatch.agents.executors.delegation import DelegationExecutor, Event, Exit
from dispatch.agents.executors.table import EXECUTORS

FOLDER = Path(__file__).parent.parent / "agents" / "executors" / "recorded"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.jsonl")))

JsonObject = dict[str, object]


def executor_of(name: str) -> DelegationExecutor:
    """Whose recording it is."""
    return EXECUTORS[name.partition("_")[0]]


def events(name: str) -> tuple[Event, ...]:
    """All that the lines of a recording mean."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(event for line in lines for event in executor_of(name).parse(line))


def expected(name: str) -> JsonObject:
    """What is expected of a recording."""
    document: JsonObject = json.loads(_place(name).read_text(encoding="utf-8"))
    return document


def found(name: str, ended: Exit) -> JsonObject:
    """What a recording means, as plain data, without what is as by default."""
    told = events(name)
    ending = executor_of(name).classify(ended, told, accepted=False)
    return {
        "events": [{"event": type(event).__name__, **_plain(event)} for event in told],
        "ended": _plain(ended),
        "ending": _plain(ending),
    }


def expect(name: str, ended: Exit) -> None:
    """Take what is found now for what is expected."""
    text = json.dumps(found(name, ended), indent=1, ensure_ascii=False)
    _place(name).write_text(f"{text}\n", encoding="utf-8")


def _place(name: str) -> Path:
    return FOLDER / f"{name}.expected.json"


def _plain(record: attrs.AttrsInstance) -> JsonObject:
    """An instance as a JSON object."""
    filled = attrs.asdict(
        record,
        filter=lambda field, value: (
            field.name != "unknown" and (field.default is attrs.NOTHING or value != field.default)
        ),
    )
    plain: JsonObject = json.loads(json.dumps(filled))
    return plain
