"""Judges the assumptions of `unverified` by what a partner's account shows, one by one. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from coffre.acronis.doctor.findings import Point, Standing
from coffre.acronis.doctor.looking import InCustomer, Seen
from coffre.acronis.errors import AbsurdAnswerError, AcronisError, GoneError
from coffre.acronis.unverified import ASSUMPTIONS, account, machines
from coffre.acronis.unverified.assumption import Assumption, ShownBy
from coffre.acronis.values.offering import ItemType, OfferingItem
from coffre.acronis.values.policies import MACHINE_BACKUP

_Entry = TypeVar("_Entry")
_Judged = tuple[Standing, str]
_NOT_SEEN: _Judged = (Standing.NOT_SEEN, "")
_MOST_NAMES = 12


def judge_points(seen: Seen) -> list[Point]:
    """Return every assumption with its standing, in their order."""
    return [_judge(each, seen) for each in ASSUMPTIONS]


def _judge(assumption: Assumption[object], seen: Seen) -> Point:
    rule = _RULES.get(assumption.name)
    if rule is None:
        return Point(assumption, Standing.NOT_SEEN if assumption.shown_by is ShownBy.READING else Standing.OPEN)
    return Point(assumption, *rule(seen))


def _token_path(seen: Seen) -> _Judged:
    if isinstance(seen.client, GoneError):
        return Standing.FAILS, seen.client.message
    return _NOT_SEEN if seen.client is None or isinstance(seen.client, AcronisError) else (Standing.HOLDS, "")


def _disaster_recovery_types(seen: Seen) -> _Judged:
    items = [each for each in _offers(seen) if each.name.endswith(tuple(account.DISASTER_RECOVERY_TYPES.value))]
    others = sorted({f"{each.name} is {each.type.value}" for each in items if each.type is not ItemType.INFRA})
    if not items:
        return _NOT_SEEN
    return (Standing.FAILS, ", ".join(others[:_MOST_NAMES])) if others else (Standing.HOLDS, "")


def _item_names(seen: Seen) -> _Judged:
    names = {each.name for each in _offers(seen)}
    if not names:
        return _NOT_SEEN
    missing = sorted(set(account.ITEM_NAMES.value.values()) - names)
    return (Standing.FAILS, f"missing: {', '.join(missing)}") if missing else (Standing.HOLDS, "")


def _advanced_packs(seen: Seen) -> _Judged:
    others = sorted({each.name for each in _offers(seen) if "adv" in each.name or "pack" in each.name})
    return (Standing.HOLDS, f"seen: {', '.join(others[:_MOST_NAMES])}") if others else _NOT_SEEN


def _pair_of_ids(seen: Seen) -> _Judged:
    pairs = [each for each in _of_customer(seen, lambda its: its.tokens) if each.tenant_id and each.tenant_uuid]
    return (Standing.HOLDS, f"{pairs[0].tenant_uuid} is {pairs[0].tenant_id}") if pairs else _NOT_SEEN


def _usages_of_all_editions(seen: Seen) -> _Judged:
    usages = _of_customer(seen, lambda its: its.usages)
    editions = sorted({each.edition for each in usages if each.edition})
    if not usages:
        return _NOT_SEEN
    is_one_of_today = any(each.startswith("pck_") for each in editions)
    return (Standing.HOLDS if is_one_of_today else Standing.FAILS), f"seen: {', '.join(editions) or 'no edition'}"


def _usages_name_tenants(seen: Seen) -> _Judged:
    if not isinstance(seen.within, InCustomer):
        return _NOT_SEEN
    several = seen.within.usages_of_several
    if isinstance(several, AbsurdAnswerError):
        return Standing.FAILS, several.message
    return (Standing.HOLDS, "") if isinstance(several, dict) and any(several.values()) else _NOT_SEEN


def _items_name_tenants(seen: Seen) -> _Judged:
    if not isinstance(seen.within, InCustomer):
        return _NOT_SEEN
    several = seen.within.items_of_several
    if isinstance(several, AbsurdAnswerError | GoneError):
        return Standing.FAILS, several.message
    items = [] if isinstance(several, AcronisError) else [each for found in several.values() for each in found]
    editions = sorted({each.edition for each in items if each.edition})
    return (Standing.HOLDS, f"seen: {', '.join(editions) or 'no edition'}") if items else _NOT_SEEN


def _policy_version(seen: Seen) -> _Judged:
    if not isinstance(seen.within, InCustomer):
        return _NOT_SEEN
    plans = seen.within.plans
    if isinstance(plans, GoneError):
        return Standing.FAILS, plans.message
    return _NOT_SEEN if isinstance(plans, AcronisError) else (Standing.HOLDS, "version 4 answers")


def _plan_settings(seen: Seen) -> _Judged:
    parts = [each for each in _of_customer(seen, lambda its: its.plans) if each.type == MACHINE_BACKUP]
    names = sorted({name for each in parts for name in each.setting_names})
    return (Standing.HOLDS, f"seen: {', '.join(names)}") if names else _NOT_SEEN


def _activity_resource(seen: Seen) -> _Judged:
    activities = _of_customer(seen, lambda its: its.activities)
    named = [each for each in activities if each.resource_id is not None]
    return _share(len(named), len(activities), "activities name a machine")


def _resource_agent(seen: Seen) -> _Judged:
    machines = _of_customer(seen, lambda its: its.machines)
    return _share(
        len([each for each in machines if each.agent_id is not None]), len(machines), "machines name an agent"
    )


def _download(seen: Seen) -> _Judged:
    if seen.installer is None:
        return _NOT_SEEN
    if isinstance(seen.installer, AcronisError):
        return Standing.FAILS, seen.installer.message
    return Standing.HOLDS, seen.installer.url


def _share(number: int, whole: int, what: str) -> _Judged:
    if not whole:
        return _NOT_SEEN
    return (Standing.HOLDS if number else Standing.FAILS), f"{number} of {whole} {what}"


def _offers(seen: Seen) -> Sequence[OfferingItem]:
    return seen.offers if isinstance(seen.offers, list) else []


def _of_customer(seen: Seen, choose: Callable[[InCustomer], list[_Entry] | AcronisError]) -> list[_Entry]:
    chosen = choose(seen.within) if isinstance(seen.within, InCustomer) else []
    return chosen if isinstance(chosen, list) else []


_RULES: Mapping[str, Callable[[Seen], _Judged]] = {
    account.TOKEN_PATH.name: _token_path,
    account.DISASTER_RECOVERY_TYPES.name: _disaster_recovery_types,
    account.ITEM_NAMES.name: _item_names,
    account.ADVANCED_PACKS.name: _advanced_packs,
    account.PAIR_OF_TENANT_IDS.name: _pair_of_ids,
    machines.USAGES_OF_ALL_EDITIONS.name: _usages_of_all_editions,
    machines.USAGES_NAME_TENANTS.name: _usages_name_tenants,
    account.ITEMS_NAME_TENANTS.name: _items_name_tenants,
    machines.POLICY_VERSION.name: _policy_version,
    machines.PLAN_SETTINGS.name: _plan_settings,
    machines.ACTIVITY_RESOURCE.name: _activity_resource,
    machines.RESOURCE_AGENT.name: _resource_agent,
    machines.DOWNLOAD_LINK.name: _download,
    machines.DOWNLOAD_CHANNEL.name: _download,
}
