"""For programs that obey what the folder brings which they start in: they start in their home.

The home is private and holds our settings; the tree is a folder that they work on.  A shell that
is bash reads a file of ours before each command, which goes to the tree and takes the key away.
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .delegation import Delegation

_SHELL: Final = "delegated/shell.sh"


def starting(home: Path) -> tuple[str, ...]:
    """What to put before the program's own words.

    The shell that becomes the program must not read the file for its commands: so it is named here.
    """
    return ("env", "-C", str(home), f"BASH_ENV={home / _SHELL}")


def files(delegation: Delegation, key: str) -> Mapping[str, str]:
    """What has to be below the home; only commands that start in the home itself are led away."""
    home, tree = (shlex.quote(str(path)) for path in (delegation.home, delegation.worktree))
    text = f'unset {key}\nif [ "$PWD" = {home} ]; then cd {tree}; fi\n'
    return {_SHELL: text}


def system(delegation: Delegation) -> str:
    """What the model has to be told besides."""
    return (
        f"The repository you work in is {delegation.worktree}: name its files to your tools by "
        f"absolute paths. Your commands start in it.\n\n{delegation.system}"
    )
