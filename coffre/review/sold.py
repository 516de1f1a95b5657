"""What is sold on a day, item by item, at the price list of that day; or why there is no price. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from coffre.spec.machine import MachineKind
from coffre.spec.prices import PriceList, Prices, VolumeBasis, VolumePart, VolumeStep
from coffre.spec.tenant import Option, Tenant, TenantStatus


class LineKind(StrEnum):
    """What a line of a price is for."""

    MACHINES = "machines"
    VOLUME = "volume"
    VOLUME_BEYOND = "volume_beyond"
    SECOND_COPY = "second_copy"
    OPTION = "option"


Subject = MachineKind | VolumeStep | VolumePart | Option
"""What a line counts: a kind of licence, the step that holds the volume, parts beyond it or of a copy, or an option."""


class Lack(StrEnum):
    """Why there is no price."""

    PRICES = "prices"
    """platform.yaml has no prices."""
    LIST = "list"
    """No price list has begun on that day."""
    OPTION = "option"
    """The list has no price for an option of the tenant: it is not sold yet."""
    VOLUME = "volume"
    """The volume is larger than the last step, and the list has no price beyond it."""
    STORED = "stored"
    """The stored volume is priced, and it is not known."""
    SECOND_COPY = "second_copy"
    """The tenant has a second copy, and the list has no price for one."""
    FILE = "file"
    """The tenant's file has a problem: what it sells is not known."""


@dataclass(frozen=True)
class Lacking:
    """One reason why there is no price: on which day, and for which list, option or volume, if the reason has one."""

    lack: Lack
    on: date
    since: date | None = None
    option: Option | None = None
    volume_bytes: int | None = None


@dataclass(frozen=True)
class NoPrice:
    """There is no price, for all of these reasons. It is never a price of 0."""

    reasons: tuple[Lacking, ...]


@dataclass(frozen=True)
class Sold:
    """What is sold at which prices; ``stored_bytes`` counts where the stored volume is priced (None: unknown)."""

    tenant: Tenant
    prices: Prices | None
    stored_bytes: int | None = None


@dataclass(frozen=True)
class Item:
    """A line before its days are counted."""

    kind: LineKind
    subject: Subject
    quantity: int
    unit_eur: Decimal
    since: date


def find_list(prices: Prices, day: date) -> PriceList | None:
    """Return the price list of a day: the latest that has begun; None before the first one."""
    return max((each for each in prices.lists if each.since <= day), key=lambda each: each.since, default=None)


def list_items(sold: Sold | None, day: date) -> list[Item] | NoPrice:
    """Return what a month of everything sold on a day consists of: nothing without a tenant, or with a closed one."""
    if sold is None or sold.tenant.status is TenantStatus.CLOSED:
        return []
    if sold.prices is None:
        return NoPrice((Lacking(Lack.PRICES, day),))
    entry = find_list(sold.prices, day)
    if entry is None:
        return NoPrice((Lacking(Lack.LIST, day),))
    listed = [
        *_list_machines(sold.tenant, entry),
        *_list_volume(sold, sold.prices.volume, entry, day),
        *_list_options(sold.tenant, entry, day),
    ]
    lacking = tuple(each for each in listed if isinstance(each, Lacking))
    return NoPrice(lacking) if lacking else [each for each in listed if isinstance(each, Item)]


def _list_machines(tenant: Tenant, entry: PriceList) -> Iterator[Item]:
    for kind in MachineKind:
        quantity = tenant.licences.get(kind, 0)
        if quantity:
            yield Item(LineKind.MACHINES, kind, quantity, entry.machines_eur[kind], entry.since)


def _list_volume(sold: Sold, basis: VolumeBasis, entry: PriceList, day: date) -> Iterator[Item | Lacking]:
    volume = sold.tenant.storage.quota_bytes if basis is VolumeBasis.RESERVED else sold.stored_bytes
    if volume is None:
        yield Lacking(Lack.STORED, day, entry.since)
        return
    yield from _list_steps(volume, entry, day)
    if sold.tenant.storage.second_copy is not None:
        yield from _list_copy(volume, entry, day)


def _list_steps(volume: int, entry: PriceList, day: date) -> Iterator[Item | Lacking]:
    largest = max(entry.volume, key=_size)
    step = min((each for each in entry.volume if volume <= each.up_to_bytes), key=_size, default=largest)
    beyond = volume - largest.up_to_bytes
    if beyond > 0 and entry.volume_beyond is None:
        yield Lacking(Lack.VOLUME, day, entry.since, volume_bytes=volume)
        return
    yield Item(LineKind.VOLUME, step, 1, step.month_eur, entry.since)
    if beyond > 0 and entry.volume_beyond is not None:
        yield _count_parts(LineKind.VOLUME_BEYOND, beyond, entry.volume_beyond, entry.since)


def _list_copy(volume: int, entry: PriceList, day: date) -> Iterator[Item | Lacking]:
    """Yield the line of a second copy, which holds as much as the tenant's own storage."""
    if entry.second_copy is None:
        yield Lacking(Lack.SECOND_COPY, day, entry.since)
    else:
        yield _count_parts(LineKind.SECOND_COPY, volume, entry.second_copy, entry.since)


def _count_parts(kind: LineKind, volume: int, part: VolumePart, since: date) -> Item:
    return Item(kind, part, -(-volume // part.each_bytes), part.month_eur, since)


def _size(step: VolumeStep) -> int:
    return step.up_to_bytes


def _list_options(tenant: Tenant, entry: PriceList, day: date) -> Iterator[Item | Lacking]:
    for option in Option:
        if option not in tenant.options:
            continue
        price = entry.options_eur.get(option)
        if price is None:
            yield Lacking(Lack.OPTION, day, entry.since, option=option)
        else:
            yield Item(LineKind.OPTION, option, 1, price, entry.since)
