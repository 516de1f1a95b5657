"""Who can open the bundles: added and removed, also when the command is killed between any two file operations."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from coffre.errors import ExpectedError, RefusedError, UsageError
from coffre.secrets import age
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.errors import CorruptBundleError, IdentityError, WrongIdentityError
from coffre.secrets.holders import recipients
from coffre.secrets.holders.keys import read_identities, read_recipients
from coffre.secrets.holders.recipients import Vault as KeyVault
from coffre.secrets.holders.recipients import add_recipient, list_recipients, remove_recipient
from coffre.secrets.holders.verify import count_recipients
from coffre.secrets.places import Places
from coffre.secrets.sealed import SealedPassword
from coffre.workspace.file_store import FolderStore
from tests.unit.secrets.test_killed import MOST_STEPS, runs_through

if TYPE_CHECKING:
    from conftest import Vault

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"
COLLEAGUE = age.new_identity()
COLLEAGUE_KEY = age.public_half(COLLEAGUE)


def opened(vault: "Vault") -> KeyVault:
    return KeyVault.open(vault.primary, vault.escrow, vault.root, environment=vault.environment)


def quiet(_text: str) -> None:
    """Take progress that nobody reads."""


@pytest.fixture
def filled(vault: "Vault", data: DataBundle, control: ControlBundle) -> "Vault":
    vault.store().save_data(SLUG, data)
    vault.store().save_control(SLUG, control)
    return vault


def opens(path: Path, identity: SecretStr) -> bool:
    try:
        age.unseal(path.read_bytes(), [identity], path.name)
    except WrongIdentityError:
        return False
    return True


def bundle_files(vault: "Vault") -> list[Path]:
    return sorted([*vault.primary.glob("*.age"), *vault.escrow.glob("*.age")])


def listed_in(folder: Path) -> tuple[str, ...]:
    return read_recipients(FolderStore(folder, folder))


def test_a_key_that_is_added_opens_everything_and_one_that_is_removed_nothing(
    filled: "Vault", data: DataBundle
) -> None:
    assert add_recipient(opened(filled), COLLEAGUE_KEY, "Léa, from\nher laptop", quiet) == 4
    assert [opens(path, COLLEAGUE) for path in bundle_files(filled)] == [True] * 4
    assert [count_recipients(path.read_bytes()) for path in bundle_files(filled)] == [3] * 4
    assert listed_in(filled.primary) == listed_in(filled.escrow)
    listed = list_recipients(opened(filled))
    assert [(each.key, each.note) for each in listed.recipients][2] == (COLLEAGUE_KEY, "Léa, from her laptop")
    assert [each.is_own for each in listed.recipients] == [True, False, False]
    assert remove_recipient(opened(filled), COLLEAGUE_KEY, quiet) == 4
    assert [opens(path, COLLEAGUE) for path in bundle_files(filled)] == [False] * 4
    assert listed_in(filled.primary) == listed_in(filled.escrow)
    assert COLLEAGUE_KEY not in (filled.primary / "recipients.txt").read_text()
    assert "Léa" not in (filled.primary / "recipients.txt").read_text()
    assert filled.store().get_data(SLUG, TENANT_ID) == data
    assert filled.notices == []
    assert [path.stat().st_mode & 0o777 for path in bundle_files(filled)] == [0o600] * 4


@pytest.mark.parametrize("work", ["add", "remove"])
def test_killed_anywhere_every_bundle_opens_for_two_and_the_same_command_ends_the_work(
    filled: "Vault", data: DataBundle, control: ControlBundle, work: str
) -> None:
    if work == "remove":
        add_recipient(opened(filled), COLLEAGUE_KEY, "", quiet)
    change = {
        "add": lambda: add_recipient(opened(filled), COLLEAGUE_KEY, "", quiet),
        "remove": lambda: remove_recipient(opened(filled), COLLEAGUE_KEY, quiet),
    }[work]
    own = read_identities(filled.identity, filled.root)[0]
    recovery = read_identities(filled.identity.with_name("recovery-identity.txt"), filled.root)[0]
    kept = filled.base.with_name(f"{filled.base.name}-kept")
    shutil.copytree(filled.base, kept)
    pending = set()
    for steps in range(MOST_STEPS):
        shutil.rmtree(filled.base)
        shutil.copytree(kept, filled.base)
        ended = runs_through(change, steps)
        for path in bundle_files(filled):
            assert opens(path, own)
            assert opens(path, recovery)
            assert count_recipients(path.read_bytes()) in (2, 3)
        is_pending = list_recipients(opened(filled)).is_pending
        pending.add(is_pending)
        expected = work == "add"
        if not is_pending and (COLLEAGUE_KEY in listed_in(filled.primary)) == expected:
            assert {opens(path, COLLEAGUE) for path in bundle_files(filled)} == {expected}
        else:
            change()
        assert {opens(path, COLLEAGUE) for path in bundle_files(filled)} == {expected}
        assert not list_recipients(opened(filled)).is_pending
        assert filled.store().get_data(SLUG, TENANT_ID) == data
        assert filled.store().get_control(SLUG, TENANT_ID) == control
        if ended:
            break
    assert ended
    assert pending == {False, True}


def test_never_fewer_than_two(filled: "Vault") -> None:
    before = filled.everything()
    recovery = list_recipients(opened(filled)).recipients[1].key
    with pytest.raises(RefusedError, match="at least 2 are needed"):
        remove_recipient(opened(filled), recovery, quiet)
    assert bundle_files_of(filled.everything()) == bundle_files_of(before)


def bundle_files_of(everything: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in everything.items() if not name.endswith(".lock")}


def test_ones_own_key_is_not_removed(filled: "Vault") -> None:
    add_recipient(opened(filled), COLLEAGUE_KEY, "", quiet)
    own = list_recipients(opened(filled)).recipients[0].key
    with pytest.raises(IdentityError, match="is not among the recipients"):
        remove_recipient(opened(filled), own, quiet)
    assert not list_recipients(opened(filled)).is_pending


def test_a_bundle_that_does_not_open_stops_the_change_before_it_begins(filled: "Vault") -> None:
    (filled.primary / f"{SLUG}.data.age").write_bytes(b"rubbish")
    before = bundle_files_of(filled.everything())
    with pytest.raises(CorruptBundleError, match="is damaged"):
        add_recipient(opened(filled), COLLEAGUE_KEY, "", quiet)
    assert bundle_files_of(filled.everything()) == before


@pytest.mark.parametrize("key", ["", "age1nonsense", "ssh-ed25519 AAAA"])
def test_rubbish_is_no_key(filled: "Vault", key: str) -> None:
    with pytest.raises(UsageError, match="not an age X25519 recipient"):
        add_recipient(opened(filled), key, "", quiet)


def test_a_private_key_is_refused_and_not_repeated(filled: "Vault") -> None:
    with pytest.raises(UsageError, match="a private key") as refused:
        add_recipient(opened(filled), COLLEAGUE.get_secret_value(), "", quiet)
    assert COLLEAGUE.get_secret_value() not in refused.value.message + refused.value.hint


def test_an_escrow_that_is_not_mounted_stops_the_change(filled: "Vault") -> None:
    shutil.rmtree(filled.escrow)
    with pytest.raises(ExpectedError, match="is not an escrow"):
        add_recipient(opened(filled), COLLEAGUE_KEY, "", quiet)


def test_a_save_that_waited_while_the_list_changed_writes_for_the_new_list(
    filled: "Vault", data: DataBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read the list before its turn came: what it wrote would open for the key that was removed meanwhile."""
    add_recipient(opened(filled), COLLEAGUE_KEY, "", quiet)
    store = filled.store()
    locked = Places.locked

    def changed_before_the_lock(places: Places, name: str, wait_seconds: float) -> object:
        monkeypatch.setattr(Places, "locked", locked)
        remove_recipient(opened(filled), COLLEAGUE_KEY, quiet)
        return locked(places, name, wait_seconds)

    monkeypatch.setattr(Places, "locked", changed_before_the_lock)
    larger = {**data.repository_passwords, "server-01": SealedPassword(SecretStr("x" * 43))}
    assert store.save_data(SLUG, data.model_copy(update={"repository_passwords": larger}))
    assert {opens(path, COLLEAGUE) for path in bundle_files(filled)} == {False}
    assert recipients.list_recipients(opened(filled)).is_pending is False
