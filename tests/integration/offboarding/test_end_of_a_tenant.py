"""From erased buckets to nothing left: destroying, verifying, and refusing any of it too early, on the real RGW."""

import secrets
from functools import partial

import pytest

from coffre.errors import RefusedError, RemoteError
from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket
from coffre.offboarding.erase.checks import ErasureLook, KeyAnswer, KeyTried, RestoreAnswer
from coffre.offboarding.erase.destroying import (
    delete_users,
    destroy_control_bundle,
    destroy_data_bundle,
    destroy_password,
    remove_local,
    remove_stacks,
)
from coffre.offboarding.erase.verifying import verify_emptied, verify_gone, verify_nothing_left
from coffre.offboarding.handover.targets.staging import staging_root
from coffre.provisioning.engine.stack import state_folder
from coffre.secrets.identifiers import SecretId, SecretKind
from coffre.storage.values import AccessKey
from coffre.workspace.paths import COMMAND_FOLDERS
from tests.integration.offboarding.office import fill, pool_objects

MACHINES = ("poste-01", "poste-02")


def allow() -> None:
    """Nothing forbids it."""


def quietly(_message: str) -> None:
    """Nobody reads it here."""


def forbid() -> None:
    raise RefusedError("a hold was placed")


def failed(checks):
    return [(check.look, check.subject) for check in checks if not check.passed]


def everything(office):
    """Every file under the root, apart from records and what belongs to no tenant."""
    return {str(path.relative_to(office.root)) for path in office.root.rglob("*") if path.is_file()}


@pytest.fixture
def slug(office):
    return office.add_tenant(*MACHINES)


@pytest.fixture
def control(opened):
    return opened.secrets.control()


@pytest.fixture
def opened(office, slug):
    with office.opened(slug) as opened:
        yield opened


@pytest.fixture
def erased(opened):
    """The evidence of both buckets before they were erased, which they are."""
    found = []
    for machine in MACHINES:
        fill(opened, machine, ["restic/data/1", "restic/data/2"], times=2)
        began = identify_bucket(opened.tenant, opened.storage, opened.buckets, machine)
        assert erase_bucket(
            opened.tenant, opened.storage, opened.buckets, opened.memory, began, quietly, resumes=False, refuse=allow
        ).is_gone
        found.append(began)
    return found


def test_a_tenant_ends_in_order_and_every_step_says_the_same_when_run_again(office, opened, control, erased, lab):
    slug, secret_folder = opened.tenant.slug, office.root / ".coffre"
    assert failed(verify_emptied(opened.storage, opened.buckets, MACHINES)) == []
    data = destroy_data_bundle(opened, refuse=allow)
    assert sorted(data.places) == [f".coffre/escrow/{slug}.data.age", f".coffre/secrets/{slug}.data.age"]
    assert len(data.fingerprint) == 64
    assert destroy_data_bundle(opened, refuse=allow) == data
    assert opened.secrets.find_data() is None

    users = delete_users(opened.tenant, opened.storage, opened.secrets, refuse=allow)
    machine_uids = [f"{opened.buckets.owner_uid}.{name}" for name in MACHINES]
    assert [user.uid for user in users] == [*machine_uids, opened.buckets.owner_uid]
    assert users[-1].access_key_ids == (control.owner_key.access_key_id,)
    assert users[0].access_key_ids == (control.machine_keys["poste-01"].access_key_id,)
    assert delete_users(opened.tenant, opened.storage, opened.secrets, refuse=allow) == users
    assert opened.storage.list_users(opened.buckets.owner_uid) == []

    checks = verify_gone(opened, erased)
    assert failed(checks) == []
    assert {check.look for check in checks} == {
        ErasureLook.BUCKET,
        ErasureLook.RECORD,
        ErasureLook.USER,
        ErasureLook.KEY,
        ErasureLook.RESTORE,
    }
    assert {check.seen.answer for check in checks if check.look is ErasureLook.RESTORE} == {RestoreAnswer.REFUSED}
    assert {check.holder for check in checks if check.look is ErasureLook.KEY} == {
        SecretId(SecretKind.OWNER_KEY),
        *(SecretId(SecretKind.MACHINE_KEY, name) for name in MACHINES),
    }
    assert [len(pool_objects(lab, began.marker)) for began in erased] == [0, 0]

    removed = remove_stacks(opened, refuse=allow)
    assert f".coffre/state/.pulumi/stacks/coffre/{slug}.json" in removed.places
    assert slug not in state_folder(opened.checkout).list_stacks()
    assert remove_stacks(opened, refuse=allow).places == ()
    keys = destroy_control_bundle(opened, refuse=allow)
    assert sorted(keys.places) == [f".coffre/escrow/{slug}.control.age", f".coffre/secrets/{slug}.control.age"]
    assert destroy_control_bundle(opened, refuse=allow) == keys
    plain = [
        staging_root(office.root, slug) / "poste-01" / "4be1" / "data" / "devis.odt",
        office.root / COMMAND_FOLDERS / "drill-4194999-abcdefgh" / "devis.odt",
    ]
    for path in plain:
        path.parent.mkdir(parents=True)
        path.write_text("in plain, as a killed return and a killed drill leave it")
    remove_local(opened, refuse=allow)
    assert [path for path in plain if path.exists()] == []
    assert remove_local(opened, refuse=allow).places == ()
    assert [name for name in everything(office) if slug in name] == [f"tenants/{slug}.yaml"]
    mentions = [
        path
        for path in secret_folder.rglob("*")
        if path.is_file() and path.name != "records.db" and slug.encode() in path.read_bytes()
    ]
    assert mentions == []
    # Nothing of it: the final check finds the same without any bundle.
    assert failed(verify_nothing_left(opened, erased)) == []


