"""A tenant without storage is told why it has none, and what to do about it."""

from datetime import date

import pytest

from coffre.cli.backups.arguments import PASSED_OVER
from coffre.errors import RefusedError
from coffre.records.facts.agents import Install
from coffre.records.facts.departure import DepartureStage, Stage
from coffre.records.facts.fact import Fact
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.presence import PassedOver, find_passed_over, find_unapplied, refuse_unapplied
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.log import InMemoryLog

TENANT = tenant_with(machines={"compta-01": machine_with(), "caisse-01": machine_with()}, licences={"workstation": 2})
INSTALL, ERASED = Install(generation=1), DepartureStage(date(2027, 5, 1), stage=Stage.ERASED)
COMPTA, CAISSE = "compta-01", "caisse-01"


def seen(owned: list[str], traces: list[tuple[Fact, str | None]]) -> tuple[Tenant, TenantBuckets, InMemoryLog]:
    log = InMemoryLog()
    for fact, machine in traces:
        log.append(fact, machine)
    return TENANT, InMemoryEstate.of(TENANT, *owned).buckets, log


def refusal(owned: list[str], traces: list[tuple[Fact, str | None]], machines: list[str]) -> RefusedError | None:
    try:
        refuse_unapplied(*seen(owned, traces), machines)
    except RefusedError as refused:
        return refused
    return None


@pytest.mark.parametrize(
    ("owned", "traces", "machines", "said", "advice"),
    [
        ([], [], [COMPTA], "was never applied: lab has no storage of it", "Run `coffre apply"),
        ([], [], [], "was never applied", "Run `coffre apply"),
        ([], [(INSTALL, COMPTA)], [COMPTA], "although the tenant was applied there", "--platform-lost"),
        ([], [(INSTALL, COMPTA), (ERASED, None)], [], "has left", "offboard"),
        ([COMPTA], [(INSTALL, COMPTA)], [COMPTA, CAISSE], "caisse-01 was never applied", "Run `coffre apply"),
        ([COMPTA], [(INSTALL, CAISSE)], [CAISSE], "no longer has the bucket of caisse-01", "coffre status"),
        (["other"], [], [COMPTA, CAISSE], "compta-01, caisse-01 were never applied", "Run `coffre apply"),
    ],
)
def test_what_lacks_storage_is_told_by_its_cause(
    owned: list[str], traces: list[tuple[Fact, str | None]], machines: list[str], said: str, advice: str
) -> None:
    refused = refusal(owned, traces, machines)
    assert refused is not None
    assert said in refused.message
    assert advice in refused.hint
    assert TENANT.slug in refused.message


def test_storage_that_is_there_is_not_asked_for_more() -> None:
    assert refusal([COMPTA, CAISSE], [], [COMPTA, CAISSE]) is None
    assert refusal([COMPTA], [], [COMPTA]) is None


def test_work_goes_on_with_the_machines_that_have_storage() -> None:
    installed = [(INSTALL, COMPTA), (INSTALL, CAISSE)]
    assert find_unapplied(*seen([COMPTA, CAISSE], installed), [COMPTA, CAISSE]) == {}
    (gone,) = find_unapplied(*seen([COMPTA], installed), [COMPTA, CAISSE]).items()
    assert (gone[0], gone[1].message) == (CAISSE, "martin: lab no longer has the bucket of caisse-01")
    (never,) = find_unapplied(*seen([COMPTA], installed[:1]), [COMPTA, CAISSE]).items()
    assert (never[0], never[1].message) == (CAISSE, "martin: caisse-01 was never applied")


@pytest.mark.parametrize(
    ("owned", "said"), [([], "lab has no storage"), (["other"], "no longer has the bucket of compta-01")]
)
def test_there_is_no_going_on_with_none(owned: list[str], said: str) -> None:
    with pytest.raises(RefusedError, match=said):
        find_unapplied(*seen(owned, [(INSTALL, COMPTA)]), [COMPTA])


def test_a_command_over_all_tenants_passes_over_what_nobody_can_or_may_read() -> None:
    tenant, log = tenant_with(), InMemoryLog()
    assert find_passed_over(tenant, log) is PassedOver.NEVER_APPLIED
    log.append(INSTALL, "compta-01")
    assert find_passed_over(tenant, log) is None
    blocked = {"reference": "ORD-7", "since": "2026-11-10", "kind": "block_access"}
    assert find_passed_over(tenant_with(hold=blocked), log) is PassedOver.HELD
    assert find_passed_over(tenant_with(hold={**blocked, "kind": "preserve"}), log) is None
    log.append(ERASED)
    assert find_passed_over(tenant, log) is PassedOver.LEFT
    assert set(PASSED_OVER) == {each.value for each in PassedOver}
