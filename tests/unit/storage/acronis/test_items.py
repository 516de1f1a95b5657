"""A customer's offering items: what is written brings any state of them to what is wanted, and nothing else changes."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from coffre.acronis.identifiers import ApplicationUuid, InfraUuid
from coffre.acronis.values.offering import ItemChange, ItemType, OfferingItem, Quota
from coffre.acronis.values.usages import Usage
from coffre.storage.acronis.provider import items
from coffre.storage.acronis.provider.use import Use

OURS = ApplicationUuid("6e6d758d-8e74-3ae3-ac84-50eb0dff12eb")
OTHERS = ApplicationUuid("00000000-0000-4000-8000-000000000002")
STORAGES = [InfraUuid(f"00000000-0000-4000-8000-{number:012}") for number in range(3)]
EDITIONS = [*items.PREFIXES, "standard", None]

counts = st.integers(0, 50)
quotas = st.builds(
    Quota, value=st.none() | counts, overage=st.none() | st.integers(0, 3), version=st.integers(0, 10**12)
)


@st.composite
def held_items(draw: st.DrawFn) -> OfferingItem:
    edition, base = (
        draw(st.sampled_from(EDITIONS)),
        draw(st.sampled_from(["workstations", "servers", "vms", "storage"])),
    )
    return OfferingItem(
        application_id=draw(st.sampled_from([OURS, OURS, OTHERS])),
        name=items.PREFIXES.get(edition or "", "") + base,
        edition=edition,
        type=ItemType.INFRA if base == "storage" else ItemType.COUNT,
        infra_id=draw(st.sampled_from(STORAGES)) if base == "storage" else None,
        status=draw(st.integers(0, 1)),
        locked=draw(st.booleans()),
        quota=draw(st.none() | quotas),
    )


helds = st.lists(held_items(), unique_by=lambda each: each.key)
wanteds = st.fixed_dictionaries(
    {
        "customer": st.just("coffre:a"),
        "edition": st.sampled_from(list(items.PREFIXES)),
        "storage": st.just(str(STORAGES[0])),
        "licences": st.dictionaries(
            st.sampled_from(["workstations", "servers", "vms"]), st.integers(1, 50), min_size=1
        ),
        "quota_bytes": st.integers(1, 50),
    }
)


def written_to(held: Sequence[OfferingItem], changes: Sequence[ItemChange], edition: str) -> list[OfferingItem]:
    """Do what the vendor does with a write: named items change, others keep their state."""
    found = {each.key: each for each in held}
    for each in changes:
        before = found.get(each.key) or OfferingItem(
            application_id=each.application_id, name=each.name, edition=edition, infra_id=each.infra_id
        )
        quota = before.quota if each.limit is None else Quota(**each.limit.model_dump(), version=1)
        found[each.key] = before.model_copy(update={"status": int(each.is_on), "quota": quota})
    return list(found.values())


@given(helds, wanteds)
def test_a_write_comes_to_what_is_wanted_and_a_second_one_is_empty(held: list[OfferingItem], wanted: dict) -> None:
    asked = items.wanted_items(wanted, OURS, STORAGES[0])
    blocked = [each for each in held if each.locked and (each.name in {one.name for one in asked})]
    held = [
        each for each in held if each not in blocked and (each.application_id == OURS or each.key not in keys(asked))
    ]
    changes = items.changes(held, asked, OURS)
    after = written_to(held, changes, wanted["edition"])
    assert items.changes(after, asked, OURS) == []
    assert items.show("coffre:a", after, OURS, wanted) == wanted
    untouched = [each for each in held if each.locked or each.application_id == OTHERS]
    assert [each for each in after if each in untouched] == untouched


def keys(asked: Sequence[ItemChange]) -> set:
    return {each.key for each in asked}


@given(helds, wanteds, st.dictionaries(st.sampled_from(["workstations", "servers", "storage"]), counts))
def test_nothing_that_is_used_is_lowered_below_its_use_or_switched_off_unsaid(
    held: list[OfferingItem], wanted: dict, used: dict[str, int]
) -> None:
    use = Use([Usage(name=each.name, infra_id=each.infra_id, absolute_value=used.get(base(each), 0)) for each in held])
    changes = items.changes(held, items.wanted_items(wanted, OURS, STORAGES[0]), OURS)
    said = " ".join(items.taken_from_use(held, changes, use))
    for change in changes:
        before = next((each for each in held if each.key == change.key), None)
        amount = use.of(change.key)
        if before is None or not amount:
            continue
        if not change.is_on:
            assert f"{change.name} has {amount} in use and is to be switched off" in said
        elif before.is_on and change.limit is not None and change.limit.value < amount <= (ceiling(before) or amount):
            assert f"{change.name} has {amount} in use and is to be {change.limit.value}" in said


def base(item: OfferingItem) -> str:
    return item.name.rsplit("_", 1)[-1]


def ceiling(item: OfferingItem) -> int | None:
    return None if item.quota is None else item.quota.ceiling
