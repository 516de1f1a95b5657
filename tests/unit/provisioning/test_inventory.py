"""The inventory put together from a tenant file and its events, and the ids that the past has taken."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from coffre.cli.words.enrolment import describe_known_enrolment
from coffre.provisioning.inventory import build_ansible_inventory, describe_machine, list_machines
from coffre.provisioning.known_ids import open_known_ids
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.spec.loader import Checkout, load_checkout
from tests.builders import machine_with, tenant_with

REPOSITORY = Path(__file__).resolve().parents[3]
TENANT = tenant_with()
HASH = "ab" * 32
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def event(kind: EventKind, hour: int, machine: str | None = "compta-01", **details: object) -> Event:
    at = datetime(2026, 12, 1, hour, tzinfo=UTC)
    return Event("k7f3q9wz2m", "martin", kind, at, "test", machine=machine, details=details)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copy(REPOSITORY / "platform.yaml", tmp_path)
    shutil.copytree(REPOSITORY / "tenants", tmp_path / "tenants")
    return load_checkout(tmp_path)


def test_nothing_recorded_is_nothing_known() -> None:
    known = describe_machine(TENANT, "compta-01", [], NOW)
    assert (known.generation, known.agent_sha256, known.installed_at, known.commissioned_at) == (None,) * 4
    assert known.uid == "martin-k7f3q9wz2m.compta-01"


def test_the_last_installation_counts_and_a_removal_ends_it() -> None:
    history = [
        event(EventKind.INSTALL, 8, generation=1, agent_sha256="cd" * 32),
        event(EventKind.COMMISSIONED, 9, None),
        event(EventKind.UPDATE, 10, generation=2, agent_sha256=HASH, agent_version="0.2.0"),
        event(EventKind.UPDATE, 11, "caisse-01", generation=7, agent_sha256="ef" * 32),
        event(EventKind.COMMISSIONED, 12, None),
    ]
    known = describe_machine(TENANT, "compta-01", history, NOW)
    assert (known.generation, known.agent_sha256, known.agent_version) == (2, HASH, "0.2.0")
    assert known.installed_at == history[2].at
    assert known.commissioned_at == history[1].at
    removed = describe_machine(TENANT, "compta-01", [*history, event(EventKind.REMOVAL, 13)], NOW)
    assert (removed.generation, removed.installed_at) == (None, None)


def test_a_retired_machine_has_no_user_any_more() -> None:
    retired = machine_with(retired={"on": "2026-12-31", "keep_until": "2027-03-31"})
    known = describe_machine(tenant_with(machines={"compta-01": retired}), "compta-01", [], NOW)
    assert (known.uid, known.retired_on, known.keep_until) == (None, date(2026, 12, 31), date(2027, 3, 31))


INVITED = {"invitation": "0a" * 16, "expires_at": "2026-12-02T08:00:00+00:00", "needs_confirmation": False}
ANSWERED = {"number": 1, "public_key": "age1", "content_sha256": HASH, "invitation": "0a" * 16}


@pytest.mark.parametrize(
    ("history", "state"),
    [
        ([], "not invited"),
        ([event(EventKind.ENROLMENT_INVITED, 8, **INVITED)], "invited until 2026-12-02 08:00 UTC"),
        (
            [event(EventKind.ENROLMENT_INVITED, 8, **INVITED | {"expires_at": "2026-12-01T09:00:00+00:00"})],
            "its invitation expired on 2026-12-01 09:00 UTC",
        ),
        (
            [
                event(EventKind.ENROLMENT_INVITED, 8, **INVITED),
                event(EventKind.ENROLMENT_REVOKED, 9, invitation="0a" * 16, reason="lost"),
            ],
            "its invitation was revoked",
        ),
        (
            [
                event(EventKind.ENROLMENT_INVITED, 8, **INVITED),
                event(EventKind.CONFIGURATION_DELIVERED, 9, **ANSWERED),
            ],
            "answered, has not spoken yet",
        ),
        ([event(EventKind.INSTALL, 8, generation=1, agent_sha256=HASH)], "installed"),
    ],
)
def test_a_machine_that_nobody_can_reach_shows_how_far_its_enrolment_is(history: list[Event], state: str) -> None:
    pulled = tenant_with(machines={"compta-01": machine_with(connection={"via": "pull"})})
    assert describe_known_enrolment(describe_machine(pulled, "compta-01", history, NOW)) == state
    assert describe_machine(TENANT, "compta-01", history, NOW).enrolment is None


def test_looking_makes_no_database_and_a_broken_one_only_a_notice(checkout: Checkout) -> None:
    notices: list[str] = []
    slugs = list(checkout.tenants)
    assert len(list_machines(checkout, slugs, notices.append)) == 3
    assert (list((checkout.root).glob(".coffre*")), notices) == ([], [])
    (checkout.root / ".coffre").mkdir()
    (checkout.root / ".coffre/records.db").write_bytes(b"rubbish" * 1000)
    assert len(list_machines(checkout, slugs, notices.append)) == 3
    assert len(notices) == 1


def test_ansible_gets_a_group_a_tenant_and_no_secret(checkout: Checkout) -> None:
    groups = build_ansible_inventory(checkout, list(checkout.tenants))["all"]["children"]
    hosts = {group: sorted(entry["hosts"]) for group, entry in groups.items()}
    assert hosts == {
        "atelier_durand": ["atelier-durand.atelier-01"],
        "boulangerie_martin": ["boulangerie-martin.caisse-01", "boulangerie-martin.compta-01"],
    }
    assert groups["atelier_durand"]["hosts"]["atelier-durand.atelier-01"]["ansible_become"] is True


def test_ansible_gets_no_machine_of_a_site(checkout: Checkout) -> None:
    """Only the node of the site reaches it."""
    file = checkout.root / "tenants" / "atelier-durand.yaml"
    file.write_text(file.read_text().replace("user: operateur", "site: lyon, user: operateur"))
    with (checkout.root / "platform.yaml").open("a") as settings:
        settings.write("\nsites: {lyon: {via: ssh, host: node.lyon.example, user: coffre}}\n")
    now = load_checkout(checkout.root)
    groups = build_ansible_inventory(now, list(now.tenants))["all"]["children"]
    assert groups["atelier_durand"]["hosts"] == {}


def test_an_id_of_the_past_is_known_from_files_and_records(checkout: Checkout) -> None:
    with Records.open("sqlite:.coffre/records.db", checkout.root) as records:
        at = datetime(2026, 12, 1, tzinfo=UTC)
        records.append(Event("gone456789", "gone", EventKind.COMMISSIONED, at, "test"))
    with open_known_ids(checkout, pytest.fail) as is_known:
        assert [is_known(each) for each in ("t4x8m2ph6c", "gone456789", "zfree45678")] == [True, True, False]
