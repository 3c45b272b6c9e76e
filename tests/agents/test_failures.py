import pytest

from dispatch.agents.executors.failures import (
    kind_of,
    provider_words,
    retry_after,
    safe_message,
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
