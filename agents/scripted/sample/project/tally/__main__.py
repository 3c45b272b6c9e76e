"""The command line: ``python3 -m tally words FILE``."""

import sys
from pathlib import Path

from . import count_words

COMMANDS = {"words": count_words}


def main(argv: list[str]) -> int:
    """Print one count of one file."""
    if len(argv) != 2 or argv[0] not in COMMANDS:
        print(f"usage: tally {'|'.join(sorted(COMMANDS))} FILE", file=sys.stderr)
        return 2
    print(COMMANDS[argv[0]](Path(argv[1]).read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
