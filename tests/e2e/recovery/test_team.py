"""Two engineers on two checkouts, with S3 and PostgreSQL: killed anywhere, nothing is lost or made twice.

The store is the lab's own Ceph, under an owner of its own: only the embedded platform may hold one.
"""

import json
import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from coffre.provisioning.engine.stack import state_folder
from coffre.records.database.store import Records
from coffre.spec.loader import load_checkout
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.connect import connect
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, Endpoint
from coffre.tenant.opening import open_secrets
from tests.e2e.conftest import Desk, read_files
from tests.e2e.recovery.test_killed import SLUG, Backstage, change_quota, kill_pulumi, stopping, until_nothing_runs
from tests.postgresql import Server, postgresql
from tests.stopping import Stopping

__all__ = ["postgresql"]

APPLY = ("apply", SLUG, "--yes", "--storage-only")
BUCKETS = ("coffre-etat", "coffre-sequestre")
MOVE = (
    *("team", "move", "--state", "s3://coffre-etat/pulumi", "--records", "env:COFFRE_RECORDS"),
    *("--secrets", "s3://coffre-etat/secrets", "--escrow", "s3://coffre-sequestre/secrets"),
)
PLACES = {
    "state: file:.coffre/state": "state: s3://coffre-etat/pulumi",
    "records: sqlite:.coffre/records.db": "records: env:COFFRE_RECORDS",
    "secrets: .coffre/secrets": "secrets: s3://coffre-etat/secrets",
    "escrow: .coffre/escrow": "escrow: s3://coffre-sequestre/secrets",
}
SETTING_THE_WALL = "coffre.storage.ceph.api.admin:AdminClient.set_quota"
FIRST_CALLS = (3, 5, 8, 11)
"""After which of the provider's calls the first apply is killed; the other engineer goes on each time."""


class Office:
    """Two engineers, each with a checkout, a home and a name; what they share is in S3 and PostgreSQL."""

    def __init__(self, claire: Desk, marc: Desk, lab: Any, store: Path, url: str) -> None:
        self.claire, self.marc, self.url = claire, marc, url
        self.store_secret: str = json.loads(store.read_text())["secret_access_key"]
        self._lab = lab

    def move(self) -> None:
        """Move what Claire's killed apply left, killed once on the way, and have both pull the new platform.yaml."""
        first = stopping(self.claire, *APPLY, at=[f"{SLUG}: create "])
        assert first.reaches()
        first.kill()
        until_nothing_runs(self.claire)
        run = stopping(self.claire, *MOVE, at=["copying the records"])
        assert run.reaches()
        run.kill()
        moved = self.claire.coffre(*MOVE)
        assert "the chain is whole" in moved.stdout
        assert "bundles read back and opened" in moved.stdout
        refused = self.claire.coffre(*APPLY, expect=4)
        assert "was moved to" in refused.stderr
        for desk in (self.claire, self.marc):
            settings = desk.root / "platform.yaml"
            text = settings.read_text(encoding="utf-8")
            for old, new in PLACES.items():
                assert old in text
                text = text.replace(old, new)
            settings.write_text(text, encoding="utf-8")

    def end_locks(self) -> None:
        """End the connections that hold locks, as a restart of the server does."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            ).fetchall()
        assert ended

    def is_whole(self) -> None:
        """See that the platform has the keys of the bundles and no other, and that nothing is due on either desk."""
        backstage = TeamBackstage(self.claire)
        assert backstage.live_keys() == backstage.wanted_keys()
        for desk in (self.claire, self.marc):
            assert "storage: no change" in desk.coffre(*APPLY).stdout

    def wall_bytes(self) -> int | None:
        backstage = TeamBackstage(self.claire)
        owner = backstage.storage.find_owner(f"{SLUG}-{backstage.tenant.id}")
        assert owner is not None
        return owner.wall_bytes


class TeamBackstage(Backstage):
    """The tenant as the platform and the team's bundles have it."""

    def __init__(self, desk: Desk) -> None:
        checkout = load_checkout(desk.root)
        self.storage = connect(checkout.settings.platforms["lab"], desk.root)
        self.tenant = checkout.tenants[SLUG]
        self.secrets = open_secrets(checkout, lambda text: None)


