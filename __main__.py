"""Entry point of ``python -m dispatch``."""

import sys

# ``-m`` puts the working directory first on the path, and we are run inside
# repositories we do not trust: their modules must never stand in for ours.
if not sys.flags.safe_path:
    del sys.path[0]

from .cli import main

sys.exit(main())
