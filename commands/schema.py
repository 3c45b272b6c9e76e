"""``dispatch schema``: the JSON schema of ``dispatch-config.yaml``."""

import json
from argparse import Namespace

from ..state.errors import ExitCode
from .settings import config_schema


def run(args: Namespace) -> int:
    """Print the schema."""
    print(json.dumps(config_schema(), indent=2, ensure_ascii=False))
    return ExitCode.DONE
