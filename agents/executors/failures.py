"""What a failed call means: kind, waiting time and a message that is safe to show."""

import json
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime

from ..model import ModelErrorKind

MESSAGE_LIMIT = 500  # characters of a provider's words
SHORTEST_SECRET = 6  # characters; anything shorter would redact ordinary words

_SPENT = (
    "insufficient_quota",
    "insufficient quota",
    "credit balance",
    "insufficient balance",
    "insufficient credits",
    "payment required",
    "per day",
    "perday",
    "billing_hard_limit",
)
# Some providers speak of quota or billing when only the minute's share is used up.
_SOON = ("per min", "permin", "per second", "persecond", "per hour")
_QUOTA = ("quota", "billing", "usage limit", "spending limit")
_CONTEXT = (
    "context_length_exceeded",
    "context length",
    "context window",
    "contextwindow",
    "maximum context",
    "prompt is too long",
    "input is too long",
    "too many tokens",
    "maximum number of tokens",
    "request_too_large",
)
_EXCEPTION_NAMES = re.compile(r"^(?:litellm\.)?\w.*?(?:Exception|Error)(?: \w+)? - ")
_JSON_MESSAGE = re.compile(r'^b?\W*\{.*?"message": ?("(?:[^"\\]|\\.)*")', re.DOTALL)
_OVERLOADED = ("overloaded", "at capacity")


def kind_of(status: int | None, text: str) -> ModelErrorKind:
    """What a status (null: no answer came) and the words of the provider mean."""
    words = text.lower()
    if status is None:
        return ModelErrorKind.TRANSPORT
    if status == 429:
        return _limit(words)
    if status in (503, 529) or (status >= 500 and _has(words, _OVERLOADED)):
        return ModelErrorKind.OVERLOAD
    if status >= 500:
        return ModelErrorKind.TRANSPORT
    if status == 402 or _has(words, _SPENT):
        return ModelErrorKind.QUOTA
    if status in (401, 403):
        return ModelErrorKind.AUTH
    if status == 408:
        return ModelErrorKind.TIMEOUT
    if status == 413 or _has(words, _CONTEXT):
        return ModelErrorKind.CONTEXT
    return ModelErrorKind.REFUSED


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds a provider asks to wait: ``retry-after-ms``, else ``retry-after``.

    A date is read against the answer's own ``date``, so that our clock does not matter.
    """
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    if (milliseconds := _number(lower.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    if (seconds := _number(lower.get("retry-after"))) is not None:
        return seconds
    try:
        until = parsedate_to_datetime(lower["retry-after"])
        return max(0.0, (until - parsedate_to_datetime(lower["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def provider_words(text: str) -> str:
    """What the provider said, without the names of exceptions and the JSON around it."""
    words = _EXCEPTION_NAMES.sub("", text, count=1)
    if found := _JSON_MESSAGE.search(words):
        try:
            return str(json.loads(found[1]))
        except ValueError:  # escaped once more by a repr
            return found[1].strip('"')
    return words


def safe_message(text: str, secrets: Iterable[str]) -> str:
    """One printable line of at most MESSAGE_LIMIT characters in which no secret is left."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "[key]")
    line = re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
    return line if len(line) <= MESSAGE_LIMIT else line[: MESSAGE_LIMIT - 1] + "…"


def _limit(words: str) -> ModelErrorKind:
    if _has(words, _SPENT):
        return ModelErrorKind.QUOTA
    if _has(words, _SOON):
        return ModelErrorKind.OVERLOAD
    return ModelErrorKind.QUOTA if _has(words, _QUOTA) else ModelErrorKind.OVERLOAD


def _has(words: str, phrases: tuple[str, ...]) -> bool:
    return any(phrase in words for phrase in phrases)


def _number(value: str | None) -> float | None:
    if value is None or not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value):
        return None
    return float(value)
