"""Secrets taken out of whatever is shown or kept."""

import re
from collections.abc import Iterable
from typing import Final

REDACTED: Final = "[redacted]"
SHORTEST_SECRET: Final = 6  # shorter values are no secrets, and would garble every text

# Shapes that only keys have, of providers whose keys an agent could meet.
_KEY_SHAPES: Final = re.compile(
    r"\b(?:"
    r"sk-[A-Za-z0-9_-]{16,256}"
    r"|gh[pousr]_[A-Za-z0-9]{20,255}"
    r"|github_pat_[A-Za-z0-9_]{22,255}"
    r"|glpat-[A-Za-z0-9_-]{20,255}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,255}"
    r"|AIza[A-Za-z0-9_-]{35}"
    r"|hf_[A-Za-z0-9]{30,255}"
    r"|npm_[A-Za-z0-9]{36}"
    r")"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]{0,20000}"
    r"(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)


class Redactor:
    """Replaces the secrets it was given, and everything shaped like a well-known key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        # Longest first: a secret that holds another one must not leave its rest behind.
        known = sorted({each for each in secrets if len(each) >= SHORTEST_SECRET}, key=len)
        exact = "|".join(map(re.escape, reversed(known)))
        self._exact = re.compile(exact) if exact else None

    def text(self, text: str) -> str:
        """A text without secrets."""
        return _KEY_SHAPES.sub(REDACTED, self.without_known(text))

    def without_known(self, text: str) -> str:
        """A text without the secrets that were given.

        What only looks like a key stays: in what an agent reads it may be a test's, and an edit of
        a text that was shown otherwise could not be carried out.
        """
        return text if self._exact is None else self._exact.sub(REDACTED, text)

    def value(self, value: object) -> object:
        """A plain value with the secrets taken out of every text in it, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value
