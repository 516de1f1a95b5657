"""The end of a bundle: every copy goes, no other tenant's does, and what was destroyed can be told after any kill."""

import hashlib

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.destruction import BundleFiles
from coffre.secrets.identifiers import SecretId, SecretKind
from coffre.workspace.file_store import FolderStore
from tests.unit.secrets.conftest import SLUG, TENANT_ID


def saved(vault, slug=SLUG, tenant_id=TENANT_ID, *, with_control=True):
    """Make the bundles of a tenant; returns its data bundle."""
    if not vault.escrow.exists():
        vault.init()
    passwords = {name: minting.new_password() for name in ("compta-01", "caisse-01")}
    data = DataBundle(tenant_id=tenant_id, repository_passwords=passwords)
    vault.store().save_data(slug, data)
    if with_control:
        keys = {"owner_key": minting.new_access_key(), "signing_key": minting.new_signing_key()}
        control = ControlBundle(tenant_id=tenant_id, stack_passphrase=minting.new_passphrase(), **keys)
        vault.store().save_control(slug, control)
    return data


def destroy(vault, tenant_id=TENANT_ID):
    return vault.store().destroy(SLUG, tenant_id, DataBundle)


def test_both_copies_go_and_their_fingerprint_is_that_of_the_encrypted_file(vault):
    saved(vault)
    primary, escrow = vault.copies()
    fingerprint = hashlib.sha256(primary.read_bytes()).hexdigest()
    done = destroy(vault)
    assert done.fingerprint == fingerprint
    assert sorted(done.places) == sorted([str(escrow), str(primary.relative_to(vault.root))])
    assert not primary.exists()
    assert not escrow.exists()
    assert vault.store().find_data(SLUG, TENANT_ID) is None
    assert destroy(vault) == done


def test_copies_put_aside_and_temporary_ones_go_too_and_nothing_else(vault):
    saved(vault)
    saved(vault, f"{SLUG}-2", "m7f3q9wz2m")
    primary, escrow = vault.copies()
    for path in (primary.with_name(f"{primary.name}.bad"), escrow.with_name(f".{escrow.name}.tmp")):
        path.write_bytes(b"an older one")
    kept = {name for name in vault.everything() if f"{SLUG}.data" not in name}
    done = destroy(vault)
    assert len(done.places) == 4
    assert hashlib.sha256(b"an older one").hexdigest() in done.fingerprint.split("+")
    assert set(vault.everything()) - kept == {f"checkout/.coffre/secrets/.{SLUG}.data.destroyed"}
    assert kept <= set(vault.everything())


@pytest.mark.parametrize("survivors", [1, 2])
def test_after_a_kill_in_the_middle_the_same_is_said(vault, monkeypatch, survivors):
    saved(vault)
    expected = vault.store().find_files(SLUG, DataBundle)
    deleted = []

    def killed(store, name):
        deleted.append(name)
        if len(deleted) > 2 - survivors:
            raise KeyboardInterrupt
        (store.folder / name).unlink()

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "delete", killed)
        with pytest.raises(KeyboardInterrupt):
            destroy(vault)
    assert sum(path.exists() for path in vault.copies()) == survivors
    assert destroy(vault) == expected
    assert not any(path.exists() for path in vault.copies())


def test_a_damaged_copy_beside_a_sound_one_goes(vault):
    saved(vault)
    vault.copies()[0].write_bytes(b"damaged")
    assert len(destroy(vault).places) == 2
    assert not any(path.exists() for path in vault.copies())


def test_a_bundle_that_does_not_prove_to_be_the_tenants_stays(vault):
    saved(vault, tenant_id="m7f3q9wz2m")
    before = vault.everything()
    with pytest.raises(RefusedError, match="belongs to the tenant with id 'm7f3q9wz2m'"):
        destroy(vault)
    for path in vault.copies():
        path.write_bytes(b"damaged")
    with pytest.raises(RefusedError, match="no copy of the data bundle of boulangerie-martin opens"):
        destroy(vault)
    assert set(vault.everything()) - set(before) <= {"checkout/.coffre/secrets/.boulangerie-martin.lock"}
    assert all(path.exists() for path in vault.copies())


def test_nothing_goes_while_the_escrow_is_not_there(vault):
    saved(vault)
    away = vault.escrow.with_name("unmounted")
    vault.escrow.rename(away)
    vault.escrow.mkdir()
    with pytest.raises(ExpectedError, match="is not an escrow"):
        destroy(vault)
    with pytest.raises(ExpectedError, match="is not an escrow"):
        vault.store().find_files(SLUG, DataBundle)
    assert vault.copies()[0].exists()


def test_a_copy_that_comes_back_is_an_error(vault, monkeypatch):
    saved(vault)
    monkeypatch.setattr(FolderStore, "delete", lambda store, name: None)
    with pytest.raises(ExpectedError, match="was deleted and still exists"):
        destroy(vault)


def test_without_any_copy_there_is_nothing_to_tell(vault):
    vault.init()
    assert destroy(vault) == BundleFiles((), "")


def test_the_note_of_a_former_tenant_of_the_name_says_nothing_of_this_one(vault):
    saved(vault)
    destroy(vault)
    saved(vault, tenant_id="m7f3q9wz2m", with_control=False)
    assert len(destroy(vault, "m7f3q9wz2m").places) == 2
    assert not any(path.exists() for path in vault.copies())


def test_a_bundle_made_anew_after_the_end_is_destroyed_under_its_own_fingerprint(vault):
    saved(vault)
    first = destroy(vault)
    saved(vault, with_control=False)
    fingerprint = hashlib.sha256(vault.copies()[0].read_bytes()).hexdigest()
    second = destroy(vault)
    assert (second.fingerprint, second.places) == (fingerprint, first.places)
    assert fingerprint != first.fingerprint


def test_notes_and_locks_are_forgotten_at_the_end(vault):
    saved(vault)
    destroy(vault)
    vault.store().destroy(SLUG, TENANT_ID, ControlBundle)
    assert len(vault.store().forget_destroyed(SLUG)) == 4
    assert not [name for name in vault.everything() if SLUG in name]
    assert vault.store().forget_destroyed(SLUG) == []


def test_one_password_goes_only_when_it_is_named(vault):
    data = saved(vault)
    without = data.model_copy(update={"repository_passwords": {"caisse-01": data.repository_passwords["caisse-01"]}})
    with pytest.raises(RefusedError, match="would lose or change"):
        vault.store().save_data(SLUG, without)
    assert vault.store().save_data(SLUG, without, dropping=[SecretId(SecretKind.REPOSITORY_PASSWORD, "compta-01")])
    assert vault.store().get_data(SLUG, TENANT_ID) == without
