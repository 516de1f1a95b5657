"""Which secrets the next apply would mint, and what a preview shows instead of them."""

from pydantic import SecretStr

from coffre.provisioning.steps.secrets import current_keys, missing_secrets
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.storage.platform import PLACEHOLDER
from tests.builders import tenant_with

TENANT = tenant_with()
CONTROL = ControlBundle(
    tenant_id=TENANT.id,
    owner_key=minting.new_access_key(),
    machine_keys={"compta-01": minting.new_access_key()},
    stack_passphrase=minting.new_passphrase(),
    signing_key=minting.new_signing_key(),
)
DATA = DataBundle(tenant_id=TENANT.id, repository_passwords={"compta-01": SecretStr("a"), "caisse-01": SecretStr("b")})


def test_a_new_tenant_lacks_everything() -> None:
    assert missing_secrets(TENANT, None, None) == ["owner", "compta-01", "caisse-01"]


def test_a_new_machine_lacks_its_own() -> None:
    assert missing_secrets(TENANT, CONTROL, DATA) == ["caisse-01"]


def test_a_preview_takes_the_keys_there_are_and_a_placeholder_for_the_others() -> None:
    keys = current_keys(TENANT, CONTROL)
    assert keys.machines["compta-01"].access_key_id == CONTROL.machine_keys["compta-01"].access_key_id
    assert keys.machines["caisse-01"] == PLACEHOLDER
    assert current_keys(TENANT, None).owner == PLACEHOLDER


def test_the_stack_owns_the_key_that_is_replaced_until_its_end_is_decided() -> None:
    subjects = [rotations.OWNER, rotations.machine_key("compta-01")]
    begun = rotations.begin(CONTROL, subjects)
    assert current_keys(TENANT, begun) == current_keys(TENANT, CONTROL)
    cut = current_keys(TENANT, rotations.condemn(begun, subjects))
    assert cut.owner.access_key_id == begun.owner_key.access_key_id
    assert cut.machines["compta-01"].access_key_id == begun.machine_keys["compta-01"].access_key_id
