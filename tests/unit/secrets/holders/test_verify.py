"""What `secrets verify` finds, one broken thing at a time; it writes nothing and reveals nothing."""

import shutil
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from coffre.secrets import age, minting
from coffre.secrets.bundles import ControlBundle, DataBundle, all_secret_values
from coffre.secrets.holders.recipients import Vault as KeyVault
from coffre.secrets.holders.verify import BundleFinding, verify

if TYPE_CHECKING:
    from conftest import Vault

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"
APART = "is on the same file system or service as"


@pytest.fixture
def filled(vault: "Vault", data: DataBundle, control: ControlBundle) -> "Vault":
    vault.store().save_data(SLUG, data)
    vault.store().save_control(SLUG, control)
    return vault


def look(vault: "Vault", applied: tuple[str, ...] = (SLUG,)) -> list[BundleFinding]:
    before = vault.everything()
    keys = KeyVault.open(vault.primary, vault.escrow, vault.root, environment=vault.environment)
    found = verify(keys, {SLUG: TENANT_ID, "atelier": "t4x8m2ph6c"}, applied)
    assert vault.everything() == before
    errors = [finding for finding in found.findings if not finding.is_warning]
    assert found.is_sound is (errors == [])
    return errors


def test_a_sound_vault_has_nothing_but_the_warning_of_one_disk(filled: "Vault") -> None:
    keys = KeyVault.open(filled.primary, filled.escrow, filled.root, environment=filled.environment)
    found = verify(keys, {SLUG: TENANT_ID}, [SLUG])
    assert (found.bundles, found.recipients, found.is_sound) == (2, 2, True)
    assert [APART in finding.message for finding in found.findings] == [True]


BROKEN: dict[str, tuple[Callable[["Vault"], object], str]] = {
    "copy lost": (lambda vault: vault.copies()[1].unlink(), "is missing"),
    "first copy lost": (lambda vault: vault.copies()[0].unlink(), "is missing; its copy"),
    "both lost": (lambda vault: [path.unlink() for path in vault.copies()], "is in neither place, and boulangerie"),
    "damaged": (lambda vault: vault.copies()[0].write_bytes(b"rubbish"), "is damaged"),
    "swapped": (lambda vault: shutil.copy(vault.copies("control")[0], vault.copies("data")[0]), "is a bundle of kind"),
    "open to all": (lambda vault: vault.copies()[0].chmod(0o644), "is accessible to other users"),
    "open folder": (lambda vault: vault.primary.chmod(0o755), "is accessible to other users"),
    "one recipient": (
        lambda vault: (vault.primary / "recipients.txt").write_text(age.public_half(age.new_identity()) + "\n"),
        "at least 2 different ones",
    ),
    "other list in escrow": (
        lambda vault: (vault.escrow / "recipients.txt").write_text(
            "".join(age.public_half(age.new_identity()) + "\n" for _ in range(2))
        ),
        "names other recipients than",
    ),
    "list in escrow lost": (lambda vault: (vault.escrow / "recipients.txt").unlink(), "there is no list of recipients"),
    "for one key more": (
        lambda vault: (vault.primary / "recipients.txt").open("a").write(age.public_half(age.new_identity()) + "\n"),
        "is encrypted for 2 recipients, and the list has 3",
    ),
    "interrupted": (lambda vault: (vault.primary / ".recipients-pending").touch(), "for an earlier list"),
    "identity lost": (lambda vault: vault.identity.unlink(), "there is no identity at"),
    "escrow not mounted": (lambda vault: shutil.rmtree(vault.escrow), "is missing"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("what", BROKEN)
def test_each_broken_thing_is_named_with_what_to_do(filled: "Vault", what: str) -> None:
    damage, said = BROKEN[what]
    damage(filled)
    found = look(filled)
    assert any(said in finding.message for finding in found), found
    assert all(finding.hint for finding in found)


def test_a_tenant_that_was_never_applied_needs_no_bundle(filled: "Vault") -> None:
    assert look(filled) == []
    assert [finding.message for finding in look(filled, (SLUG, "atelier"))] == [
        "is in neither place, and atelier was applied",
        "is in neither place, and atelier was applied",
    ]


def test_no_secret_is_in_what_is_found(filled: "Vault", data: DataBundle, control: ControlBundle) -> None:
    filled.copies()[0].write_bytes(filled.copies("control")[0].read_bytes())
    said = repr(look(filled))
    assert not [value for value in all_secret_values(data) | all_secret_values(control) if value in said]


COPY = f"{SLUG}_copy"


def look_with_copy(vault: "Vault", ids: dict[str, str], copied: Sequence[str] = ()) -> list[BundleFinding]:
    keys = KeyVault.open(vault.primary, vault.escrow, vault.root, environment=vault.environment)
    return [each for each in verify(keys, ids, [SLUG], copied).findings if APART not in each.message]


def test_the_keys_of_a_second_copy_are_a_bundle_like_others(filled: "Vault", control: ControlBundle) -> None:
    ids = {SLUG: TENANT_ID, COPY: TENANT_ID}
    assert look_with_copy(filled, ids) == [], "a copy that was never applied has no bundle"
    filled.store().save_control(COPY, control)
    assert look_with_copy(filled, ids) == [], "it has passwords of its own in no place"
    earlier = (filled.primary / f"{COPY}.control.age").read_bytes()
    grown = control.model_copy(update={"machine_keys": {**control.machine_keys, "caisse-01": minting.new_access_key()}})
    filled.store().save_control(COPY, grown)
    (filled.primary / f"{COPY}.control.age").write_bytes(earlier)
    [behind] = look_with_copy(filled, ids)
    assert behind.hint == f"Run `coffre apply {SLUG}`."


def test_the_keys_of_a_copy_with_storage_that_are_lost_are_told(filled: "Vault") -> None:
    found = look_with_copy(filled, {SLUG: TENANT_ID, COPY: TENANT_ID}, [COPY])
    assert [(each.place.rpartition("/")[2], each.is_warning) for each in found] == [(f"{COPY}.control.age", False)]


def test_the_keys_of_a_copy_that_the_file_names_no_more_are_told_by_what_to_write(
    filled: "Vault", control: ControlBundle
) -> None:
    filled.store().save_control(COPY, control)
    [told] = look_with_copy(filled, {SLUG: TENANT_ID})
    assert (told.place, told.is_warning) == (f"{COPY}.control.age", True)
    assert told.message == f"has the keys of a second copy, and tenants/{SLUG}.yaml names none"
    assert "`copy:`" in told.hint
    [gone] = [each for each in look_with_copy(filled, {}) if COPY in each.place]
    assert gone.message == f"belongs to {SLUG}, which has no tenant file"
