"""The stack in memory does to its platform what the tests of the provider ask of Pulumi and a real one."""

import inspect
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError, RemoteError
from coffre.provisioning.changes import PropertyChange, ResourceChange
from coffre.provisioning.engine.stack import TenantStack, state_folder
from coffre.provisioning.steps.secrets import current_keys
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.spec.quota import wall_bytes
from coffre.storage.ceph.driver import CephDriver
from coffre.storage.platform import Declaration
from tests.builders import PLATFORM, machine_with, tenant_with
from tests.doubles.stack import InMemoryStack
from tests.doubles.storage import MemoryPlatform

SETTINGS = PlatformFile.model_validate(PLATFORM)
LAB = SETTINGS.platforms["lab"]
TENANT = tenant_with()
OWNER = naming.owner_uid(TENANT)
COMPTA, CAISSE = TENANT.machines
BUCKET = naming.bucket_name(TENANT.slug, TENANT.id, COMPTA)
CONTROL = ControlBundle(
    tenant_id=TENANT.id,
    owner_key=minting.new_access_key(),
    machine_keys={name: minting.new_access_key() for name in TENANT.machines},
    stack_passphrase=minting.new_passphrase(),
    signing_key=minting.new_signing_key(),
)


class Killed(BaseException):
    """The process ended here."""


def die(*_: object) -> None:
    raise Killed


class Stand:
    """One stack on its platform, each run opened anew."""

    def __init__(self, root: Path) -> None:
        self.platform = MemoryPlatform()
        self.checkout = Checkout(root, SETTINGS, {TENANT.slug: TENANT})

    @property
    def stack(self) -> InMemoryStack:
        return InMemoryStack(self.platform, self.checkout, TENANT.slug, CONTROL)

    @property
    def state(self) -> Path:
        return state_folder(self.checkout).file_of(TENANT.slug)

    def up(self, **changes: Any) -> list[ResourceChange]:
        return self.stack.up(declare(**changes), lambda _: None)


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def declare(control: ControlBundle = CONTROL, **changes: Any) -> Declaration:
    tenant = tenant_with(**changes)
    return CephDriver().declare(tenant, LAB, Path("/nowhere"), current_keys(tenant, control))


def kinds(changes: list[ResourceChange]) -> Counter[tuple[str, str]]:
    return Counter((change.operation, change.kind) for change in changes)


def test_up_makes_what_the_program_says_and_a_second_preview_is_empty(stand: Stand) -> None:
    assert stand.stack.preview(declare()) == stand.up()
    assert stand.platform.list_users(OWNER) == [OWNER, *(f"{OWNER}.{name}" for name in (CAISSE, COMPTA))]
    owner = stand.platform.find_owner(OWNER)
    assert owner is not None
    assert owner.wall_bytes == wall_bytes(TENANT.storage.quota_bytes, LAB)
    assert BUCKET in owner.buckets
    assert stand.stack.preview(declare()) == []
    assert state_folder(stand.checkout).list_stacks() == [TENANT.slug]


def test_an_update_is_done_in_place_and_names_the_property(stand: Stand) -> None:
    stand.up()
    before, after = (str(wall_bytes(gib << 30, LAB)) for gib in (10, 20))
    [change] = stand.up(storage={"platform": "lab", "quota": "20 GiB"})
    assert (change.operation, change.kind) == ("update", "UserQuota")
    assert change.properties == (PropertyChange("max_bytes", before, after),)
    changes = stand.up(storage={"platform": "lab", "quota": "20 GiB", "undelete_days": 30})
    assert [change.properties for change in changes] == [(PropertyChange("rules"),)] * 2


def test_another_key_replaces_the_one_before(stand: Stand) -> None:
    stand.up()
    subject = rotations.machine_key(COMPTA)
    rotated = rotations.drop(rotations.condemn(rotations.begin(CONTROL, [subject]), [subject]), [subject])
    [change] = stand.stack.up(declare(rotated), lambda _: None)
    assert (change.operation, change.name) == ("replace", f"{OWNER}.{COMPTA}-key")
    assert [each.path for each in change.properties] == ["access_key_id"]
    assert stand.platform.list_key_ids(f"{OWNER}.{COMPTA}") == [rotated.machine_keys[COMPTA].access_key_id]


def test_what_was_changed_elsewhere_is_repaired_by_the_next_up(stand: Stand) -> None:
    stand.up()
    stand.platform.set_wall(OWNER, 1)
    stand.platform.delete_user(f"{OWNER}.{CAISSE}")
    assert kinds(stand.up()) == {("update", "UserQuota"): 1, ("create", "User"): 1, ("create", "AccessKey"): 1}
    assert stand.up() == []


