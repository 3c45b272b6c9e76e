"""``dispatch schema``: what ``dispatch-config.yaml`` may hold, for editors and for people."""

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Final

from ..state.errors import ExitCode, UsageError
from ..state.event_types import event_schema, events_table
from .config_reference import as_manual, as_markdown
from .settings import config_schema


def run(args: Namespace) -> int:
    """Print it in the format that was asked for."""
    formats = _FORMATS[args.of]
    if args.format not in formats:
        raise UsageError(
            f"There is no {args.format} of {args.of}.", f"There is: {', '.join(formats)}."
        )
    print(formats[args.format]())
    return ExitCode.DONE


def schema_text() -> str:
    """The JSON schema, without the final newline."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False)


def _event_schema_text() -> str:
    return json.dumps(event_schema(), indent=2, ensure_ascii=False)


_FORMATS: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "config": {"json": schema_text, "md": as_markdown, "man": as_manual},
    "events": {"json": _event_schema_text, "md": events_table},
}
