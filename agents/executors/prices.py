"""What a model's tokens cost, as far as anybody knows."""

from collections.abc import Mapping

from ...state.config import Price, Provider
from .litellm_client import MILLION, _litellm, _target


def price_of(model: str, provider: Provider | None, prices: Mapping[str, Price]) -> Price | None:
    """USD per million tokens, from ``prices`` or litellm's table; may load litellm."""
    if model in prices:
        return prices[model]
    litellm = _litellm()
    try:
        target = _target(litellm, model, provider)
    except Exception:  # no provider knows the name
        return None
    if not target.is_priced:
        return None
    table = litellm.model_cost
    entry = table.get(f"{target.provider}/{target.model}") or table.get(target.model) or {}

    def usd(key: str) -> float | None:
        value = entry.get(key)
        return value * MILLION if isinstance(value, int | float) else None

    return Price(
        input=usd("input_cost_per_token") or 0.0,
        output=usd("output_cost_per_token") or 0.0,
        cached=usd("cache_read_input_token_cost"),
    )
