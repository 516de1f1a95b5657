"""`init`: what it makes, that it makes it once, and when it refuses to make anything."""

import shutil
import stat
from typing import TYPE_CHECKING

import pytest

from coffre.errors import RefusedError
from coffre.secrets.bundles import DataBundle
from coffre.secrets.errors import IdentityError
from coffre.secrets.holders.setup import init, make_identity

if TYPE_CHECKING:
    from conftest import Vault

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"


def test_first_init_makes_everything_private(bare_vault: "Vault") -> None:
    result = bare_vault.init()
    recovery = bare_vault.identity.with_name("recovery-identity.txt")
    assert result.identity == bare_vault.identity
    assert result.recovery_identity == recovery
    assert len(set(result.recipients)) == 2
    created = {bare_vault.root / shown for shown in result.created}
    assert created == {
        bare_vault.identity,
        recovery,
        bare_vault.primary,
        bare_vault.escrow,
        bare_vault.primary / "recipients.txt",
        bare_vault.escrow / "recipients.txt",
    }
    for path in created:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_result_names_files_and_shows_no_private_key(bare_vault: "Vault") -> None:
    assert "AGE-SECRET-KEY" not in repr(bare_vault.init())


def test_each_private_key_is_in_one_file_only(bare_vault: "Vault") -> None:
    bare_vault.init()
    holders = [name for name, content in bare_vault.everything().items() if b"AGE-SECRET-KEY" in content]
    assert sorted(holders) == ["config/coffre/identity.txt", "config/coffre/recovery-identity.txt"]


def test_second_init_changes_nothing_and_says_so(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    before = vault.everything()
    result = vault.init()
    assert result.created == ()
    assert vault.everything() == before


def test_recovery_key_that_was_moved_away_is_not_made_again(vault: "Vault") -> None:
    vault.identity.with_name("recovery-identity.txt").unlink()
    result = vault.init()
    assert result.created == ()
    assert result.recovery_identity is None


def test_identity_of_another_repository_is_used(vault: "Vault") -> None:
    root = vault.base / "second"
    root.mkdir()
    result = init(root / "secrets", root / "escrow", root, environment=vault.environment)
    assert str(vault.identity) not in result.created
    assert result.recipients[0] == vault.init().recipients[0]


def test_named_identity_is_made_where_it_is_named(bare_vault: "Vault") -> None:
    named = bare_vault.base / "usb" / "key.txt"
    environment = {"COFFRE_IDENTITY": str(named)}
    result = init(bare_vault.primary, bare_vault.escrow, bare_vault.root, environment=environment)
    assert result.identity == named
    assert result.recovery_identity == named.with_name("recovery-identity.txt")


def test_identity_under_the_checkout_is_refused_before_anything_is_made(bare_vault: "Vault") -> None:
    environment = {"COFFRE_IDENTITY": str(bare_vault.root / "identity.txt")}
    with pytest.raises(IdentityError, match="is inside"):
        init(bare_vault.primary, bare_vault.escrow, bare_vault.root, environment=environment)
    assert bare_vault.everything() == {}


@pytest.mark.parametrize("saved", [True, False])
def test_lost_identity_is_not_replaced(vault: "Vault", data: DataBundle, saved: bool) -> None:
    """The worst accident: a fresh key that opens nothing, and everybody believing that all is well."""
    if saved:
        vault.store().save_data(SLUG, data)
    vault.identity.unlink()
    before = vault.everything()
    with pytest.raises(RefusedError, match=r"recipients\.txt names keys, but there is no identity at") as caught:
        vault.init()
    assert ("If nothing was ever saved" in caught.value.hint) is not saved
    assert vault.everything() == before


def test_lost_lists_of_recipients_are_not_made_up_while_bundles_exist(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    for folder in (vault.primary, vault.escrow):
        (folder / "recipients.txt").unlink()
    with pytest.raises(RefusedError, match=f"there are already bundles \\({SLUG}.data.age\\)"):
        vault.init()


def test_foreign_identity_is_refused(vault: "Vault", data: DataBundle) -> None:
    other = vault.base / "other" / "coffre"
    init(other / "a", other / "b", other / "root", environment={"XDG_CONFIG_HOME": str(vault.base / "other")})
    shutil.copy2(other / "identity.txt", vault.identity)
    with pytest.raises(IdentityError, match="is not among the recipients"):
        vault.init()


def test_lost_secrets_folder_comes_back_from_the_escrow(vault: "Vault", data: DataBundle) -> None:
    """A dead laptop: identity from its backup (or the recovery key), everything else from the escrow."""
    vault.store().save_data(SLUG, data)
    listed = (vault.primary / "recipients.txt").read_text()
    shutil.rmtree(vault.primary)
    result = vault.init()
    assert {vault.root / shown for shown in result.created} == {vault.primary, vault.primary / "recipients.txt"}
    assert (vault.primary / "recipients.txt").read_text() == listed
    assert vault.store().save_data(SLUG, vault.store().get_data(SLUG, TENANT_ID)) is True
    assert vault.copies()[0].read_bytes() == vault.copies()[1].read_bytes()


def test_escrow_that_is_not_mounted_is_not_taken_for_a_new_one(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    shutil.rmtree(vault.escrow)
    vault.escrow.mkdir()
    with pytest.raises(
        RefusedError, match=rf"has no recipients\.txt and lacks bundles \(the first is {SLUG}"
    ) as caught:
        vault.init()
    assert "Mount the escrow" in caught.value.hint
    shutil.copytree(vault.primary, vault.escrow, dirs_exist_ok=True)  # what the hint says
    assert vault.init().created == ()
    assert vault.store().find_data(SLUG, TENANT_ID) == data


def test_another_engineers_identity_is_made_once_and_opens_nothing_yet(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    environment = {"COFFRE_IDENTITY": str(vault.identity.with_name("boris.txt"))}
    before = vault.everything()
    made = [make_identity(vault.primary, vault.escrow, vault.root, environment=environment) for _ in range(2)]
    assert [(path.name, is_new) for path, _, is_new in made] == [("boris.txt", True), ("boris.txt", False)]
    assert len({public for _, public, _ in made}) == 1
    assert {path: text for path, text in vault.everything().items() if path in before} == before


def test_another_engineers_identity_is_not_made_inside_the_checkout(vault: "Vault") -> None:
    environment = {"COFFRE_IDENTITY": str(vault.root / "boris.txt")}
    with pytest.raises(IdentityError, match="is inside"):
        make_identity(vault.primary, vault.escrow, vault.root, environment=environment)
