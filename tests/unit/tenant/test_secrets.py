"""The secrets of a tenant in the secret store keep the contract, and are decrypted when they have to be."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.secrets import age, rotations
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.errors import CorruptBundleError, MissingCopyError
from coffre.secrets.holders.setup import init
from coffre.secrets.store import SecretStore
from coffre.tenant.estate.secrets import StoredSecrets
from tests.builders import tenant_with
from tests.contracts.secrets import *  # noqa: F403
from tests.contracts.secrets import SLUG, TENANT_ID, make_control, make_data

STORAGE = {"platform": "lab", "quota": "10 GiB", "copy": {"platform": "aws-paris"}}
TENANT = tenant_with(slug=SLUG, id=TENANT_ID, storage=STORAGE)
OpenStore = Callable[[], SecretStore]


@pytest.fixture
def open_store(tmp_path: Path) -> OpenStore:
    root, environment = tmp_path / "checkout", {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    root.mkdir()
    primary, escrow = root / "secrets", tmp_path / "escrow"
    init(primary, escrow, root, environment=environment)
    return lambda: SecretStore.open(primary, escrow, root, environment=environment)


@pytest.fixture
def secrets(open_store: OpenStore) -> StoredSecrets:
    return StoredSecrets(open_store(), TENANT)


@pytest.fixture
def unsealed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were decrypted, by their order."""
    found: list[str] = []
    unseal = age.unseal

    def note(sealed: bytes, identities: tuple[object, ...], shown: str) -> bytes:
        found.append(Path(shown).name)
        return unseal(sealed, identities, shown)  # type: ignore[arg-type]

    monkeypatch.setattr(age, "unseal", note)
    return found


def test_each_bundle_is_decrypted_once(secrets: StoredSecrets, unsealed: list[str]) -> None:
    secrets.save_control(make_control())
    secrets.save_data(make_data())
    unsealed.clear()
    for _ in range(3):
        secrets.control()
        secrets.find_control()
        secrets.data()
        secrets.find_data()
    assert sorted(unsealed) == [f"{SLUG}.control.age", f"{SLUG}.data.age"], "both copies have the same bytes"


def test_copies_of_other_bytes_are_both_decrypted(
    secrets: StoredSecrets, open_store: OpenStore, unsealed: list[str], tmp_path: Path
) -> None:
    """A copy is judged by its own content: equal bytes alone say that it is the same."""
    secrets.save_control(make_control())
    primary = tmp_path / "checkout" / "secrets" / f"{SLUG}.control.age"
    earlier = primary.read_bytes()
    secrets.save_control(rotations.begin(secrets.control(), [rotations.OWNER]))
    primary.write_bytes(earlier)
    unsealed.clear()
    assert secrets.control().old_owner_key is not None
    assert unsealed == [f"{SLUG}.control.age"] * 2


def test_nothing_is_decrypted_before_it_is_asked_for(open_store: OpenStore, unsealed: list[str]) -> None:
    StoredSecrets(open_store(), TENANT)
    assert unsealed == []


def test_what_another_command_saved_meanwhile_counts(secrets: StoredSecrets, open_store: OpenStore) -> None:
    """A backup waits for hours without the lock, and the owner's key is rotated meanwhile."""
    first = make_control()
    secrets.save_control(first)
    assert secrets.control() == first
    another = StoredSecrets(open_store(), TENANT)
    begun = rotations.begin(another.control(), [rotations.OWNER])
    another.save_control(begun)
    another.save_data(make_data())
    assert secrets.control() == begun
    assert secrets.find_data() is not None


def test_what_was_destroyed_meanwhile_is_read_no_more(secrets: StoredSecrets, open_store: OpenStore) -> None:
    data = make_data()
    secrets.save_data(data)
    assert secrets.data() == data
    open_store().destroy(SLUG, TENANT_ID, DataBundle)
    assert secrets.find_data() is None
    with pytest.raises(MissingCopyError):
        secrets.data()


def test_a_copy_that_was_damaged_meanwhile_is_told(secrets: StoredSecrets, tmp_path: Path) -> None:
    secrets.save_control(make_control())
    secrets.control()
    (tmp_path / "escrow" / f"{SLUG}.control.age").write_bytes(b"damaged")
    with pytest.raises(CorruptBundleError):
        secrets.control()


def test_a_save_that_fails_between_its_two_copies_leaves_what_is_stored(
    secrets: StoredSecrets, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_control()
    secrets.save_control(first)
    assert secrets.control() == first
    following = rotations.begin(first, [rotations.OWNER])
    replace, primary = os.replace, f"secrets/{SLUG}.control.age"

    def fail(source: object, target: object, **more: object) -> None:
        if str(target).endswith(primary):
            raise OSError(28, "No space left on device")
        replace(source, target, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(ExpectedError, match="no room is left"):
        secrets.save_control(following)
    monkeypatch.undo()
    assert secrets.control() == StoredSecrets(open_store(), TENANT).control() == following, "escrow is ahead"


@pytest.fixture
def copied(open_store: OpenStore) -> StoredSecrets:
    tenant = TENANT.copied()
    assert tenant is not None
    return StoredSecrets(open_store(), tenant)


def test_a_second_copy_has_keys_of_its_own_and_the_tenant_s_passwords(
    secrets: StoredSecrets, copied: StoredSecrets
) -> None:
    own, others, data = make_control(), make_control(), make_data()
    secrets.save_control(own)
    assert copied.find_control() is None
    copied.save_control(others)
    secrets.save_data(data)
    assert (secrets.control(), copied.control()) == (own, others)
    assert (secrets.data(), copied.data(), copied.find_data()) == (data, data, data)
    assert copied.tenant_id == TENANT_ID


def test_the_files_of_each_are_found_apart_and_those_of_the_passwords_by_both(
    secrets: StoredSecrets, copied: StoredSecrets
) -> None:
    secrets.save_control(make_control())
    copied.save_control(make_control())
    copied.save_data(make_data())
    names = {
        kind: {Path(place).name for place in copied.find_files(kind).places} for kind in (ControlBundle, DataBundle)
    }
    assert names == {ControlBundle: {f"{SLUG}_copy.control.age"}, DataBundle: {f"{SLUG}.data.age"}}
    assert secrets.find_files(DataBundle) == copied.find_files(DataBundle)
    assert {Path(place).name for place in secrets.find_files(ControlBundle).places} == {f"{SLUG}.control.age"}


def test_the_end_of_one_bundle_of_keys_leaves_the_other(
    open_store: OpenStore, secrets: StoredSecrets, copied: StoredSecrets
) -> None:
    for saved in (secrets, copied):
        saved.save_control(make_control())
    open_store().destroy(SLUG, TENANT_ID, ControlBundle)
    open_store().forget_destroyed(SLUG)
    assert (secrets.find_control(), copied.find_control() is None) == (None, False)
    open_store().destroy(f"{SLUG}_copy", TENANT_ID, ControlBundle)
    assert copied.find_control() is None


def test_a_copy_without_keys_names_the_tenant_to_apply(copied: StoredSecrets) -> None:
    with pytest.raises(MissingCopyError, match=f"{SLUG}_copy has no control bundle") as missing:
        copied.control()
    assert f"`coffre apply {SLUG}`" in missing.value.hint
