"""A plan that is done exactly or not at all, and a stack whose whole state is lost."""

import json
import shutil
from collections.abc import Callable

import pytest

from coffre.secrets.bundles import all_secret_values
from coffre.spec.naming import bucket_name, owner_uid
from tests.e2e.conftest import Desk
from tests.e2e.test_killed import SLUG, Backstage, change_quota


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(SLUG)


def test_a_saved_plan_of_a_new_tenant_is_refused_after_a_change_and_done_without(desk: Desk) -> None:
    desk.coffre("plan", SLUG, "--out", "new.plan")
    change_quota(desk, "210 GiB")
    refused = desk.coffre("apply", "--plan", "new.plan", expect=4)
    assert "the tenant file is another" in refused.stderr
    assert "UserQuota" in refused.stderr
    assert Backstage(desk).storage.find_owner(owner_uid(Backstage(desk).tenant)) is None
    desk.coffre("plan", SLUG, "--out", "new.plan")
    done = desk.coffre("apply", "--plan", "new.plan")
    assert "commissioned at" in done.stdout
    assert desk.coffre("apply", "--plan", "new.plan", expect=4).stderr.count("is not what was planned")


def test_a_saved_plan_is_refused_when_the_platform_has_moved(desk: Desk) -> None:
    backstage = Backstage(desk)
    change_quota(desk, "220 GiB")
    desk.coffre("plan", SLUG, "--out", "change.plan")
    backstage.storage.admin.modify_user(owner_uid(backstage.tenant), "Somebody else", 1000)
    refused = desk.coffre("apply", "--plan", "change.plan", expect=4)
    assert f"User {owner_uid(backstage.tenant)}" in refused.stderr
    desk.coffre("plan", SLUG, "--out", "change.plan")
    assert "2 updated" in desk.coffre("apply", "--plan", "change.plan").stdout


def test_a_saved_plan_holds_no_secret_and_says_what_it_is_made_from(desk: Desk) -> None:
    backstage = Backstage(desk)
    text = (desk.root / "change.plan").read_text(encoding="utf-8")
    control = backstage.secrets.get_control(SLUG, backstage.tenant.id)
    data = backstage.secrets.get_data(SLUG, backstage.tenant.id)
    assert not [each for each in all_secret_values(control) | all_secret_values(data) if each in text]
    (planned,) = json.loads(text)["tenants"]
    assert len(planned["tenant_file_sha256"]) == 64
    assert all(len(machine["inputs_sha256"]) == 64 for machine in planned["plan"]["machines"])
    assert (desk.root / "change.plan").stat().st_mode & 0o777 == 0o600


def test_rubbish_is_no_plan(desk: Desk) -> None:
    (desk.root / "rubbish.plan").write_text('{"version": 1, "tenants": 3}')
    assert "is not a plan" in desk.coffre("apply", "--plan", "rubbish.plan", expect=3).stderr
    assert "cannot be read" in desk.coffre("apply", "--plan", "gone.plan", expect=1).stderr
    assert "is given with something else" in desk.coffre("apply", SLUG, "--plan", "rubbish.plan", expect=2).stderr


def test_a_lost_state_is_healed_by_apply_with_nothing_made_anew(desk: Desk) -> None:
    backstage = Backstage(desk)
    before = facts(backstage)
    shutil.rmtree(desk.root / ".coffre" / "state")
    shutil.rmtree(desk.root / ".coffre" / "pulumi")
    healed = desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "storage: 15 adopted" in healed.stdout
    assert facts(backstage) == before
    assert "storage: no change" in desk.coffre("apply", SLUG, "--yes", "--storage-only").stdout


def test_a_damaged_state_is_named_and_an_unequal_resource_is_taken_only_when_told(desk: Desk) -> None:
    backstage = Backstage(desk)
    uid = owner_uid(backstage.tenant)
    state = desk.root / ".coffre/state/.pulumi/stacks/coffre" / f"{SLUG}.json"
    state.write_bytes(state.read_bytes()[:700])
    damaged = desk.coffre("apply", SLUG, "--yes", "--storage-only", expect=1)
    assert "is damaged" in damaged.stderr
    state.rename(state.with_suffix(".damaged"))
    before = facts(backstage)
    backstage.storage.admin.modify_user(uid, "Somebody else", 1000)
    refused = desk.coffre("apply", SLUG, "--yes", "--storage-only", expect=1)
    assert f"user {uid} exists and differs: display_name" in refused.stderr
    healed = desk.coffre("apply", SLUG, "--yes", "--storage-only", "--adopt")
    assert "adopted" in healed.stdout
    assert facts(backstage) == before
    assert "storage: no change" in desk.coffre("apply", SLUG, "--yes", "--storage-only").stdout


def facts(backstage: Backstage) -> dict[str, object]:
    """Return what must not change: keys, and each bucket's own instance with all it holds."""
    admin, tenant = backstage.storage.admin, backstage.tenant
    user = admin.find_user(owner_uid(tenant))
    buckets = {name: admin.find_bucket(bucket_name(SLUG, tenant.id, name)) for name in tenant.machines}
    return {
        "keys": backstage.live_keys(),
        "owner": (user.display_name, user.quota_bytes) if user else None,
        "buckets": {name: (bucket.instance, bucket.stored_bytes) for name, bucket in buckets.items() if bucket},
    }
