"""Bundles as values: silent about their secrets, exact about whose they are."""

import json

import pytest
from pydantic import SecretStr, ValidationError

from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, DataBundle, all_secret_values, from_document, to_document
from coffre.secrets.errors import CorruptBundleError, ForeignBundleError

TENANT_ID = "k7f3q9wz2m"


def test_document_has_the_agreed_shape(control: ControlBundle, data: DataBundle) -> None:
    machine = control.machine_keys["compta-01"]
    assert json.loads(to_document(control)) == {
        "version": 2,
        "tenant_id": TENANT_ID,
        "kind": "control",
        "owner_key": {
            "access_key_id": control.owner_key.access_key_id,
            "secret_access_key": control.owner_key.secret_access_key.get_secret_value(),
        },
        "machine_keys": {
            "compta-01": {
                "access_key_id": machine.access_key_id,
                "secret_access_key": machine.secret_access_key.get_secret_value(),
            }
        },
        "stack_passphrase": control.stack_passphrase.get_secret_value(),
        "signing_key": control.signing_key.get_secret_value(),
        "old_owner_key": None,
        "old_machine_keys": {},
        "old_signing_key": None,
        "condemned": [],
        "credentials": {},
        "report_keys": {},
    }
    assert json.loads(to_document(data)) == {
        "version": 2,
        "tenant_id": TENANT_ID,
        "kind": "data",
        "repository_passwords": {
            name: each.reveal_for_storage().get_secret_value() for name, each in data.repository_passwords.items()
        },
    }


def test_document_reads_back_equal(control: ControlBundle, data: DataBundle) -> None:
    assert from_document(to_document(control), ControlBundle, TENANT_ID, "x") == control
    assert from_document(to_document(data), DataBundle, TENANT_ID, "x") == data


def test_a_bundle_of_before_reports_were_sealed_reads_and_has_no_key_for_them(control: ControlBundle) -> None:
    fields = json.loads(to_document(control))
    del fields["report_keys"]
    assert from_document(json.dumps(fields).encode(), ControlBundle, TENANT_ID, "x") == control


def test_a_bundle_in_the_middle_of_everything_reads_back_equal_and_tells_all_its_secrets(
    control: ControlBundle,
) -> None:
    rotated = rotations.start(control, rotations.list_subjects(control, ["compta-01"]), now=True)
    update = {"credentials": {"sudo": SecretStr("hunter2")}, "report_keys": {"compta-01": SecretStr("a report key")}}
    full = rotated.model_copy(update=update)
    assert from_document(to_document(full), ControlBundle, TENANT_ID, "x") == full
    assert all_secret_values(full) == all_secret_values(control) | all_secret_values(rotated) | {
        "hunter2",
        "a report key",
    }
    assert len(all_secret_values(full)) == 9
    assert not [secret for secret in all_secret_values(full) if secret in f"{full!r}{full}{full.model_dump_json()}"]


def test_a_bundle_written_before_there_were_rotations_reads_back(control: ControlBundle) -> None:
    document = json.loads(to_document(control))
    for name in ("old_owner_key", "old_machine_keys", "old_signing_key", "condemned", "credentials"):
        del document[name]
    assert from_document(json.dumps(document).encode(), ControlBundle, TENANT_ID, "x") == control


def test_a_bundle_without_the_owner_s_key_reads_back_but_never_one_that_lacks_the_field(control: ControlBundle) -> None:
    bare = control.model_copy(update={"owner_key": None, "machine_keys": {}})
    assert from_document(to_document(bare), ControlBundle, TENANT_ID, "x") == bare
    assert len(all_secret_values(bare)) == 2
    document = json.loads(to_document(control))
    del document["owner_key"]
    with pytest.raises(CorruptBundleError, match="not a valid control bundle: owner_key"):
        from_document(json.dumps(document).encode(), ControlBundle, TENANT_ID, "x")


def test_no_text_form_of_a_bundle_shows_a_secret(control: ControlBundle, data: DataBundle) -> None:
    for bundle in (control, data):
        shown = "".join((repr(bundle), str(bundle), bundle.model_dump_json(), str(bundle.model_dump())))
        assert not [secret for secret in all_secret_values(bundle) if secret in shown]


def test_all_secret_values_are_all_of_them(control: ControlBundle, data: DataBundle) -> None:
    assert all_secret_values(control) == {
        control.owner_key.secret_access_key.get_secret_value(),
        control.machine_keys["compta-01"].secret_access_key.get_secret_value(),
        control.stack_passphrase.get_secret_value(),
        control.signing_key.get_secret_value(),
    }
    assert all_secret_values(data) == {
        each.reveal_for_storage().get_secret_value() for each in data.repository_passwords.values()
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tenant_id": "other"}, "belongs to the tenant with id 'other'"),
        ({"kind": "control"}, "is a bundle of kind 'control', not 'data'"),
        ({"version": 3}, "is a bundle of version 3; this Coffre reads versions 1 and 2"),
        ({"version": None}, "is a bundle of version None"),
    ],
)
def test_foreign_document_is_told_by_what_it_is(data: DataBundle, change: dict[str, object], said: str) -> None:
    document = json.dumps(json.loads(to_document(data)) | change).encode()
    with pytest.raises(ForeignBundleError, match=said) as caught:
        from_document(document, DataBundle, TENANT_ID, "a.data.age")
    assert caught.value.hint


@pytest.mark.parametrize(
    "change",
    [
        {"signing_key": "c2hvcnQ="},
        {"signing_key": "not base64"},
        {"old_signing_key": "c2hvcnQ="},
        {"stack_passphrase": ""},
        {"owner_key": {"access_key_id": "A"}},
        {"surprise": "hunter2"},
        {"condemned": ["the old owner's key"]},
        {"condemned": [{"kind": "machine_key", "subject": None, "generation": "old"}]},
        {"condemned": [{"kind": "owner_key", "hunter2": None}]},
    ],
)
def test_unsound_document_is_corrupt_and_not_quoted(control: ControlBundle, change: dict[str, object]) -> None:
    document = json.dumps(json.loads(to_document(control)) | change).encode()
    with pytest.raises(CorruptBundleError, match=f"not a valid control bundle: {next(iter(change))}$") as caught:
        from_document(document, ControlBundle, TENANT_ID, "a.control.age")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("document", [b"", b"[]", b"\xff", b"hunter2"])
def test_what_is_no_document_is_corrupt(document: bytes) -> None:
    with pytest.raises(CorruptBundleError, match="its content is not a bundle"):
        from_document(document, DataBundle, TENANT_ID, "a.data.age")


def test_building_a_wrong_bundle_does_not_quote_its_secret() -> None:
    with pytest.raises(ValidationError) as caught:
        DataBundle.model_validate({"tenant_id": TENANT_ID, "repository_passwords": {"pc": ["hunter2"]}})
    assert "hunter2" not in str(caught.value)


def test_bundles_do_not_change(data: DataBundle) -> None:
    with pytest.raises(ValidationError):
        data.tenant_id = "other"
    assert data.model_copy(update={"repository_passwords": {"pc": SecretStr("x")}}) != data
