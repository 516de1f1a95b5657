"""The store on real age files: what a save leaves, what a find accepts, and every way a copy can be wrong."""

import multiprocessing
import shutil
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest

from coffre.errors import BusyError, ExpectedError, InvalidFileError, RefusedError
from coffre.secrets import age, files, minting
from coffre.secrets.bundles import ControlBundle, DataBundle, all_secret_values, to_document
from coffre.secrets.errors import (
    ConflictingCopiesError,
    CorruptBundleError,
    ForeignBundleError,
    MissingCopyError,
)
from coffre.secrets.places import Places
from coffre.secrets.sealed import SealedPassword
from coffre.secrets.store import SecretStore
from coffre.workspace.file_store import FolderStore

if TYPE_CHECKING:
    from conftest import Vault

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"


def grown(data: DataBundle, machine: str = "server-01") -> DataBundle:
    passwords = data.repository_passwords | {machine: SealedPassword(minting.new_password())}
    return data.model_copy(update={"repository_passwords": passwords})


def seal_as(path: Path, bundle: ControlBundle | DataBundle, vault: "Vault") -> None:
    """Write a bundle to one place only, as a killed save or a foreign hand would."""
    path.write_bytes(age.seal(to_document(bundle), vault.init().recipients))


def test_nothing_saved_is_found_as_none_without_any_identity(bare_vault: "Vault") -> None:
    assert bare_vault.store().find_data(SLUG, TENANT_ID) is None
    assert bare_vault.store().find_control(SLUG, TENANT_ID) is None
    assert bare_vault.everything() == {}


def test_saved_bundles_are_found_by_the_next_run(vault: "Vault", control: ControlBundle, data: DataBundle) -> None:
    assert vault.store().save_data(SLUG, data) is True
    assert vault.store().save_control(SLUG, control) is True
    assert vault.store().find_data(SLUG, TENANT_ID) == data
    assert vault.store().get_control(SLUG, TENANT_ID) == control
    assert vault.notices == []


