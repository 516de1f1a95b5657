"""Identities and recipients: where they are looked for, how they must be kept, and what their files may say."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coffre.secrets import age
from coffre.secrets.bundles import DataBundle, to_document
from coffre.secrets.errors import IdentityError, RecipientsError, WrongIdentityError
from coffre.secrets.holders import keys
from coffre.secrets.holders.keys import identity_path
from coffre.workspace.file_store import FolderStore

if TYPE_CHECKING:
    from conftest import Vault

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"


def test_each_recipient_alone_opens_a_bundle(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    recovery = vault.identity.with_name("recovery-identity.txt")
    assert vault.store(COFFRE_IDENTITY=str(recovery)).find_data(SLUG, TENANT_ID) == data


def test_identity_that_is_not_a_recipient_opens_nothing(vault: "Vault", data: DataBundle, tmp_path: Path) -> None:
    vault.store().save_data(SLUG, data)
    other = tmp_path / "other.txt"
    other.write_text(age.new_identity().get_secret_value())
    other.chmod(0o600)
    with pytest.raises(WrongIdentityError, match="your identity cannot open") as caught:
        vault.store(COFFRE_IDENTITY=str(other)).find_data(SLUG, TENANT_ID)
    assert "COFFRE_IDENTITY" in caught.value.hint
    with pytest.raises(IdentityError, match="is not among the recipients"):
        vault.store(COFFRE_IDENTITY=str(other)).save_data(SLUG, data)


def test_no_identity(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    vault.identity.unlink()
    with pytest.raises(IdentityError, match="there is no identity at") as caught:
        vault.store().find_data(SLUG, TENANT_ID)
    assert "COFFRE_IDENTITY" in caught.value.hint


def test_identity_kept_badly_is_refused(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    vault.identity.chmod(0o640)
    with pytest.raises(IdentityError, match="other users can read") as caught:
        vault.store().find_data(SLUG, TENANT_ID)
    assert caught.value.hint == f"Run: chmod 600 {vault.identity}"


@pytest.mark.parametrize("linked", [False, True])
def test_identity_under_the_checkout_is_refused(vault: "Vault", data: DataBundle, linked: bool) -> None:
    vault.store().save_data(SLUG, data)
    inside = vault.root / "identity.txt"
    shutil.copy2(vault.identity, inside)
    named = inside
    if linked:
        named = vault.base / "link.txt"
        named.symlink_to(inside)
    with pytest.raises(IdentityError, match="is inside"):
        vault.store(COFFRE_IDENTITY=str(named)).find_data(SLUG, TENANT_ID)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no identity"),
        ("# only a comment\n", "holds no identity"),
        ("# fine\nhunter2\n", r"identity\.txt:2: this is not an age X25519 identity"),
    ],
)
def test_identity_file_without_an_identity(vault: "Vault", data: DataBundle, text: str, said: str) -> None:
    vault.store().save_data(SLUG, data)
    vault.identity.write_text(text)
    with pytest.raises(IdentityError, match=said) as caught:
        vault.store().find_data(SLUG, TENANT_ID)
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_identity_file_that_is_no_text_or_no_file(vault: "Vault", data: DataBundle) -> None:
    vault.store().save_data(SLUG, data)
    vault.identity.write_bytes(b"\xff\xfe")
    with pytest.raises(IdentityError, match="not an age X25519 identity"):
        vault.store().find_data(SLUG, TENANT_ID)
    with pytest.raises(IdentityError, match="cannot be read: is a directory"):
        vault.store(COFFRE_IDENTITY=str(vault.base)).find_data(SLUG, TENANT_ID)


def test_recipients_must_be_two_different_ones(vault: "Vault", data: DataBundle) -> None:
    recipients = vault.primary / "recipients.txt"
    first = vault.init().recipients[0]
    recipients.write_text(f"# twice the same\n{first}\n{first}\n")
    with pytest.raises(RecipientsError, match="has 1 recipient; at least 2 different ones are needed"):
        vault.store().save_data(SLUG, data)
    recipients.unlink()
    with pytest.raises(RecipientsError, match="there is no list of recipients") as caught:
        vault.store().save_data(SLUG, data)
    assert "coffre secrets init" in caught.value.hint


def test_bad_recipient_line_is_shown_with_its_place(vault: "Vault", data: DataBundle) -> None:
    recipients = vault.primary / "recipients.txt"
    recipients.write_text("# mine\nage1nonsense\n")
    with pytest.raises(RecipientsError, match=r"recipients\.txt:2: 'age1nonsense' is not an age X25519 recipient"):
        vault.store().save_data(SLUG, data)


def test_private_key_among_the_recipients_is_told_and_not_repeated(vault: "Vault", data: DataBundle) -> None:
    secret = age.new_identity().get_secret_value()
    (vault.primary / "recipients.txt").write_text(f"{secret}\n")
    with pytest.raises(RecipientsError, match=":1: this is a private key") as caught:
        vault.store().save_data(SLUG, data)
    assert secret not in caught.value.message + caught.value.hint


def test_a_new_recipient_opens_what_is_saved_from_then_on_and_reaches_the_escrow(
    vault: "Vault", data: DataBundle
) -> None:
    third = age.new_identity()
    recipients = vault.primary / "recipients.txt"
    recipients.write_text(recipients.read_text() + f"\n# a colleague\n{age.public_half(third)}\n")
    vault.store().save_data(SLUG, data)
    assert age.unseal(vault.copies()[1].read_bytes(), [third], "x") == to_document(data)
    assert (vault.escrow / "recipients.txt").read_text() == recipients.read_text()


def test_default_identity_is_in_the_user_s_configuration(vault: "Vault") -> None:
    home = {"HOME": "/home/claire"}
    assert identity_path(home) == Path("/home/claire/.config/coffre/identity.txt")
    assert identity_path(home | {"XDG_CONFIG_HOME": "relative"}) == Path("/home/claire/.config/coffre/identity.txt")
    assert identity_path({"XDG_CONFIG_HOME": "/cfg"}) == Path("/cfg/coffre/identity.txt")
    assert identity_path(home | {"XDG_CONFIG_HOME": "/cfg", "COFFRE_IDENTITY": "~/k"}) == Path("/home/claire/k")


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_a_comment_among_the_recipients_hides_none(vault: "Vault", data: DataBundle, end: str) -> None:
    """Who reviews the list sees a comment; a bundle would be encrypted for whoever wrote it."""
    hidden = age.public_half(age.new_identity())
    listed = vault.primary / "recipients.txt"
    listed.write_bytes(f"# kept in the safe{end}{hidden}\n".encode() + listed.read_bytes())
    assert hidden not in keys.read_recipients(FolderStore(vault.primary, vault.root))
