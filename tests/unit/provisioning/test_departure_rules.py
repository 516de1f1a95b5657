"""apply, plan and rotate hold the file against how far a departure is: every status against every stage."""

import pytest

from coffre.errors import RefusedError
from coffre.provisioning.rules import refuse_by_departure
from coffre.records.facts.departure import Stage
from coffre.spec.tenant import TenantStatus
from coffre.tenant.departure import STILL_SERVED
from tests.builders import tenant_with

LEAVING = {
    "notice_on": "2027-01-04",
    "ends_on": "2027-02-28",
    "requested_by": "Claire Martin",
    "approved_by": "paul@smileo.example",
    "choice": "erase",
}


@pytest.mark.parametrize("status", list(TenantStatus))
@pytest.mark.parametrize("stage", [None, *(stage for stage in Stage if stage is not Stage.RENOUNCED)])
def test_a_service_is_changed_while_it_lasts_and_the_file_agrees(status: TenantStatus, stage: Stage | None) -> None:
    is_leaving = status in (TenantStatus.LEAVING, TenantStatus.CLOSED)
    tenant = tenant_with(status=status.value, leaving=LEAVING if is_leaving else None)
    may = {
        TenantStatus.ACTIVE: stage is None,
        TenantStatus.SUSPENDED: stage is None,
        TenantStatus.LEAVING: stage is None or stage in STILL_SERVED,
        TenantStatus.CLOSED: False,
    }[status]
    if may:
        refuse_by_departure(tenant, stage, {})
    else:
        with pytest.raises(RefusedError, match="martin"):
            refuse_by_departure(tenant, stage, {})


def test_a_closed_id_is_never_used_again() -> None:
    with pytest.raises(RefusedError, match="ids are never used again"):
        refuse_by_departure(tenant_with(), Stage.CLOSED, {})


def test_a_machine_whose_backups_are_erased_has_to_leave_the_file() -> None:
    tenant = tenant_with()
    refuse_by_departure(tenant, None, {"gone-since": Stage.CLOSED})
    with pytest.raises(RefusedError, match="martin/compta-01"):
        refuse_by_departure(tenant, None, {"compta-01": Stage.ERASED})
