"""What a range means: which files are judged, by which rules, and what is asked of whom."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from coffre.review import guards
from coffre.review.changes import ChangeKind
from coffre.review.consequences import Consequence, ConsequenceKind
from coffre.review.guards import Authorship, Guard, GuardKind, LiveUse, Unseen
from coffre.review.price import Lack, Lacking, MonthlyPrice, NoPrice
from coffre.review.review import Review, Terms, review
from coffre.review.revision import Range, Revision
from coffre.spec.platform import PlatformFile
from coffre.spec.problems.problems import Problem
from coffre.spec.tenant import Tenant
from coffre.storage.costs import CostEstimate, NoPrices
from tests.builders import PLATFORM
from tests.unit.review.examples import HOLD, LEAVING, PLAN, RETIRED, STORAGE, machine, plan, storage, tenant
from tests.vendor_tenants import vendors_tenant

SUNDAY = datetime(2026, 11, 29, 9, tzinfo=UTC)
MONDAY = datetime(2026, 11, 30, 9, tzinfo=UTC)
PRICES: dict[str, Any] = {
    "lists": [
        {
            "since": "2026-01-01",
            "machines": {"workstation": "4.00", "server": "14.00"},
            "volume": [{"up_to": "10 GiB", "month": "10.00"}, {"up_to": "1 TiB", "month": "50.00"}],
        }
    ]
}
DEARER = {"lists": [{**PRICES["lists"][0], "machines": {"workstation": "5.00", "server": "14.00"}}]}


def settings(**changes: Any) -> PlatformFile:
    return PlatformFile.model_validate({**PLATFORM, "prices": PRICES, **changes})


def revision(
    tenants: Mapping[str, Tenant],
    *problems: Problem,
    of: PlatformFile | None = None,
    unreadable: tuple[str, ...] = (),
) -> Revision:
    """Return a commit; its platform.yaml has a digest by its settings, and each file one by its tenant."""
    shown = of or settings()
    digests = {f"tenants/{slug}.yaml": str(each) for slug, each in tenants.items()}
    digests |= {f"tenants/{slug}.yaml": "unreadable" for slug in unreadable}
    return Revision("a" * 40, shown, tenants, problems, {"platform.yaml": str(shown), **digests})


def terms(now: datetime = MONDAY, **changes: Any) -> Terms:
    return Terms(**{"settings": settings(), "now": now, "find_authorship": refuse_to_be_asked, **changes})


def refuse_to_be_asked(slug: str) -> Authorship:
    raise AssertionError(f"nobody needs to know who wrote {slug}")


def authored(*authors: str, lifts: tuple[str, ...] = ()) -> Callable[[str], Authorship]:
    return lambda slug: Authorship(authors, lifts)


def run(before: Tenant | None, after: Tenant | None, by: Terms | None = None) -> Review:
    base, head = ({} if each is None else {"acme": each} for each in (before, after))
    return review(Range(revision(base), revision(head)), by or terms())


def kinds(done: Review) -> list[GuardKind]:
    return [guard.kind for each in done.tenants for guard in each.guards]


def test_nothing_changed_is_nothing_to_say() -> None:
    done = run(tenant(), tenant(), terms(SUNDAY))
    assert (done.tenants, done.guards, done.consequences, done.problems) == ((), (), (), ())
    assert (done.is_refused, done.is_invalid, done.is_platform_file_changed) == (False, False, False)


def test_a_change_is_told_with_its_price_and_no_use() -> None:
    (found,) = run(tenant(), tenant(licences={"workstation": 3})).tenants
    assert (found.slug, found.name, found.use) == ("acme", "Boulangerie Martin SARL", None)
    assert [each.kind for each in found.changes] == [ChangeKind.LICENCES]
    assert isinstance(found.price.before, MonthlyPrice)
    assert isinstance(found.price.after, MonthlyPrice)
    assert (found.price.before.total_eur, found.price.after.total_eur) == (Decimal("18.00"), Decimal("22.00"))


def test_a_tenant_that_comes_or_goes_has_one_price() -> None:
    (new,) = run(None, tenant()).tenants
    assert (new.price.before is None, new.quota_bytes, new.guards) == (True, 10 << 30, ())
    (gone,) = run(tenant(), None).tenants
    assert (gone.price.after, gone.quota_bytes, gone.name) == (None, None, "Boulangerie Martin SARL")
    assert gone.guards == (Guard(GuardKind.DELETED_BY_ABSENCE),)
    assert gone.consequences == ()


PROBLEM = Problem("tenants/acme.yaml", 3, 1, "name", "is missing")


@pytest.mark.parametrize(
    ("problem", "unreadable"),
    [
        (PROBLEM, ("acme",)),
        (Problem("tenants/acme.yaml", 1, 1, "", "tenants/acme.yaml is a link"), ()),
        (Problem("tenants", 1, 1, "", "the folder is a link"), ()),
        (Problem(".", 1, 1, "", "the folder has a name twice"), ()),
    ],
)
def test_a_file_with_a_problem_is_neither_gone_nor_reviewed(problem: Problem, unreadable: tuple[str, ...]) -> None:
    head = revision({}, problem, unreadable=unreadable)
    done = review(Range(revision({"acme": tenant()}), head), terms())
    assert (done.tenants, done.problems) == ((), (problem,))
    assert (done.is_invalid, done.is_refused) == (True, False)


def test_a_file_that_had_a_problem_is_not_a_new_tenants() -> None:
    """It may have sold more than any order says: nothing of it is compared, and that is told."""
    base = revision({}, PROBLEM, unreadable=("acme",))
    (found,) = review(Range(base, revision({"acme": tenant()})), terms(look=lambda was: LiveUse(0, 0, ()))).tenants
    assert (found.changes, found.guards, found.use) == ((), (), None)
    assert [each.kind for each in found.consequences] == [ConsequenceKind.BASE_INVALID]
    assert found.price.before == NoPrice((Lacking(Lack.FILE, MONDAY.date()),))
    assert isinstance(found.price.after, MonthlyPrice)


def test_an_hour_outside_the_calendar_has_the_price_of_the_list_of_the_day() -> None:
    dear = {**PRICES["lists"][0], "out_of_hours_hour": "85.00"}
    dearer = {**dear, "since": "2027-01-01", "out_of_hours_hour": "95.00"}
    by = terms(SUNDAY, settings=settings(prices={"lists": [dear, dearer]}))
    (late,) = run(tenant(), tenant(licences={"workstation": 3}), by).consequences
    assert late.evidence["hour_eur"] == "85.00"


def test_a_file_is_gone_also_when_another_one_has_a_problem() -> None:
    both = {"acme": tenant(), "zebra": tenant(id="z7f3q9wz2m")}
    head = revision({}, PROBLEM, unreadable=("acme",))
    done = review(Range(revision(both), head), terms())
    assert [each.slug for each in done.tenants] == ["zebra"]
    assert (kinds(done), done.is_invalid, done.is_refused) == ([GuardKind.DELETED_BY_ABSENCE], True, True)


def test_a_renamed_file_is_moved_and_not_only_gone() -> None:
    done = review(Range(revision({"acme": tenant()}), revision({"twin": tenant()})), terms())
    assert {each.slug: each.guards for each in done.tenants} == {
        "acme": (Guard(GuardKind.DELETED_BY_ABSENCE),),
        "twin": (Guard(GuardKind.FILE_MOVED, None, {"before": "acme"}),),
    }


def test_an_id_of_a_file_that_is_still_there_is_used_again() -> None:
    """Two files with one id are a problem of one of them: it is not gone, so the other one is no move of it."""
    head = revision({"twin": tenant()}, PROBLEM, unreadable=("acme",))
    done = review(Range(revision({"acme": tenant()}), head), terms())
    assert [(each.slug, each.guards) for each in done.tenants] == [
        ("twin", (Guard(GuardKind.ID_REUSED, None, {"by": "acme"}),))
    ]
    swapped = {"acme": tenant(id="z7f3q9wz2m"), "twin": tenant()}
    done = review(Range(revision({"acme": tenant()}), revision(swapped)), terms())
    assert kinds(done) == [GuardKind.ID_CHANGED, GuardKind.ID_REUSED]


def test_terms_that_lie_ahead_are_refused_by_the_day_where_the_customer_is() -> None:
    refused = [Guard(GuardKind.TERMS_AHEAD, None, {"terms_accepted_on": "2026-11-03"})]
    late = terms(datetime(2026, 11, 2, 23, 30, tzinfo=UTC))
    for timezone, expected in {"UTC": refused, "Europe/Paris": []}.items():
        signed = vendors_tenant(timezone=timezone, storage=STORAGE)
        [done] = review(Range(revision({}), revision({"acme": signed})), late).tenants
        assert list(done.guards) == expected
    assert guards.judge_terms(tenant(), date(2026, 1, 1)) == []


def test_authors_are_asked_for_only_where_a_rule_needs_them() -> None:
    run(tenant(), tenant(name="Martin et fils"))
    leaving, held = tenant(status="leaving", leaving=LEAVING), tenant(hold=HOLD)
    assert kinds(run(tenant(), leaving, terms(find_authorship=authored("boris@smileo.example")))) == [
        GuardKind.SELF_APPROVED
    ]
    assert kinds(run(tenant(), leaving, terms(find_authorship=authored("anna@smileo.example")))) == []
    assert kinds(run(held, tenant(), terms(find_authorship=authored()))) == [GuardKind.HOLD_LIFTED]
    assert kinds(run(held, tenant(), terms(find_authorship=authored(lifts=("ORD-7",))))) == []


def test_use_is_asked_of_a_tenant_as_the_base_has_it() -> None:
    asked: list[Tenant] = []

    def look(found: Tenant) -> LiveUse:
        asked.append(found)
        return LiveUse(9 << 30, 1 << 30, ("compta-01",))

    before, after = tenant(), storage(quota="9 GiB")
    done = run(before, after, terms(look=look))
    assert asked == [before]
    assert kinds(done) == [GuardKind.AMENDMENT_LACKING, GuardKind.QUOTA_BELOW_USE]
    assert run(None, after, terms(look=look)).tenants[0].use is None
    assert len(asked) == 1
    assert kinds(run(before, None, terms(look=look))) == [GuardKind.DELETED_BY_ABSENCE]


def test_use_that_cannot_be_read_refuses_nothing_and_is_no_use_of_zero() -> None:
    stored = settings(prices={**PRICES, "volume": "stored"})
    base, head = revision({"acme": tenant()}, of=stored), revision({"acme": storage(quota="9 GiB")}, of=stored)
    done = review(Range(base, head), terms(look=lambda _: Unseen("it is away")))
    (found,) = done.tenants
    assert found.use == Unseen("it is away")
    assert kinds(done) == [GuardKind.AMENDMENT_LACKING]
    assert isinstance(found.price.before, NoPrice)
    seen = review(Range(base, head), terms(look=lambda _: LiveUse(1 << 30, 1 << 30, ())))
    assert isinstance(seen.tenants[0].price.before, MonthlyPrice)


def test_nothing_of_the_newer_platform_file_sets_a_rule() -> None:
    """Otherwise a pull request would bring the rules by which it is judged."""
    proposed = settings(
        working_hours={"days": "daily", "opens": "00:00", "closes": "23:59"},
        offboarding={"retrieval_days": 90},
        prices=DEARER,
        platforms={"lab": {**PLATFORM["platforms"]["lab"], "capacity": "900 TiB", "overcommit_percent": 1000}},
    )
    limited = {"lab": {**PLATFORM["platforms"]["lab"], "capacity": "10 GiB"}}
    base = settings(platforms=limited)
    before, after = {"acme": tenant()}, {"acme": storage(quota="11 GiB").model_copy(update={"hold": None})}
    found = Range(revision(before, of=base), revision(after, of=proposed))
    done = review(found, terms(SUNDAY, settings=base))
    assert done.is_platform_file_changed
    assert [each.kind for each in done.guards] == [GuardKind.PLATFORM_FULL]
    assert [each.kind for each in done.consequences] == [ConsequenceKind.OUT_OF_HOURS]
    assert isinstance(done.tenants[0].price.before, MonthlyPrice)
    assert isinstance(done.tenants[0].price.after, MonthlyPrice)
    assert done.tenants[0].price.before.total_eur == Decimal("18.00")
    assert done.tenants[0].price.after.total_eur == Decimal("60.00")
    leaving = {"acme": tenant(status="leaving", leaving=LEAVING)}
    departures = [
        review(Range(revision(before, of=base), revision(leaving, of=head)), terms(find_authorship=authored())).tenants
        for head in (base, proposed)
    ]
    assert departures[0][0].consequences == departures[1][0].consequences


def test_a_platform_sells_as_much_as_its_capacity_and_its_factor_allow() -> None:
    def sellable(**changes: Any) -> int | None:
        platforms = {"lab": {**PLATFORM["platforms"]["lab"], **changes}}
        return settings(platforms=platforms).platforms["lab"].sellable_bytes

    assert sellable() is None
    assert sellable(overcommit_percent=150) is None
    assert sellable(capacity="10 GiB") == 10 << 30
    assert sellable(capacity="10 GiB", overcommit_percent=150) == 15 << 30
    assert sellable(capacity="1 KiB", overcommit_percent=1) == 10


def test_an_apply_within_working_hours_costs_no_more() -> None:
    assert run(tenant(), plan(paths=["/srv"]), terms(MONDAY)).consequences == ()
    (late,) = run(tenant(), plan(paths=["/srv"]), terms(SUNDAY)).consequences
    evidence = {"reason": "Sun is not a working day", "hour_eur": None}
    assert late == Consequence(ConsequenceKind.OUT_OF_HOURS, None, evidence)


def follows(before: Tenant, after: Tenant, **changes: Any) -> list[Consequence]:
    (found,) = run(before, after, terms(**changes)).tenants
    return list(found.consequences)


def test_weaker_protection_owes_a_notice_unless_an_order_asks_for_it() -> None:
    notice = follows(plan(), plan(paths=["/home"], keep={"daily": 1}))
    assert notice == [Consequence(ConsequenceKind.NOTICE_OWED, None, {"kinds": ("keep", "paths")})]
    assert follows(plan(), plan(keep={"daily": 60, "weekly": 12})) == []
    assert follows(tenant(options=["restore"]), tenant()) == []


def test_dates_costs_and_losses_follow_from_a_change() -> None:
    departed = follows(tenant(), tenant(status="leaving", leaving=LEAVING), find_authorship=authored())
    assert [each.kind for each in departed] == [ConsequenceKind.DEPARTURE]
    assert departed[0].dates
    assert follows(tenant(leaving=LEAVING), tenant(), find_authorship=authored()) == []
    assert follows(tenant(), storage(platform="other")) == [Consequence(ConsequenceKind.STARTS_FROM_ZERO)]
    freed = Consequence(ConsequenceKind.LICENCE_FREED, "compta-01", {"until": "2027-03-31"})
    assert follows(machine(), machine(retired=RETIRED)) == [freed]
    assert follows(machine(retired=RETIRED), machine()) == []
    enrols = [Consequence(ConsequenceKind.MUST_ENROL, "compta-01")]
    assert follows(machine(), machine(connection={"via": "pull"})) == enrols
    assert follows(machine(connection={"via": "pull"}), machine(connection={"via": "pull"}, os="macos")) == []
    assert enrols[0] in follows(
        machine(connection={"via": "pull"}), machine(connection={"via": "pull"}, agent="acronis")
    )
    renamed = tenant(machines={"new-01": machine().machines["compta-01"].model_dump()}, plans={"office": PLAN})
    assert Consequence(ConsequenceKind.STARTS_FROM_ZERO, "new-01") in follows(machine(), renamed)


AWS = {
    "kind": "aws",
    "account": "123456789012",
    "region": "eu-west-3",
    "hosting": {"operator": "Amazon Web Services EMEA SARL", "site": "Paris", "country": "FR"},
}


def test_what_a_platform_bills_is_compared_where_it_bills_by_use() -> None:
    """A second copy on AWS, which grows with the quota; Ceph bills nobody."""
    of = settings(platforms={**PLATFORM["platforms"], "aws-paris": AWS})
    small = storage(copy={"platform": "aws-paris"})
    large = storage(quota="20 GiB", copy={"platform": "aws-paris"})

    def costs(before: Tenant, after: Tenant) -> list[tuple[str, Decimal | None, Decimal | None]]:
        found = Range(revision({"martin": before}, of=of), revision({"martin": after}, of=of))
        [reviewed] = review(found, terms(settings=of)).tenants
        return [(each.platform, month(each.before), month(each.after)) for each in reviewed.costs]

    [(platform, was, now)] = costs(small, large)
    assert platform == "aws-paris"
    assert was is not None
    assert now is not None
    assert now > was > 0
    assert costs(tenant(), small) == [("aws-paris", None, was)]
    assert costs(tenant(), storage(quota="20 GiB")) == []


def month(cost: CostEstimate | NoPrices | None) -> Decimal | None:
    return cost.month if isinstance(cost, CostEstimate) else None
