"""The change of a file that accepts drift."""

import pytest
import yaml

from coffre.provisioning.drift.adopt import adopt
from coffre.provisioning.drift.values import Drift, DriftKind
from coffre.spec.platform import PlatformFile
from coffre.spec.quota import wall_bytes
from coffre.spec.tenant import Tenant
from tests.builders import ACRONIS_PLATFORM, PLATFORM, machine_with, tenant_file, tenant_with

TERMS = PlatformFile.model_validate(PLATFORM).platforms["lab"]
TENANT = tenant_with()
CAISSE = machine_with(connection={"via": "ssh", "host": "caisse-01.martin.example", "user": "root"})
FILE = tenant_file(machines={"compta-01": machine_with(), "caisse-01": CAISSE})
GIB = 1024**3


def rule(days: int) -> dict[str, object]:
    return {"Status": "Enabled", "Prefix": "", "NoncurrentVersionExpiration": {"NoncurrentDays": days}}


def adopted(*drift: Drift, tenant: Tenant = TENANT, text: str = FILE) -> tuple[str, tuple[Drift, ...]]:
    found = adopt(tenant, drift, TERMS, "tenants/martin.yaml", text.encode(), ["lab"])
    lines = found.diff.splitlines()
    assert lines[:2] in ([], ["--- a/tenants/martin.yaml", "+++ b/tenants/martin.yaml"])
    return "\n".join(line for line in lines[2:] if line.startswith(("-", "+"))), found.rest


def test_another_wall_is_the_quota_that_has_it() -> None:
    changed, rest = adopted(Drift(DriftKind.WALL, None, "", 0, wall_bytes(40 * GIB, TERMS)))
    assert changed == "-  quota: 10 GiB\n+  quota: 40 GiB"
    assert rest == ()


@pytest.mark.parametrize("wall", [0, 1024, GIB])
def test_a_wall_below_every_quota_is_nothing_that_a_file_says(wall: int) -> None:
    low = Drift(DriftKind.WALL, None, "", 5, wall)
    assert adopted(low) == ("", (low,))


def test_no_wall_at_all_is_nothing_that_a_file_says() -> None:
    gone = Drift(DriftKind.WALL, None, "", 5, None)
    assert adopted(gone) == ("", (gone,))


def test_days_of_every_bucket_are_the_days_of_the_file_and_of_one_bucket_are_not() -> None:
    drift = [Drift(DriftKind.LIFECYCLE, name, "all", rule(14), rule(21)) for name in TENANT.machines]
    changed, rest = adopted(*drift)
    assert (changed, rest) == ("+  undelete_days: 21", ())
    assert adopted(drift[0]) == ("", (drift[0],))


def test_what_the_file_may_not_say_is_not_shown() -> None:
    drift = [Drift(DriftKind.LIFECYCLE, name, "all", rule(14), rule(3)) for name in TENANT.machines]
    assert adopted(*drift) == ("", tuple(drift))  # seven days at least


def test_a_rule_of_which_more_differs_is_no_number_of_days() -> None:
    disabled = {**rule(21), "Status": "Disabled"}
    drift = [Drift(DriftKind.LIFECYCLE, name, "all", rule(14), disabled) for name in TENANT.machines]
    assert adopted(*drift) == ("", tuple(drift))


def test_machines_that_are_all_shut_out_are_a_suspended_tenant() -> None:
    drift = [Drift(DriftKind.SUSPENSION, name, "", False, True) for name in TENANT.machines]
    assert adopted(*drift) == ("+status: suspended", ())
    assert adopted(drift[0]) == ("", (drift[0],))


def test_a_hostile_name_is_one_quoted_value() -> None:
    hostile = 'Martin": evil\nstatus: suspended # "'
    changed, rest = adopted(Drift(DriftKind.USER, None, "display_name", TENANT.name, hostile))
    added = [line for line in changed.splitlines() if line.startswith("+")]
    assert len(added) <= 1
    assert changed == "" or yaml.safe_load(added[0][1:])["name"] == hostile
    assert bool(changed) is not bool(rest)


def test_the_copy_is_not_said_by_the_tenants_own_settings() -> None:
    there = Drift(DriftKind.WALL, None, "", 0, wall_bytes(40 * GIB, TERMS), copied_to="paris")
    assert adopted(there) == ("", (there,))


def test_a_part_of_the_quota_elsewhere_is_not_the_quota_of_the_file() -> None:
    elsewhere = Drift(DriftKind.WALL, None, "", 0, wall_bytes(40 * GIB, TERMS), part="vendor")
    assert adopted(elsewhere) == ("", (elsewhere,))


def test_an_owner_that_is_suspended_itself_is_a_suspended_tenant() -> None:
    changed, rest = adopted(Drift(DriftKind.SUSPENSION, None, "", False, True))
    assert (changed, rest) == ("+status: suspended", ())


def test_a_vendors_quota_is_the_quota_to_the_byte() -> None:
    terms = PlatformFile.model_validate(ACRONIS_PLATFORM).platforms["lab"]
    drift = Drift(DriftKind.WALL, None, "", 10**10, 3 * 10**10)
    found = adopt(TENANT, [drift], terms, "tenants/martin.yaml", FILE.encode(), ["lab"])
    assert "+  quota: 30 Go" in found.diff.splitlines()
