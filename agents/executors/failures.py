"""What a failed call means: kind, waiting time and a message that is safe to show."""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from ..model import ModelErrorKind

MESSAGE_LIMIT = 500  # characters of a provider's words
MAX_CAUSES = 20  # of an error, looked through for what it was at first
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
# Among the causes of an error that came before any answer: a status was answered, or no connection
# was there to send over.
_TURNED_AWAY = frozenset({"HTTPStatusError", "ConnectError", "ConnectTimeout", "PoolTimeout"})
# "x-ratelimit-remaining-tokens" and "anthropic-ratelimit-tokens-remaining"; their resets are a
# span such as "1m30s" or a time.
_REMAINING = re.compile(r"(x-ratelimit-|anthropic-ratelimit-[a-z-]+-)remaining(|-[a-z]+)")
_SPAN = re.compile(
    r"(?=.)(?:(\d{1,4})h)?(?:(\d{1,4})m(?!s))?(?:(\d{1,6}(?:\.\d{1,9})?)s)?(?:(\d{1,9})ms)?"
)
_UNITS = (3600.0, 60.0, 1.0, 0.001)
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


def was_turned_away(error: Exception) -> bool:
    """Whether a request that got no stream was refused or reached nobody, and so costs nothing."""
    status = getattr(error, "status_code", None)  # litellm's own word for no answer is 500
    if isinstance(status, int) and status < 500 and "Timeout" not in type(error).__name__:
        return True
    link: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if link is None:
            break
        if type(link).__name__ in _TURNED_AWAY:
            return True
        link = link.__cause__ or link.__context__
    return False


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds a provider asks to wait: ``retry-after-ms``, ``retry-after``, or until the reset
    of what he says is used up.

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
        return max(_resets(lower), default=None)


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


def _resets(headers: Mapping[str, str]) -> Iterator[float]:
    """The seconds until each allowance of which nothing is left comes back."""
    for name, left in headers.items():
        found = _REMAINING.fullmatch(name)
        if found is None or left != "0":
            continue
        reset = headers.get(f"{found[1]}reset{found[2]}", "")
        if span := _SPAN.fullmatch(reset):
            parts = zip(span.groups(), _UNITS, strict=True)
            yield sum(float(part or 0) * unit for part, unit in parts)
        else:
            with contextlib.suppress(KeyError, ValueError, TypeError):
                now = parsedate_to_datetime(headers["date"])
                yield max(0.0, (datetime.fromisoformat(reset) - now).total_seconds())


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
