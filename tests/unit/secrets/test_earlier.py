"""Bundles of version 1 are taken over, in the middle of a rotation too. The files were made by Coffre at cb88dfc."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre.secrets import age, rotations
from coffre.secrets.bundles import ControlBundle, ProviderBundle, from_document, to_document
from coffre.secrets.earlier import read_phrase
from coffre.secrets.errors import ConflictingCopiesError, CorruptBundleError
from coffre.secrets.holders import keys, recipients
from coffre.secrets.holders.export import seal_export
from coffre.secrets.holders.verify import verify
from coffre.secrets.identifiers import SecretId, describe
from coffre.secrets.minting import new_access_key
from coffre.secrets.rotations import OWNER, SIGNING, machine_key
from coffre.workspace.file_store import FolderStore
from tests.unit.secrets.conftest import SLUG, TENANT_ID, Vault

MADE_BEFORE = Path(__file__).parents[2] / "cases" / "bundles" / "version-1"
COMPTA, CAISSE, SERVER = machine_key("compta-01"), machine_key("caisse-01"), machine_key("server-01")
MACHINES = ["compta-01", "caisse-01", "server-01"]
CONDEMNED = (CAISSE.secret, CAISSE.old_secret, OWNER.old_secret, SIGNING.old_secret)


@pytest.fixture
def before(bare_vault: Vault) -> Vault:
    """A vault that only the version before has written to."""
    for folder in (bare_vault.primary, bare_vault.escrow):
        folder.mkdir(parents=True, mode=0o700)
        for path in [*MADE_BEFORE.glob("*.age"), MADE_BEFORE / keys.RECIPIENTS_FILE]:
            shutil.copyfile(path, folder / path.name)
            (folder / path.name).chmod(0o600)
    bare_vault.identity.parent.mkdir(parents=True)
    shutil.copyfile(MADE_BEFORE / "identity-for-tests-only.txt", bare_vault.identity)
    bare_vault.identity.chmod(0o600)
    return bare_vault


def fields(vault: Vault, path: Path) -> dict[str, object]:
    """Return what a file holds, as it is written."""
    found: dict[str, object] = json.loads(
        age.unseal(path.read_bytes(), keys.read_identities(vault.identity, vault.root), path.name)
    )
    return found


def versions(vault: Vault, kind: str = "control") -> list[object]:
    return [fields(vault, path)["version"] for path in vault.copies(kind)]


def test_the_files_are_those_of_the_version_before(before: Vault) -> None:
    written = fields(before, before.copies("control")[0])
    assert written["version"] == 1
    assert written["condemned"] == [
        "the key of caisse-01",
        "the old key of caisse-01",
        "the old owner's key",
        "the old signing key",
    ]
    assert versions(before, "data") == [1, 1]


def test_every_bundle_opens_and_a_look_writes_nothing(before: Vault) -> None:
    files = before.everything()
    control = before.store().get_control(SLUG, TENANT_ID)
    assert control.condemned == tuple(sorted(CONDEMNED))
    assert [describe(each) for each in control.condemned] == [
        "the key of caisse-01",
        "the old key of caisse-01",
        "the old owner's key",
        "the old signing key",
    ]
    pending = rotations.pending_rotations(control, MACHINES)
    assert [(each.secret, each.is_cut) for each in pending] == [
        (OWNER.secret, True),
        (COMPTA.secret, False),
        (CAISSE.secret, True),
        (SIGNING.secret, True),
    ]
    assert rotations.is_to_be_replaced_again(control, CAISSE)
    assert set(before.store().get_data(SLUG, TENANT_ID).repository_passwords) == set(MACHINES)
    assert before.store().find_provider() is not None
    assert before.notices == []
    assert before.everything() == files


def test_the_next_save_writes_both_copies_in_the_form_of_today(before: Vault) -> None:
    control, data = before.store().get_control(SLUG, TENANT_ID), before.store().get_data(SLUG, TENANT_ID)
    assert before.store().save_control(SLUG, control)
    assert before.store().save_data(SLUG, data)
    assert versions(before) == versions(before, "data") == [2, 2]
    assert fields(before, before.copies("control")[0])["condemned"] == [
        {"kind": "machine_key", "subject": "caisse-01", "generation": "current"},
        {"kind": "machine_key", "subject": "caisse-01", "generation": "old"},
        {"kind": "owner_key", "subject": None, "generation": "old"},
        {"kind": "signing_key", "subject": None, "generation": "old"},
    ]
    assert before.store().get_control(SLUG, TENANT_ID) == control
    assert before.store().get_data(SLUG, TENANT_ID) == data
    files = before.everything()
    assert not before.store().save_control(SLUG, control)
    assert not before.store().save_data(SLUG, data)
    assert before.everything() == files


def test_the_provider_s_bundle_is_written_anew_too(before: Vault) -> None:
    provider = before.store().find_provider()
    assert isinstance(provider, ProviderBundle)
    assert before.store().save_provider(provider)
    assert not before.store().save_provider(provider)
    assert before.store().find_provider() == provider


@pytest.mark.parametrize("behind", [0, 1])
def test_a_copy_of_before_beside_one_of_today_is_the_same_bundle(before: Vault, behind: int) -> None:
    """Killed between the two writes, escrow first; or the older backup of a copy was put back."""
    old = before.copies("control")[behind].read_bytes()
    control = before.store().get_control(SLUG, TENANT_ID)
    before.store().save_control(SLUG, control)
    before.copies("control")[behind].write_bytes(old)
    assert sorted(map(str, versions(before))) == ["1", "2"]
    assert before.store().get_control(SLUG, TENANT_ID) == control
    assert before.notices == []
    assert before.store().save_control(SLUG, control)
    assert versions(before) == [2, 2]


def test_a_rotation_that_went_on_before_the_kill_is_gone_on_with(before: Vault) -> None:
    primary = before.copies("control")[0]
    old = primary.read_bytes()
    decided = rotations.condemn(before.store().get_control(SLUG, TENANT_ID), [COMPTA])
    before.store().save_control(SLUG, decided)
    primary.write_bytes(old)
    assert before.store().get_control(SLUG, TENANT_ID) == decided
    assert before.notices
    assert before.store().save_control(SLUG, decided)
    assert versions(before) == [2, 2]


def test_the_rotation_comes_to_its_end(before: Vault) -> None:
    store = before.store()
    control = store.get_control(SLUG, TENANT_ID)
    first = rotations.drop(control, [CAISSE])
    store.save_control(SLUG, first, dropping=[CAISSE.old_secret])
    assert first.condemned == tuple(sorted((CAISSE.secret, OWNER.old_secret, SIGNING.old_secret)))
    again = rotations.begin(first, [CAISSE])
    store.save_control(SLUG, again)
    assert again.old_machine_keys["caisse-01"] == control.machine_keys["caisse-01"]
    everything = [OWNER, COMPTA, CAISSE, SIGNING]
    decided = rotations.condemn(again, everything)
    store.save_control(SLUG, decided)
    ended = rotations.drop(decided, everything)
    store.save_control(SLUG, ended, dropping=[each.old_secret for each in everything])
    found = before.store().get_control(SLUG, TENANT_ID)
    assert (found.condemned, found.old_machine_keys, found.old_owner_key) == ((), {}, None)
    assert rotations.pending_rotations(found, MACHINES) == ()


def test_copies_that_disagree_are_a_conflict_across_versions(before: Vault) -> None:
    control = before.store().get_control(SLUG, TENANT_ID)
    other = control.model_copy(update={"machine_keys": {**control.machine_keys, "server-01": new_access_key()}})
    listed = keys.read_recipients(FolderStore(before.primary, before.root))
    before.copies("control")[1].write_bytes(age.seal(to_document(other), listed))
    with pytest.raises(ConflictingCopiesError, match=r"disagree about the key of server-01$"):
        before.store().get_control(SLUG, TENANT_ID)


def test_a_credential_that_escrow_alone_has_anew_counts_across_versions(before: Vault) -> None:
    control = before.store().get_control(SLUG, TENANT_ID)
    newer = control.model_copy(update={"credentials": {"sudo": SecretStr("autre")}})
    listed = keys.read_recipients(FolderStore(before.primary, before.root))
    before.copies("control")[1].write_bytes(age.seal(to_document(newer), listed))
    assert before.store().get_control(SLUG, TENANT_ID) == newer


def test_recipients_are_changed_and_the_form_stays(before: Vault) -> None:
    vault = recipients.Vault.open(before.primary, before.escrow, before.root, environment=before.environment)
    control = before.store().get_control(SLUG, TENANT_ID)
    recipients.add_recipient(vault, age.public_half(age.new_identity()), "un collègue", lambda text: None)
    assert versions(before) == [1, 1]
    assert before.store().get_control(SLUG, TENANT_ID) == control


def test_a_verification_finds_nothing_wrong_also_between_two_versions(before: Vault) -> None:
    vault = recipients.Vault.open(before.primary, before.escrow, before.root, environment=before.environment)
    assert verify(vault, {SLUG: TENANT_ID}, [SLUG]).is_sound
    primary = before.copies("control")[0]
    old = primary.read_bytes()
    before.store().save_control(SLUG, before.store().get_control(SLUG, TENANT_ID))
    primary.write_bytes(old)
    assert verify(vault, {SLUG: TENANT_ID}, [SLUG]).is_sound


def test_an_export_is_in_the_form_of_today(before: Vault) -> None:
    control = before.store().get_control(SLUG, TENANT_ID)
    identity = age.new_identity()
    sealed = seal_export(SLUG, control, {"compta-01": SecretStr("x")}, [age.public_half(identity)])
    exported = json.loads(age.unseal(sealed, [identity], "export"))
    assert exported["control"]["version"] == exported["data"]["version"] == 2
    assert from_document(json.dumps(exported["control"]).encode(), ControlBundle, TENANT_ID, "export") == control


@pytest.mark.parametrize("condemned", [["the key to everything"], ["the key of "], [7], "the owner's key", [["x"]]])
def test_what_the_version_before_never_wrote_is_corrupt(condemned: object, control: ControlBundle) -> None:
    document = json.loads(to_document(control)) | {"version": 1, "condemned": condemned}
    with pytest.raises(CorruptBundleError, match=r"not a valid control bundle: condemned$"):
        from_document(json.dumps(document).encode(), ControlBundle, TENANT_ID, "a.control.age")


@pytest.mark.parametrize("subject", [OWNER, SIGNING, COMPTA, machine_key("old-key-of-x")])
def test_each_phrase_of_before_is_what_a_key_is_called_today(subject: rotations.Subject) -> None:
    for secret in (subject.secret, subject.old_secret):
        assert read_phrase(describe(secret)) == secret


def test_what_is_no_phrase_names_no_key() -> None:
    found: list[SecretId | None] = [read_phrase(each) for each in ("machine_key", "the stack passphrase", None, 7)]
    assert found == [None] * 4