def test_what_is_there_and_equal_is_adopted_when_the_state_is_lost(stand: Stand) -> None:
    made = stand.up()
    stand.state.unlink()
    assert {change.operation for change in stand.up()} == {"adopt"}
    assert {change.operation for change in made} == {"create"}
    assert stand.up() == []


def test_what_is_there_and_differs_is_adopted_only_on_request(stand: Stand) -> None:
    stand.up()
    stand.state.unlink()
    stand.platform.set_wall(OWNER, 1)
    with pytest.raises(RemoteError, match=f"UserQuota {OWNER}-wall exists and differs"):
        stand.up()
    owner = stand.platform.find_owner(OWNER)
    assert owner is not None
    assert owner.wall_bytes == 1
    stand.stack.up(declare(), lambda _: None, takes_unequal=True)
    assert stand.up() == []


def test_a_retired_machine_s_user_and_key_are_deleted_and_its_bucket_stays(stand: Stand) -> None:
    stand.up()
    stand.platform.open_bucket(BUCKET, declare_key()).put("restic/config", b"x")
    retired = machine_with(retired={"on": "2026-11-01", "keep_until": "2099-12-31"})
    changes = stand.up(machines={COMPTA: retired, CAISSE: machine_with()})
    assert kinds(changes) == {("delete", "User"): 1, ("delete", "AccessKey"): 1, ("update", "BucketPolicy"): 1}
    assert stand.platform.list_users(f"{OWNER}.{COMPTA}") == []
    assert not stand.platform.accepts_key(BUCKET, declare_key())
    assert stand.platform.stored_bytes(BUCKET) == 1


def declare_key() -> Any:
    key = current_keys(TENANT, CONTROL).machines[COMPTA]
    assert key is not None
    return key


def test_under_a_hold_no_rule_that_deletes_is_declared(stand: Stand) -> None:
    stand.up()
    held = {"reference": "TJ-1", "since": "2026-11-20", "kind": "preserve"}
    assert kinds(stand.up(hold=held)) == {("delete", "BucketLifecycle"): 2}
    assert stand.platform.open_bucket(BUCKET, declare_key()).list_expiry_rules() == []


def test_only_what_is_named_is_changed(stand: Stand) -> None:
    stand.up()
    stand.platform.set_wall(OWNER, 1)
    stand.platform.delete_user(f"{OWNER}.{CAISSE}")
    [change] = stand.stack.up(declare(), lambda _: None, only=[f"{OWNER}-wall"])
    assert change.kind == "UserQuota"
    assert kinds(stand.up()) == {("create", "User"): 1, ("create", "AccessKey"): 1}


def test_another_plan_than_the_given_one_is_refused_before_any_change(stand: Stand) -> None:
    planned = stand.stack.preview(declare())
    stand.stack.up_exactly(declare(), planned, lambda _: None)
    with pytest.raises(RefusedError, match="the plan is out of date"):
        stand.stack.up_exactly(declare(storage={"platform": "lab", "quota": "20 GiB"}), [], lambda _: None)
    assert stand.stack.preview(declare()) == []


def test_a_kill_loses_the_record_and_never_what_was_created(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(MemoryPlatform, "make_bucket", die)
        with pytest.raises(Killed):
            stand.up()
    assert not stand.state.exists()
    changes = kinds(stand.up())
    assert changes["adopt", "User"] == 3
    assert changes["create", "Bucket"] == 2


def test_no_secret_is_readable_in_the_state_or_in_a_change(stand: Stand) -> None:
    said = repr(stand.up()) + stand.state.read_text(encoding="utf-8")
    for key in (CONTROL.owner_key, *CONTROL.machine_keys.values()):
        assert key.secret_access_key.get_secret_value() not in said
        assert key.access_key_id in said


def test_a_scratch_stack_previews_and_leaves_nothing(stand: Stand, tmp_path: Path) -> None:
    scratch = InMemoryStack(stand.platform, stand.checkout, TENANT.slug, None, scratch=tmp_path / "scratch")
    assert {change.operation for change in scratch.preview(declare())} == {"create"}
    assert not stand.state.exists()
    assert stand.platform.list_users(OWNER) == []


@pytest.mark.parametrize("name", ["preview", "up", "up_exactly"])
def test_it_is_called_like_the_real_one(name: str) -> None:
    real, double = (inspect.signature(getattr(each, name)) for each in (TenantStack, InMemoryStack))
    assert double == real