@pytest.fixture(scope="module")
def office(
    make_desk: Callable[..., Desk], lab: Any, postgresql: Server, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    claire = make_desk(SLUG)
    shared = tmp_path_factory.mktemp("shared")
    store = make_store(lab, shared / "store.json")
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute('CREATE DATABASE "team"')
    url = postgresql.url("team")
    settings = claire.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8").replace(".coffre/anchor", f"{shared}/anchor")
    settings.write_text(text + write_stores(lab, store), encoding="utf-8")
    marc_root = tmp_path_factory.mktemp("marc")
    shutil.copytree(claire.root / "tenants", marc_root / "tenants")
    shutil.copy(settings, marc_root)
    environment = {**claire.environment, "COFFRE_RECORDS": url}
    claire = replace(claire, environment={**environment, "COFFRE_ACTOR": "claire@smileo.example"})
    marc = replace(claire, root=marc_root, environment={**environment, "COFFRE_ACTOR": "marc@smileo.example"})
    with pytest.MonkeyPatch.context() as patch:
        for name in ("COFFRE_RECORDS", "XDG_CONFIG_HOME"):
            patch.setenv(name, environment[name])
        yield Office(claire, marc, lab, store, url)


def make_store(lab: Any, file: Path) -> Path:
    """Make an owner of its own on the lab with two buckets, and write its key."""
    place, admin = (json.loads(each.read_text()) for each in (lab.endpoints_file, lab.admin_file))
    endpoint = Endpoint(place["endpoint"], place["region"], Path(place["ca_file"]))
    client = AdminClient(endpoint, AccessKey(admin["access_key_id"], admin["secret_access_key"]))
    lab.radosgw_admin(["user", "rm", "--uid=coffre-team", "--purge-data"]) if client.find_user("coffre-team") else None
    client.create_user("coffre-team", "The team's own store", 10)
    key = AccessKey(secrets.token_hex(10).upper(), secrets.token_urlsafe(30))
    client.put_key("coffre-team", key)
    for bucket in BUCKETS:
        make_client(endpoint, key).create_bucket(Bucket=bucket)
        versioned: Any = {"Status": "Enabled"}
        make_client(endpoint, key).put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioned)
    file.write_text(json.dumps({"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}))
    file.chmod(0o600)
    return file


def write_stores(lab: Any, store: Path) -> str:
    place = json.loads(lab.endpoints_file.read_text())
    settings = {
        "endpoint": place["endpoint"],
        "region": place["region"],
        "ca_file": place["ca_file"],
        "credential": f"file:{store}",
    }
    return f"\nstores: {json.dumps(dict.fromkeys(BUCKETS, settings))}\n"


def test_one_engineer_s_first_apply_is_killed_and_the_other_goes_on(office: Office) -> None:
    office.move()
    keys: dict[str, list[str]] | None = None
    for turn, call in enumerate(FIRST_CALLS):
        desk = (office.claire, office.marc)[turn % 2]
        run = stopping(desk, *APPLY, at=[f"{SLUG}: create "], times=call)
        if not run.reaches():
            assert run.go_on() == 0, run.said
            break
        # By turns the command, whose Pulumi then ends in order, and both at once.
        if turn % 2:
            kill_pulumi(run)
        run.kill()
        until_nothing_runs(desk)
        backstage = TeamBackstage(desk)
        keys = keys or backstage.wanted_keys()
        assert backstage.wanted_keys() == keys, "another key was minted"
        for uid, live in backstage.live_keys().items():
            assert live in ([], keys[uid]), f"{uid} has {live}"
    office.marc.coffre(*APPLY)
    backstage = TeamBackstage(office.marc)
    assert backstage.live_keys() == backstage.wanted_keys() == keys
    office.is_whole()


def test_who_comes_second_is_told_who_is_at_work(office: Office) -> None:
    for desk in (office.claire, office.marc):
        change_quota(desk, "210 GiB")
    first = stopping(office.claire, *APPLY, at=["update UserQuota"])
    assert first.reaches()
    busy = office.marc.coffre(*APPLY, expect=5)
    assert f"another command is changing {SLUG}: apply by claire@smileo.example on " in busy.stderr
    assert " UTC" in busy.stderr
    assert first.go_on() == 0, first.said
    office.is_whole()


def test_a_killed_update_is_ended_by_the_other(office: Office) -> None:
    for desk in (office.claire, office.marc):
        change_quota(desk, "220 GiB")
    run = stopping(office.claire, *APPLY, at=["update UserQuota"])
    assert run.reaches()
    kill_pulumi(run)
    run.kill_group()
    office.marc.coffre(*APPLY)
    office.is_whole()


def test_a_command_that_lost_its_lock_changes_nothing_more(office: Office) -> None:
    """It stood still while the server let its lock go, and a colleague's change is the one that counts."""
    change_quota(office.claire, "230 GiB")
    change_quota(office.marc, "240 GiB")
    late = Stopping(APPLY, before=SETTING_THE_WALL, cwd=office.claire.root, environment=office.claire.environment)
    assert late.reaches()
    office.end_locks()
    office.marc.coffre(*APPLY)
    after = office.wall_bytes()
    assert late.go_on() == 1, late.said
    assert any(f"the lock of {SLUG} in the records database" in line and "is lost" in line for line in late.said), (
        late.said
    )
    assert office.wall_bytes() == after, late.said
    change_quota(office.claire, "240 GiB")
    office.is_whole()


def test_the_records_of_both_are_one_chain_and_no_secret_of_the_store_is_left(office: Office) -> None:
    checkout = load_checkout(office.claire.root)
    with Records.open(checkout.settings.records, checkout.root) as records:
        assert records.verify().fault_count == 0
        assert {run.actor for run in records.list_runs()} >= {"claire@smileo.example", "marc@smileo.example"}
    assert state_folder(checkout).list_stacks() == [SLUG]
    places = (office.claire.root, office.marc.root, office.claire.home, Path("/dev/shm"))
    for path, content in read_files(*places).items():
        assert office.store_secret.encode() not in content, path
    assert office.store_secret not in "".join((*office.claire.said, *office.marc.said))


def test_a_tenant_leaves_no_state_behind_in_the_bucket(office: Office, tmp_path: Path) -> None:
    """A departure ends with this: the last state goes with all its versions, from either checkout."""
    from coffre.provisioning.engine.removal import list_stack_files, remove_stack_files

    checkout = load_checkout(office.marc.root)
    assert f"s3://coffre-etat/pulumi/.pulumi/stacks/coffre/{SLUG}.json" in list_stack_files(checkout, SLUG)
    remove_stack_files(checkout, SLUG)
    assert remove_stack_files(load_checkout(office.claire.root), SLUG) != []  # what her own checkout had of it
    for root in (office.claire.root, office.marc.root):
        assert list_stack_files(load_checkout(root), SLUG) == []
    office.marc.coffre(*APPLY)
    office.is_whole()
