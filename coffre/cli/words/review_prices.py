"""The English words of what a change costs: the price of a month, and what a platform bills."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffre.review.price import MonthlyPrice, NoPrice
    from coffre.review.review import PlatformCosts, PriceChange
    from coffre.storage.costs import CostEstimate, NoPrices


def describe_price(price: "PriceChange") -> str:
    """Say the price of a month before and after, and the difference."""
    from coffre.review.price import MonthlyPrice

    before, after = price.before, price.after
    if isinstance(before, MonthlyPrice) and isinstance(after, MonthlyPrice):
        difference = after.total_eur - before.total_eur
        return f"price per month: {before.total_eur} → {after.total_eur} EUR ({difference:+} EUR), without tax"
    return f"price per month: {_price(before)} → {_price(after)}"


def describe_costs(costs: "PlatformCosts", quote: Callable[[str], str]) -> str:
    """Say what a platform would bill for a full quota, before and after."""
    of = next((f" (list prices for {each.region}, without tax)" for each in (costs.after, costs.before) if each), "")
    return f"{quote(costs.platform)} bills a month, with a full quota: {_cost(costs.before)} → {_cost(costs.after)}{of}"


def _cost(cost: "CostEstimate | NoPrices | None") -> str:
    from coffre.storage.costs import CostEstimate

    if cost is None:
        return "nothing"
    return f"about {cost.month} USD" if isinstance(cost, CostEstimate) else "not known"


def _price(price: "MonthlyPrice | NoPrice | None") -> str:
    from coffre.review.price import MonthlyPrice

    if price is None:
        return "none"
    if isinstance(price, MonthlyPrice):
        return f"{price.total_eur} EUR"
    return "not known: " + ", ".join(dict.fromkeys(_LACKS[each.lack.value] for each in price.reasons))


_LACKS = {
    "prices": "platform.yaml has no prices",
    "list": "no price list has begun",
    "option": "an option has no price",
    "volume": "the volume is beyond the list",
    "stored": "the stored volume is not known",
    "second_copy": "a second copy has no price",
    "file": "the file has a problem",
}