def steps_of(opened):
    """Return what destroys each part of a tenant, in order, for this tenant."""
    tenant, storage = opened.tenant, opened.storage
    return {
        "data bundle": partial(destroy_data_bundle, opened),
        "users": partial(delete_users, tenant, storage, opened.secrets),
        "stack": partial(remove_stacks, opened),
        "control bundle": partial(destroy_control_bundle, opened),
        "local": partial(remove_local, opened),
    }


def test_nothing_goes_before_its_turn(office, opened, control):
    before, steps = everything(office), steps_of(opened)
    for name in ("data bundle", "users"):
        with pytest.raises(RefusedError, match="still owns"):
            steps[name](refuse=allow)
    with pytest.raises(RefusedError, match="still exist"):
        destroy_password(opened, "poste-01", refuse=allow)
    for name in ("stack", "control bundle"):
        with pytest.raises(RefusedError, match="the platform still has"):
            steps[name](refuse=allow)
    with pytest.raises(RefusedError, match="a secret bundle still exist"):
        steps["local"](refuse=allow)
    assert everything(office) == before
    assert len(opened.storage.list_users(opened.buckets.owner_uid)) == 3
    assert opened.secrets.control() == control


def test_a_hold_stops_every_step(office, opened, erased):
    before = everything(office)
    with office.held(opened.tenant.slug) as held:
        for step in steps_of(held).values():
            with pytest.raises(RefusedError, match="under a hold"):
                step(refuse=allow)
    for step in steps_of(opened).values():
        with pytest.raises(RefusedError, match="a hold was placed"):
            step(refuse=forbid)
    assert everything(office) == before
    assert len(opened.storage.list_users(opened.buckets.owner_uid)) == 3


def test_the_password_of_one_machine_goes_alone(opened, erased):
    before = opened.secrets.data()
    done = destroy_password(opened, "poste-01", refuse=allow)
    assert done is not None
    assert len(done.places) == 2
    left = opened.secrets.data().repository_passwords
    assert left == {"poste-02": before.repository_passwords["poste-02"]}
    assert destroy_password(opened, "poste-01", refuse=allow) is None


def test_what_is_still_there_fails_its_check_and_no_other(opened, control, erased):
    checks = verify_gone(opened, erased)
    assert (ErasureLook.USER, opened.buckets.owner_uid) in failed(checks)
    looks = [look for look, _ in failed(checks)]
    assert (looks.count(ErasureLook.KEY), looks.count(ErasureLook.RESTORE)) == (3, 2)
    assert not {ErasureLook.BUCKET, ErasureLook.RECORD} & set(looks)
    assert {check.seen for check in checks if check.look is ErasureLook.KEY} == {KeyTried(answer=KeyAnswer.NO_BUCKET)}
    slug = opened.tenant.slug
    assert {(ErasureLook.BUNDLES, slug), (ErasureLook.STACK, slug)} <= set(failed(verify_nothing_left(opened, erased)))


def test_a_bucket_that_holds_something_fails_its_checks(opened, control):
    began = identify_bucket(opened.tenant, opened.storage, opened.buckets, "poste-01")
    assert failed(verify_emptied(opened.storage, opened.buckets, ["poste-01"])) == [
        (ErasureLook.OWNED, ""),
        (ErasureLook.CONTENTS, began.bucket),
    ]
    found = failed(verify_gone(opened, [began]))
    assert {(ErasureLook.BUCKET, began.bucket), (ErasureLook.RECORD, began.bucket)} <= set(found)


def test_a_platform_that_is_away_verifies_nothing(office, opened, control, erased, tmp_path):
    with office.through_proxy(opened, tmp_path) as (proxy, away):
        proxy.drop()
        with pytest.raises(RemoteError, match="no answer"):
            verify_emptied(away.storage, away.buckets, MACHINES)
        with pytest.raises(RemoteError, match="no answer"):
            verify_gone(away, erased)


def test_a_user_is_suspended_and_enabled_once(opened):
    uid = f"{opened.buckets.owner_uid}.poste-01"
    assert [opened.storage.suspend_user(uid, state) for state in (True, True, False, False)] == [
        True,
        False,
        True,
        False,
    ]
    assert not opened.storage.suspend_user(f"{uid}-nobody", True)
    with pytest.raises(RemoteError):
        opened.storage.suspend_user(f"{uid}-nobody", False)


def test_a_key_nobody_has_is_told_from_one_that_is_known(opened, control):
    bucket = opened.buckets.name("poste-01")
    assert not opened.storage.accepts_key(bucket, AccessKey(secrets.token_hex(10).upper(), "x" * 40))
    key = control.owner_key
    known = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
    assert opened.storage.accepts_key(bucket, known)
