import pytest

from dispatch.agents.executors.failures import (
    kind_of,
    provider_words,
    retry_after,
    safe_message,
    was_turned_away,
)
from dispatch.agents.model import ModelErrorKind


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (None, "connection refused", "transport"),
        (401, "bad key", "auth"),
        (403, "forbidden", "auth"),
        (402, "pay first", "quota"),
        (400, "Your credit balance is too low", "quota"),
        (400, "maximum context length is 8192 tokens", "context"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "context"),
        (413, "too large", "context"),
        (400, "unknown field", "refused"),
        (404, "no such model", "refused"),
        (422, "invalid", "refused"),
        (408, "late", "timeout"),
        (429, "slow down", "overload"),
        (429, "insufficient_quota", "quota"),
        (429, "You exceeded your current quota, check your plan and billing", "quota"),
        (429, "Quota exceeded for metric requests PerMinute, see billing", "overload"),
        (429, "Rate limit: tokens per min. Add a payment method under billing", "overload"),
        (429, "Rate limit: 200 requests per day", "quota"),
        (500, "oops", "transport"),
        (500, "overloaded_error", "overload"),
        (502, "bad gateway", "transport"),
        (503, "unavailable", "overload"),
        (529, "Overloaded", "overload"),
    ],
)
def test_a_status_and_its_words_mean_one_kind(status: int | None, text: str, kind: str) -> None:
    assert kind_of(status, text) is ModelErrorKind(kind)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after": "60", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, None),
        (
            {
                "retry-after": "Fri, 20 Nov 2026 10:00:30 GMT",
                "date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            30.0,
        ),
    ],
)
def test_the_asked_wait_is_read_from_seconds_milliseconds_or_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_a_message_is_one_printable_line_without_keys_and_at_most_500_characters() -> None:
    """[TR-06]"""
    text = "the key sk-123456 is\nbad \x1b[31m\u202e" + "x" * 600
    message = safe_message(text, ["sk-123456", "the"])
    assert message.startswith("the key [key] is bad [31m xxx")
    assert (len(message), message[-1]) == (500, "…")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("litellm.RateLimitError: RateLimitError: OpenAIException - slow down", "slow down"),
        (
            'litellm.AuthenticationError: AnthropicException - b\'{"type": "error", '
            '"error": {"type": "x", "message": "bad \\"key\\""}}\'',
            'bad "key"',
        ),
        ("Connection error.", "Connection error."),
    ],
)
def test_what_the_provider_said_is_taken_out_of_what_is_around_it(text: str, words: str) -> None:
    assert provider_words(text) == words


LEFT = "x-ratelimit-remaining-"
RESET = "x-ratelimit-reset-"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({f"{LEFT}requests": "0", f"{RESET}requests": "6m0s"}, 360.0),
        ({f"{LEFT}requests": "0", f"{RESET}requests": "1h0m1.5s"}, 3601.5),
        ({f"{LEFT}tokens": "0", f"{RESET}tokens": "250ms"}, 0.25),
        ({f"{LEFT}tokens": "9", f"{RESET}tokens": "6m0s"}, None),
        ({f"{LEFT}tokens": "0"}, None),
        ({f"{LEFT}tokens": "0", f"{RESET}tokens": "soon"}, None),
        (
            {
                f"{LEFT}requests": "0",
                f"{RESET}requests": "2s",
                f"{LEFT}tokens": "0",
                f"{RESET}tokens": "9s",
            },
            9.0,
        ),
        (
            {
                "Anthropic-Ratelimit-Tokens-Remaining": "0",
                "Anthropic-Ratelimit-Tokens-Reset": "2026-11-20T10:04:05Z",
                "Date": "Fri, 20 Nov 2026 10:00:00 GMT",
            },
            245.0,
        ),
        ({f"{LEFT}tokens": "0", f"{RESET}tokens": "9s", "retry-after": "3"}, 3.0),
    ],
)
def test_the_reset_of_what_is_used_up_is_a_time_to_wait(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


class ConnectError(Exception):
    """Named like the one of httpx."""


class Told(Exception):
    """An error with the status that a provider answered."""

    def __init__(self, status_code: int, cause: Exception | None = None) -> None:
        super().__init__()
        self.status_code = status_code
        self.__cause__ = cause


class TimeoutTold(Told):
    """No answer came in time; some libraries call that a 408."""


def test_what_was_turned_away_or_reached_nobody_is_told_from_what_may_have_been_worked_on() -> None:
    assert was_turned_away(Told(401))
    assert was_turned_away(Told(500, ConnectError()))
    assert not was_turned_away(Told(500))
    assert not was_turned_away(TimeoutTold(408))
    assert not was_turned_away(ValueError())
    endless = Told(500)
    endless.__cause__ = endless
    assert not was_turned_away(endless)
