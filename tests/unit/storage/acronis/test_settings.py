"""The settings of a platform at Acronis, and what a tenant's file comes to there."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from coffre.acronis.access import read_access
from coffre.errors import ExpectedError, InvalidFileError, RefusedError
from coffre.spec.quota import beyond_sold_bytes, wall_bytes
from coffre.spec.storage_platform import AcronisPlatform, Edition
from coffre.storage.acronis.layout import tenant_layout
from coffre.storage.acronis.provider.items import PREFIXES
from coffre.storage.acronis.provider.scope import declare_all
from tests.acronis.platforms import new_tenant, settings_of
from tests.acronis.running import VendorCloud
from tests.builders import PLATFORM

SETTINGS: dict[str, Any] = {
    "kind": "acronis",
    "url": "https://eu2-cloud.acronis.com",
    "credential": "env:ACRONIS_CREDENTIAL",
    "partner": "3F0E2E0C-4B5E-4C31-9C3B-7A1D2B9F4E11",
    "storage": "Partner cloud",
    "agents_email": "supervision@smileo.example",
    "vendor": {"name": "Éditeur GmbH", "country": "CH"},
    "hosting": PLATFORM["platforms"]["lab"]["hosting"],
}
PLATFORM_OF_VENDOR = AcronisPlatform.model_validate(SETTINGS)
CREDENTIAL = {"client_id": "6e6d758d-1111-2222", "client_secret": "a-secret-of-the-vendor"}


def test_a_platform_has_no_room_above_the_quota() -> None:
    assert PLATFORM_OF_VENDOR.partner == SETTINGS["partner"].lower()
    assert PLATFORM_OF_VENDOR.edition is Edition.PER_WORKLOAD
    assert wall_bytes(100 * 10**9, PLATFORM_OF_VENDOR) == 100 * 10**9
    assert beyond_sold_bytes(100 * 10**9, PLATFORM_OF_VENDOR) == 0


def test_the_editions_are_those_that_the_provider_knows() -> None:
    assert [each.value for each in Edition] == list(PREFIXES)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"url": "http://eu2-cloud.acronis.com"}, "not the address of a data center"),
        ({"url": "https://anne:secret@eu2-cloud.acronis.com"}, "not the address of a data center"),
        ({"url": "https://eu2-cloud.acronis.com/login"}, "not the address of a data center"),
        ({"partner": "10584816"}, "not the UUID of a tenant"),
        ({"credential": "the-secret-itself"}, "not a valid reference"),
        ({"edition": "standard"}, "edition"),
        ({"language": "français"}, "not a language"),
        ({"reserve": {"percent": 5}}, "reserve means nothing at Acronis"),
        ({"object_limit": 5000}, "object_limit means nothing at Acronis"),
        ({"undelete_allowance_percent": 25}, "undelete_allowance_percent means nothing"),
        ({"vendor": None}, "vendor"),
    ],
)
def test_wrong_settings_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem) as refused:
        AcronisPlatform.model_validate({**SETTINGS, **changes})
    assert "anne:secret" not in refused.value.errors(include_input=False)[0]["msg"]


def test_the_stand_in_s_settings_are_as_those_of_a_file(cloud: VendorCloud, tmp_path: Path) -> None:
    assert AcronisPlatform.model_validate(settings_of(cloud, tmp_path / "x")).url == cloud.url


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a-secret-of-the-vendor", "not JSON"),
        (json.dumps(["a-secret-of-the-vendor"]), "not a JSON object"),
        (json.dumps({"client_id": CREDENTIAL["client_id"]}), "has no client_secret"),
        (json.dumps({**CREDENTIAL, "client_secret": 7}), "has no client_secret"),
        (json.dumps({**CREDENTIAL, "client_id": "a b"}), "not the id of an API client"),
        ("", "not set"),
    ],
)
def test_a_wrong_credential_is_named_and_never_shown(monkeypatch: pytest.MonkeyPatch, text: str, problem: str) -> None:
    monkeypatch.setenv("ACRONIS_CREDENTIAL", text)
    with pytest.raises(ExpectedError, match=problem) as refused:
        read_access(PLATFORM_OF_VENDOR, Path("/nowhere"))
    assert "a-secret-of-the-vendor" not in f"{refused.value.message} {refused.value.hint} {refused.value!r}"


def test_a_credential_is_read_and_its_secret_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACRONIS_CREDENTIAL", json.dumps(CREDENTIAL))
    access = read_access(PLATFORM_OF_VENDOR, Path("/nowhere"))
    assert (access.data_center.url, str(access.client_id)) == (SETTINGS["url"], CREDENTIAL["client_id"])
    assert access.client_secret.get_secret_value() == CREDENTIAL["client_secret"]
    assert CREDENTIAL["client_secret"] not in repr(access)


def test_a_file_comes_to_licences_a_hard_quota_and_two_users() -> None:
    tenant = new_tenant(name="Boulangerie  Martin SARL")
    layout = tenant_layout(tenant, PLATFORM_OF_VENDOR)
    assert layout.external_id == f"coffre:{tenant.id}"
    assert (layout.name, layout.quota_bytes) == ("Boulangerie Martin SARL", 100 * 10**9)
    assert layout.licences == {"workstations": 12, "servers": 2}
    assert layout.contact == {
        "email": "claire@martin.example",
        "firstname": "Claire",
        "lastname": "Martin",
        "phone": "+33 4 76 00 00 00",
    }
    owner, administrator = layout.users
    assert (owner.email, owner.activation_mails) == (SETTINGS["agents_email"], 0)
    assert owner.roles == {"backup_user": "personal"}
    assert (administrator.email, administrator.activation_mails) == ("claire@martin.example", 1)
    assert layout.enabled
    for kind, given in declare_all(layout):
        assert kind.check(given)[1] == []


@pytest.mark.parametrize(
    ("changes", "enabled"),
    [
        ({"status": "suspended"}, False),
        ({"hold": {"reference": "TJ 1", "since": "2027-01-15", "kind": "block_access"}}, False),
        ({"hold": {"reference": "TJ 1", "since": "2027-01-15", "kind": "preserve"}}, True),
    ],
)
def test_a_customer_is_disabled_while_nobody_may_work_in_it(changes: dict[str, Any], enabled: bool) -> None:
    assert tenant_layout(new_tenant(**changes), PLATFORM_OF_VENDOR).enabled is enabled


def test_a_licence_of_no_machine_is_left_out_and_a_tenant_without_one_refused() -> None:
    assert tenant_layout(new_tenant(licences={"workstation": 3, "server": 0}), PLATFORM_OF_VENDOR).licences == {
        "workstations": 3
    }
    with pytest.raises(RefusedError, match="has no licence"):
        tenant_layout(new_tenant(licences={"workstation": 0}), PLATFORM_OF_VENDOR)


def test_one_word_is_both_names_of_a_contact() -> None:
    contact = {"name": "Accueil", "email": "a@b.example", "phone": "+33 4 76 00 00 00"}
    administrator = tenant_layout(new_tenant(contact=contact), PLATFORM_OF_VENDOR).users[1]
    assert (administrator.firstname, administrator.lastname) == ("Accueil", "Accueil")


def test_a_second_copy_is_refused() -> None:
    storage = {"platform": "lab", "quota": "1 To", "copy": {"platform": "vendor"}}
    copied = new_tenant(storage=storage).copied()
    assert copied is not None
    with pytest.raises(RefusedError, match="no second copy"):
        tenant_layout(copied, PLATFORM_OF_VENDOR)


def test_an_unusable_file_of_authorities_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from coffre.storage.acronis.connect import open_session

    monkeypatch.setenv("ACRONIS_CREDENTIAL", json.dumps(CREDENTIAL))
    (tmp_path / "ca.pem").write_text("nothing")
    platform = AcronisPlatform.model_validate({**SETTINGS, "ca_file": "ca.pem"})
    with pytest.raises(InvalidFileError, match="CA file"):
        open_session(read_access(platform, tmp_path))
