"""What a model's tokens cost: the user's word first, then the table of the library."""

import pytest

from dispatch.agents.executors.litellm_client import price_of
from dispatch.state.config import Price, Provider


def test_the_users_word_goes_before_every_table() -> None:
    price = Price(input=1.0, output=2.0)
    assert price_of(
        "anthropic/claude-sonnet-4-5", None, {"anthropic/claude-sonnet-4-5": price}
    ) is (price)


def test_a_known_model_has_all_three_prices_per_million() -> None:
    found = price_of("anthropic/claude-sonnet-4-5", None, {})
    assert found is not None
    assert (found.input, found.output, found.cached) == pytest.approx((3.0, 15.0, 0.3))


def test_what_nobody_knows_has_no_price() -> None:
    assert price_of("nobody/knows", None, {}) is None
    local = Provider(base_url="http://127.0.0.1:1/v1", adapter="openai")
    assert price_of("my-own-model", local, {}) is None
