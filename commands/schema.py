"""``dispatch schema``: what ``dispatch-config.yaml`` may hold, for editors and for people."""

import json
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Final

from ..state.errors import ExitCode
from .config_reference import as_manual, as_markdown
from .settings import config_schema


def run(args: Namespace) -> int:
    """Print it in the format that was asked for."""
    print(_FORMATS[args.format]())
    return ExitCode.DONE


def schema_text() -> str:
    """The JSON schema, without the final newline."""
    return json.dumps(config_schema(), indent=2, ensure_ascii=False)


_FORMATS: Final[Mapping[str, Callable[[], str]]] = {
    "json": schema_text,
    "md": as_markdown,
    "man": as_manual,
}
