"""What ``--json`` prints: one object on stdout, whose keys are only ever added within a version."""

import json
from typing import Final

from ..state.errors import DispatchError

JSON_VERSION: Final = 1


def print_json(**fields: object) -> None:
    """Print one object."""
    print(json_text(**fields), end="")


def json_text(**fields: object) -> str:
    """One object as lines."""
    return json.dumps({"version": JSON_VERSION, **fields}, indent=2) + "\n"


def print_refusal(error: DispatchError) -> None:
    """Print why there is nothing else: the sentence that goes to stderr, in its parts."""
    from ..state.redact import shown  # the shapes of keys take longer to load than all else here

    print_json(
        error={
            "exitCode": int(error.exit_code),
            "message": shown(error.message),
            "hint": shown(error.hint),
        }
    )
