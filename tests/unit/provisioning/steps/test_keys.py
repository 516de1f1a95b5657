"""Which secrets the next apply would mint, and what a preview shows instead of them."""

import pytest
from pydantic import SecretStr

from coffre.provisioning.steps.keys import KeyState, UserKeys, judge_keys
from coffre.provisioning.steps.secrets import current_keys, missing_secrets
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.storage.platform import PLACEHOLDER, KeyOrigin
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


def test_where_the_platform_creates_keys_only_what_no_platform_gives_is_missing() -> None:
    assert missing_secrets(TENANT, None, None, keys=KeyOrigin.GIVEN) == ["owner", "compta-01", "caisse-01"]
    keyless = CONTROL.model_copy(update={"owner_key": None, "machine_keys": {}})
    assert missing_secrets(TENANT, keyless, DATA, keys=KeyOrigin.GIVEN) == []
    without = DATA.model_copy(update={"repository_passwords": {}})
    assert missing_secrets(TENANT, keyless, without, keys=KeyOrigin.GIVEN) == ["compta-01", "caisse-01"]


@pytest.mark.parametrize("subject", [rotations.OWNER, rotations.machine_key("compta-01")])
def test_a_user_s_keys_are_compared_with_the_platform_s(subject: rotations.Subject) -> None:
    key = rotations.get_key(CONTROL, subject).access_key_id
    assert judge_keys(CONTROL, subject, [key]) == UserKeys(KeyState.THERE, False, ())
    assert judge_keys(CONTROL, subject, ["X", key]) == UserKeys(KeyState.THERE, False, ("X",))
    assert judge_keys(CONTROL, subject, []) == UserKeys(KeyState.LOST, False, ())
    keyless = CONTROL.model_copy(update={"owner_key": None, "machine_keys": {}})
    assert judge_keys(keyless, subject, ["X"]) == UserKeys(KeyState.NEW, False, ("X",))
    begun = rotations.begin(CONTROL, [subject])
    new = rotations.get_key(begun, subject).access_key_id
    assert judge_keys(begun, subject, [key, new]) == UserKeys(KeyState.THERE, False, ())
    assert judge_keys(begun, subject, [new]) == UserKeys(KeyState.THERE, True, ())
    assert judge_keys(begun, subject, [key]) == UserKeys(KeyState.LOST, False, ())
