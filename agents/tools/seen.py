"""What one agent knows of its files, so that it never overwrites what it has not seen."""

import hashlib

from .paths import Refused, shown

Names = tuple[str, ...]


class Seen:
    """The digest of each file as this agent last read or wrote it."""

    def __init__(self) -> None:
        self._digests: dict[Names, str] = {}

    def note(self, names: Names, data: bytes) -> None:
        """The agent has seen, or made, this content."""
        self._digests[names] = _digest(data)

    def check(self, names: Names, data: bytes | None) -> None:
        """Refuse when the file (null: it is gone) is not as the agent last saw it."""
        known = self._digests.get(names)
        if known is None or (data is not None and _digest(data) == known):
            return
        if data is None:
            del self._digests[names]
        what = "was deleted" if data is None else "has changed"
        raise Refused(
            f"The file {shown('/'.join(names))} {what} since you last read or wrote it, so nothing "
            "was written. Read it again, then repeat the change on what is there now."
        )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
