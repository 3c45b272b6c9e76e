"""Whether an attempt may have changed what git does in the user's repository.

While commands are held by namespaces nothing of an agent's reaches there, so what changes is the
user's own doing.  Anywhere else nobody can tell the two apart.  What moves refs, the index or a
plain setting is then only told: the user may do so at any time, and git's own log undoes it.  A
setting or hook that makes git start a program is another matter: the next command of the user's
would run it as him, and who plants one is not to be believed about anything else.
"""

import re
from collections.abc import Mapping
from typing import Final

from ..state.enums import SandboxTier
from ..state.git_values import Fingerprint
from ..state.work import UserChange

HELD: Final = frozenset(
    {SandboxTier.BUBBLEWRAP}
)  # tiers in which no command reaches the repository
SHOWN_LIMIT: Final = 20  # changes of a kind that are named; the rest is counted
_HOOKS: Final = "hooks/"
_ATTRIBUTES: Final = "info/attributes"  # says which files a filter is for
_PROGRAMS: Final = re.compile(
    r"""
      core\.(hookspath|fsmonitor|sshcommand|gitproxy|askpass|pager|editor|worktree|attributesfile
             |alternaterefscommand)
    | (alias|pager|include|includeif|url|sendemail|instaweb|protocol|extensions)\..*
    | (filter|trailer|mergetool|difftool|browser|man|guitool|tar)\..*
        \.(clean|smudge|process|cmd|command|path)
    | diff\.(external|.*\.(command|textconv))
    | merge\..*\.driver
    | credential\.(.*\.)?helper
    | gpg\.(.*\.)?(program|defaultkeycommand)
    | sequence\.editor | interactive\.difffilter | init\.templatedir | (web|help)\.browser
    | uploadpack\.packobjectshook | gc\.recentobjectshook | imap\.tunnel
    | remote\..*\.(url|pushurl|uploadpack|receivepack|vcs|proxy)
    | submodule\..*\.(update|url)
    | unreadable
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./ -]*")


def user_change(
    attempt_id: str, before: Fingerprint, after: Fingerprint, tier: SandboxTier
) -> UserChange | None:
    """What changed in the user's repository while an attempt was at work; null: nothing to tell.

    ``tier`` is how commands are held.
    """
    held = tier in HELD
    settings = _differences(before.settings, after.settings)
    files = _differences(before.files, after.files)
    programs = {key: how for key, how in settings.items() if starts_programs(key)}
    programs |= {key: how for key, how in files.items() if key == _ATTRIBUTES}
    others = {} if held else {**_differences(before.refs, after.refs), **settings, **files}
    if not (programs or others):
        return None
    return UserChange(
        attempt_id=attempt_id,
        programs=_told(programs),
        others=_told({key: how for key, how in others.items() if key not in programs}),
        failed=bool(programs) and not held,
    )


def starts_programs(key: str) -> bool:
    """Whether a setting or hook decides which program git starts, or whom it talks to."""
    return key.startswith(_HOOKS) or _PROGRAMS.fullmatch(key.lower()) is not None


def reason(change: UserChange) -> str:
    """Why the attempt failed, in sentences."""
    return (
        "While it was at work, what git starts programs by was changed in your repository: "
        f"{', '.join(change.programs)}. Nothing kept its commands from doing that. Look at it "
        "before you use git there."
    )


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    def how(key: str) -> str:
        if key not in after:
            return "removed"
        return "changed" if key in before else "added"

    keys = sorted({*before, *after})
    return {key: how(key) for key in keys if before.get(key) != after.get(key)}


def _told(differences: Mapping[str, str]) -> tuple[str, ...]:
    told = [f"{_name(key)} was {how}" for key, how in differences.items()]
    more = len(told) - SHOWN_LIMIT
    return (*told[:SHOWN_LIMIT], *([f"and {more} more"] if more > 0 else ()))


def _name(key: str) -> str:
    """A key, without a middle part that could be an address with a password in it."""
    if _PLAIN.fullmatch(key):
        return key
    first, _, rest = key.partition(".")
    return f"{first}.(...).{rest.rpartition('.')[2]}"
