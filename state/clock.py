"""The program's one source of the time; ``SOURCE_DATE_EPOCH`` pins what goes into commits."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime

from .errors import UsageError


class SystemClock:
    """The machine's clock.

    ``SOURCE_DATE_EPOCH`` (seconds since 1970, see reproducible-builds.org) pins every time that
    goes into a commit, so that a run made again gives the same commit ids.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        raw = environ.get("SOURCE_DATE_EPOCH")
        if raw is not None and not (raw.isascii() and raw.isdigit()):
            raise UsageError(
                f"SOURCE_DATE_EPOCH is {raw!r}, which is no number of seconds since 1970.",
                "Set it to a whole number, or unset it.",
            )
        self._pinned = None if raw is None else int(raw)

    def now(self) -> str:
        """ISO-8601 in UTC with milliseconds and ``Z``."""
        now = datetime.now(UTC)
        return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"

    def commit_time(self) -> int:
        """Seconds since 1970 for commits."""
        return int(datetime.now(UTC).timestamp()) if self._pinned is None else self._pinned