def test_both_places_hold_the_same_private_file_and_nothing_else(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    primary, escrow = vault.copies()
    assert primary.read_bytes() == escrow.read_bytes()
    for copy in (primary, escrow):
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
        assert {path.name for path in copy.parent.iterdir()} == {copy.name, "recipients.txt", f".{SLUG}.lock"}


def test_no_secret_is_readable_in_any_file(vault: "Vault", control: ControlBundle, data: DataBundle) -> None:
    vault.store().save_control(SLUG, control)
    vault.store().save_data(SLUG, data)
    written = vault.everything()
    for secret in all_secret_values(control) | all_secret_values(data):
        assert not [name for name, content in written.items() if secret.encode() in content]


def test_plaintext_never_reaches_a_file_even_for_a_moment(
    vault: "Vault", data: DataBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every whole file is looked at just before it takes its final name."""
    seen = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda self, target: (seen.append(self.read_bytes()), replace(self, target)))
    vault.store().save_data(SLUG, data)
    assert len(seen) == 2
    assert all(content.startswith(b"age-encryption.org/v1") for content in seen)


def test_saving_what_both_copies_say_writes_nothing(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    before = vault.everything()
    assert vault.store().save_data(SLUG, data) is False
    assert vault.everything() == before


def test_a_save_may_add(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    larger = grown(data)
    vault.store().save_data(SLUG, larger)
    assert vault.store().find_data(SLUG, TENANT_ID) == larger


def test_a_save_that_drops_or_changes_a_password_is_refused(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    before = vault.everything()
    dropped = data.model_copy(update={"repository_passwords": {"vieux-pc": data.repository_passwords["vieux-pc"]}})
    changed = grown(data, "compta-01")
    for bundle in (dropped, changed):
        with pytest.raises(RefusedError, match=r"lose or change the repository password of compta-01$"):
            vault.store().save_data(SLUG, bundle)
    assert vault.everything() == before


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("owner_key", "the owner's key"),
        ("stack_passphrase", "the stack passphrase"),
        ("signing_key", "the signing key"),
        ("machine_keys", "the key of compta-01"),
    ],
)
def test_a_save_that_changes_a_key_is_refused(vault: "Vault", control: ControlBundle, field: str, name: str) -> None:
    vault.store().save_control(SLUG, control)
    fresh = {
        "owner_key": minting.new_access_key(),
        "stack_passphrase": minting.new_passphrase(),
        "signing_key": minting.new_signing_key(),
        "machine_keys": {},
    }
    with pytest.raises(RefusedError, match=f"lose or change {name}$"):
        vault.store().save_control(SLUG, control.model_copy(update={field: fresh[field]}))


def test_a_password_that_only_one_copy_has_cannot_be_dropped_either(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    seal_as(vault.copies()[1], grown(data), vault)
    with pytest.raises(RefusedError, match="server-01"):
        vault.store().save_data(SLUG, data)


def test_escrow_ahead_is_used_said_and_healed(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    larger = grown(data)
    seal_as(vault.copies()[1], larger, vault)
    assert vault.store().find_data(SLUG, TENANT_ID) == larger
    assert "differ; both are used together" in vault.notices[0]
    assert vault.store().save_data(SLUG, larger) is True
    vault.notices.clear()
    assert vault.store().find_data(SLUG, TENANT_ID) == larger
    assert vault.notices == []


def test_each_copy_s_own_passwords_survive(vault: "Vault", data: DataBundle) -> None:
    """An escrow brought back from an old backup, then written to by a run that knew another machine."""
    ours, theirs = grown(data, "ours-01"), grown(data, "theirs-01")
    seal_as(vault.copies()[0], ours, vault)
    seal_as(vault.copies()[1], theirs, vault)
    union = vault.store().get_data(SLUG, TENANT_ID)
    assert union.repository_passwords == ours.repository_passwords | theirs.repository_passwords
    assert vault.store().save_data(SLUG, union) is True
    assert vault.copies()[0].read_bytes() == vault.copies()[1].read_bytes()


def test_each_copy_s_own_machine_keys_survive(vault: "Vault", control: ControlBundle) -> None:
    more = {name: minting.new_access_key() for name in ("server-01", "server-02")}
    keys = control.machine_keys
    for path, name in zip(vault.copies("control"), more, strict=True):
        seal_as(path, control.model_copy(update={"machine_keys": keys | {name: more[name]}}), vault)
    assert vault.store().get_control(SLUG, TENANT_ID).machine_keys == keys | more


def test_copies_that_disagree_about_one_password_are_never_chosen_between(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    seal_as(vault.copies()[1], grown(data, "compta-01"), vault)
    before = vault.everything()
    for attempt in (
        lambda: vault.store().find_data(SLUG, TENANT_ID),
        lambda: vault.store().save_data(SLUG, data),
    ):
        with pytest.raises(ConflictingCopiesError, match="disagree about the repository password of compta-01"):
            attempt()
    assert vault.everything() == before


def test_lost_first_copy_is_found_in_escrow_and_written_again(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    vault.copies()[0].unlink()
    assert vault.store().find_data(SLUG, TENANT_ID) == data
    assert "is missing; its copy" in vault.notices[0]
    assert vault.store().save_data(SLUG, data) is True
    assert vault.copies()[0].read_bytes() == vault.copies()[1].read_bytes()


def test_bundle_missing_from_escrow_is_an_error_that_says_how_to_put_it_back(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    primary, escrow = vault.copies()
    escrow.unlink()
    for attempt in (
        lambda: vault.store().find_data(SLUG, TENANT_ID),
        lambda: vault.store().save_data(SLUG, grown(data)),
    ):
        with pytest.raises(MissingCopyError, match=r"\.age is missing: .*has no second copy") as caught:
            attempt()
        assert caught.value.hint.endswith(f"cp .coffre/secrets/{primary.name} {escrow}")
    shutil.copyfile(primary, escrow)  # what the hint says
    assert vault.store().find_data(SLUG, TENANT_ID) == data


def test_bundle_missing_from_both_places_is_an_error_when_it_is_needed(vault: "Vault") -> None:
    with pytest.raises(MissingCopyError, match=f"{SLUG} has no data bundle: neither .* nor .* exists") as caught:
        vault.store().get_data(SLUG, TENANT_ID)
    assert "coffre apply" in caught.value.hint
    with pytest.raises(MissingCopyError, match=f"{SLUG} has no control bundle"):
        vault.store().get_control(SLUG, TENANT_ID)


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("damage", [b"", b"junk", "cut", "flip"])
def test_damaged_copy_is_named_and_the_other_is_offered(
    vault: "Vault", data: DataBundle, place: int, damage: bytes | str
) -> None:
    vault.store().save_data(SLUG, data)
    bad, good = vault.copies()[place], vault.copies()[1 - place]
    sound = bad.read_bytes()
    made = {"cut": sound[:-3], "flip": sound[:-1] + bytes([sound[-1] ^ 1])}
    bad.write_bytes(made[damage] if isinstance(damage, str) else damage)
    before = vault.everything()
    with pytest.raises(CorruptBundleError, match="is damaged: it is not a complete age file") as caught:
        vault.store().find_data(SLUG, TENANT_ID)
    assert bad.name in caught.value.message
    assert "Its other copy opens" in caught.value.hint
    with pytest.raises(CorruptBundleError):
        vault.store().save_data(SLUG, grown(data))
    assert vault.everything() == before
    shutil.copyfile(good, bad)  # what the hint says
    assert vault.store().find_data(SLUG, TENANT_ID) == data


def test_both_copies_damaged_says_so(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    for copy in vault.copies():
        copy.write_bytes(b"junk")
    with pytest.raises(CorruptBundleError) as caught:
        vault.store().find_data(SLUG, TENANT_ID)
    assert "has a problem too; look for a backup of either" in caught.value.hint


def test_bundle_of_another_tenant_kind_or_version_is_foreign(
    vault: "Vault", control: ControlBundle, data: DataBundle
) -> None:
    vault.store().save_data(SLUG, data)
    with pytest.raises(ForeignBundleError, match=f"belongs to the tenant with id '{TENANT_ID}', not to 'other'") as it:
        vault.store().find_data(SLUG, "other")
    assert "earlier customer" in it.value.hint
    with pytest.raises(ForeignBundleError):
        vault.store().save_data(SLUG, data.model_copy(update={"tenant_id": "other"}))
    seal_as(vault.copies()[0], control, vault)
    with pytest.raises(ForeignBundleError, match="kind 'control', not 'data'"):
        vault.store().find_data(SLUG, TENANT_ID)


def test_escrow_that_is_not_mounted_takes_nothing(vault: "Vault", data: DataBundle) -> None:
    """An empty folder where the escrow should be is a mount point without its mount."""
    (vault.escrow / "recipients.txt").unlink()
    with pytest.raises(ExpectedError, match=r"is not an escrow: its recipients\.txt is missing") as caught:
        vault.store().save_data(SLUG, data)
    assert "Mount the escrow" in caught.value.hint
    assert not vault.copies()[0].exists()


def test_secrets_and_escrow_must_be_two_places(vault: "Vault") -> None:
    link = vault.base / "link"
    link.symlink_to(vault.primary)
    for escrow in (vault.primary, vault.primary / "below", link):
        with pytest.raises(InvalidFileError, match="are the same place"):
            SecretStore.open(vault.primary, escrow, vault.root, environment=vault.environment)


def test_escrow_that_cannot_be_written_stops_the_save_before_the_first_copy(vault: "Vault", data: DataBundle) -> None:
    """A folder in the way of the temporary file stands for a refused write: these tests may run as root."""
    primary, escrow = vault.copies()
    escrow.with_name(f".{escrow.name}.tmp").mkdir()
    with pytest.raises(ExpectedError, match=r"cannot write .*\(escrow\): is a directory") as caught:
        vault.store().save_data(SLUG, data)
    assert caught.value.hint
    assert not primary.exists()
    escrow.with_name(f".{escrow.name}.tmp").rmdir()
    assert vault.store().save_data(SLUG, data) is True


def test_save_that_fails_after_the_escrow_heals_at_the_next(vault: "Vault", data: DataBundle) -> None:
    primary, _ = vault.copies()
    blocker = primary.with_name(f".{primary.name}.tmp")
    blocker.mkdir()
    with pytest.raises(ExpectedError, match="cannot write"):
        vault.store().save_data(SLUG, data)
    blocker.rmdir()
    assert vault.store().find_data(SLUG, TENANT_ID) == data
    assert vault.store().save_data(SLUG, data) is True
    assert vault.copies()[0].read_bytes() == vault.copies()[1].read_bytes()


def test_save_that_does_not_read_back_is_an_error(
    vault: "Vault", data: DataBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that lies: the write of one copy says that it succeeded and keeps the old content."""
    vault.store().save_data(SLUG, data)
    write = FolderStore.write

    def lie(store: FolderStore, name: str, content: bytes) -> None:
        if store.folder != vault.escrow:
            write(store, name, content)

    monkeypatch.setattr(FolderStore, "write", lie)
    with pytest.raises(ExpectedError, match="reading it back gave something else") as caught:
        vault.store().save_data(SLUG, grown(data))
    assert str(vault.copies()[1]) in caught.value.message


def test_link_in_place_of_the_temporary_file_is_not_followed(vault: "Vault", data: DataBundle) -> None:
    victim = vault.base / "victim"
    victim.write_text("precious")
    primary, _ = vault.copies()
    primary.with_name(f".{primary.name}.tmp").symlink_to(victim)
    with pytest.raises(ExpectedError):
        vault.store().save_data(SLUG, data)
    assert victim.read_text() == "precious"


def _hold_lock(path: str, ready: "multiprocessing.synchronize.Event") -> None:
    with files.locked(Path(path), "test", 1):
        ready.set()
        threading.Event().wait(30)


def test_second_writer_waits_a_bounded_time_then_is_told_that_it_is_busy(vault: "Vault", data: DataBundle) -> None:
    context = multiprocessing.get_context("spawn")
    for folder in (vault.primary, vault.escrow):
        ready = context.Event()
        holder = context.Process(target=_hold_lock, args=(str(folder / f".{SLUG}.lock"), ready))
        holder.start()
        try:
            assert ready.wait(20)
            store = SecretStore(
                Places.open(vault.primary, vault.escrow, vault.root), vault.identity, vault.root, wait_seconds=0.2
            )
            with pytest.raises(BusyError, match="another run is writing the same secrets"):
                store.save_data(SLUG, data)
        finally:
            holder.kill()
            holder.join()
    assert vault.store().save_data(SLUG, data) is True  # a dead holder holds nothing


def test_writers_side_by_side_lose_nothing(vault: "Vault", data: DataBundle) -> None:
    """Ten writers, each adding a machine to what it has just read: refused ones read again and go on."""
    vault.store().save_data(SLUG, data)
    failures: list[BaseException] = []

    def add(machine: str) -> None:
        for _ in range(100):
            store = vault.store()
            try:
                store.save_data(SLUG, grown(store.get_data(SLUG, TENANT_ID), machine))
            except RefusedError:
                continue
            except BaseException as error:  # noqa: BLE001 - the test's own thread reports it
                failures.append(error)
            return
        failures.append(AssertionError(f"{machine} never came through"))

    threads = [threading.Thread(target=add, args=(f"pc-{number}",)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    found = vault.store().get_data(SLUG, TENANT_ID).repository_passwords
    assert set(found) == {*data.repository_passwords, *(f"pc-{number}" for number in range(10))}


def test_any_age_program_can_open_a_bundle(vault: "Vault", data: DataBundle) -> None:
    """On the worst day there may be nothing but a safe, an escrow and another program: plain age, plain JSON."""
    vault.store().save_data(SLUG, data)
    recovery = vault.identity.with_name("recovery-identity.txt").read_text().splitlines()[-1]
    identity = pyrage.x25519.Identity.from_str(recovery)
    assert pyrage.decrypt(vault.copies()[1].read_bytes(), [identity]) == to_document(data)
