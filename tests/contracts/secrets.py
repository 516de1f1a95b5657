"""The contract of a tenant's secrets, for those of the secret store and those of the tests: both pass the same tests.

A module that imports these tests gives them `secrets`, of a tenant with the id TENANT_ID that has none yet.
"""

import pytest

from coffre.errors import RefusedError
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.errors import MissingCopyError
from coffre.secrets.identifiers import SecretId, SecretKind
from coffre.tenant.estate.secrets import TenantSecrets
from tests.passwords import read_password

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"
MACHINE = "compta-01"


def make_control(**changes: object) -> ControlBundle:
    return ControlBundle(
        tenant_id=TENANT_ID,
        owner_key=minting.new_access_key(),
        machine_keys={MACHINE: minting.new_access_key()},
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    ).model_copy(update=changes)


def make_data(*machines: str) -> DataBundle:
    passwords = {name: minting.new_password() for name in machines or (MACHINE,)}
    return DataBundle.model_validate({"tenant_id": TENANT_ID, "repository_passwords": passwords})


def test_a_tenant_that_was_never_applied_has_no_secrets(secrets: TenantSecrets) -> None:
    assert secrets.find_control() is None
    assert secrets.find_data() is None
    with pytest.raises(MissingCopyError, match=f"{SLUG} has no control bundle") as missing:
        secrets.control()
    assert f"coffre apply {SLUG}" in missing.value.hint
    with pytest.raises(MissingCopyError, match=f"{SLUG} has no data bundle"):
        secrets.data()
    assert secrets.find_files(ControlBundle).places == ()


def test_they_say_whose_they_are(secrets: TenantSecrets) -> None:
    assert secrets.tenant_id == TENANT_ID


def test_what_is_saved_is_read(secrets: TenantSecrets) -> None:
    assert secrets.find_control() is None
    control, data = make_control(), make_data()
    assert secrets.save_data(data)
    assert secrets.save_control(control)
    assert secrets.control() == secrets.find_control() == control
    assert secrets.data() == secrets.find_data() == data
    assert read_password(secrets.data(), MACHINE) == read_password(data, MACHINE)


def test_the_same_is_not_written_again(secrets: TenantSecrets) -> None:
    control, data = make_control(), make_data()
    secrets.save_control(control)
    secrets.save_data(data)
    assert not secrets.save_control(control)
    assert not secrets.save_data(data)


def test_a_later_save_is_what_is_read(secrets: TenantSecrets) -> None:
    """A rotation reads the trusted key, saves, and reads again, all in one command."""
    first = make_control()
    secrets.save_control(first)
    assert rotations.trusted_key(secrets.control(), rotations.OWNER) == first.owner_key
    begun = rotations.begin(secrets.control(), [rotations.OWNER])
    secrets.save_control(begun)
    assert rotations.trusted_key(secrets.control(), rotations.OWNER) == first.owner_key
    secrets.save_control(rotations.condemn(begun, [rotations.OWNER]))
    assert rotations.trusted_key(secrets.control(), rotations.OWNER) == begun.owner_key


def test_a_save_that_would_lose_a_secret_is_refused_and_changes_nothing(secrets: TenantSecrets) -> None:
    control, data = make_control(), make_data(MACHINE, "vieux-pc")
    secrets.save_control(control)
    secrets.save_data(data)
    with pytest.raises(RefusedError, match=f"would lose or change the key of {MACHINE}"):
        secrets.save_control(control.model_copy(update={"machine_keys": {}}))
    with pytest.raises(RefusedError, match="would lose or change the repository password of vieux-pc"):
        secrets.save_data(make_data(MACHINE).model_copy(update={"repository_passwords": _without(data, "vieux-pc")}))
    assert secrets.control() == control
    assert secrets.data() == data


def test_what_is_named_as_dropped_may_go(secrets: TenantSecrets) -> None:
    control, data = make_control(), make_data(MACHINE, "vieux-pc")
    secrets.save_control(control)
    secrets.save_data(data)
    bare = control.model_copy(update={"machine_keys": {}})
    secrets.save_control(bare, dropping=[SecretId(SecretKind.MACHINE_KEY, MACHINE)])
    less = data.model_copy(update={"repository_passwords": _without(data, "vieux-pc")})
    secrets.save_data(less, dropping=[SecretId(SecretKind.REPOSITORY_PASSWORD, "vieux-pc")])
    assert secrets.control() == bare
    assert secrets.data() == less


def test_where_a_bundle_stands_is_told_without_opening_it(secrets: TenantSecrets) -> None:
    secrets.save_data(make_data())
    stood = secrets.find_files(DataBundle)
    assert stood.places
    assert stood.fingerprint
    assert secrets.find_files(DataBundle) == stood
    assert secrets.find_files(ControlBundle).places == ()


def test_no_text_of_them_shows_a_secret(secrets: TenantSecrets) -> None:
    control, data = make_control(), make_data()
    secrets.save_control(control)
    secrets.save_data(data)
    texts = [repr(secrets), str(secrets), repr(secrets.control()), repr(secrets.data())]
    hidden = [control.owner_key.secret_access_key.get_secret_value(), read_password(data, MACHINE)]
    assert not [text for text in texts if any(secret in text for secret in hidden)]


def _without(data: DataBundle, machine: str) -> dict[str, object]:
    return {name: password for name, password in data.repository_passwords.items() if name != machine}
