"""Rotations through the installed command, in order: each test goes on where the one before stopped."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coffre.agents import desired
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.secrets.bundles import ControlBundle, S3Key, all_secret_values
from coffre.secrets.minting import public_key_of
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import DESIRED_KEY, bucket_name, machine_uid, owner_uid
from coffre.storage.ceph.connect import connect
from coffre.storage.values import AccessKey
from coffre.workspace.locks import tenant_lock
from tests.e2e.conftest import Desk, read_files
from tests.e2e.service.test_tenant_life import HOSTS, SLUG, TENANT_ID, watched_processes
from tests.stopping import Stopping

COMPTA, CAISSE = HOSTS
START_BACKUP = "systemctl start --wait coffre-backup.service"


class Backstage:
    """The tenant's keys seen without the command: in the bundle, and as the platform has them."""

    def __init__(self, desk: Desk) -> None:
        self.root = desk.root
        checkout = load_checkout(desk.root)
        settings = checkout.settings
        self.tenant, self.records_reference = checkout.tenants[SLUG], settings.records
        self.storage = connect(settings.platforms["lab"], desk.root)
        primary, escrow = desk.root / settings.secrets, desk.root / settings.escrow
        self.store = SecretStore.open(primary, escrow, desk.root, environment=dict(desk.environment))

    def control(self) -> ControlBundle:
        return self.store.get_control(SLUG, TENANT_ID)

    def key_ids(self, machine: str | None = None) -> list[str]:
        """Return the ids of the keys that the platform has for a machine, or for the owner."""
        uid = machine_uid(self.tenant, machine) if machine else owner_uid(self.tenant)
        return list(self.storage.list_key_ids(uid))

    def is_accepted(self, key: S3Key, machine: str = COMPTA) -> bool:
        pair = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
        return self.storage.accepts_key(bucket_name(SLUG, TENANT_ID, machine), pair)

    def orders(self, machine: str) -> bytes:
        owner = self.control().owner_key
        key = AccessKey(owner.access_key_id, owner.secret_access_key.get_secret_value())
        found = self.storage.open_bucket(bucket_name(SLUG, TENANT_ID, machine), key).find(DESIRED_KEY, 1024**2)
        assert isinstance(found, bytes)
        return found

    def is_settled(self) -> bool:
        """Tell whether bundle and platform know one key for each, and one signs."""
        control = self.control()
        signed = all(desired.is_signed_by(self.orders(name), [_public_key(control)]) for name in HOSTS)
        machines = all(self.key_ids(name) == [control.machine_keys[name].access_key_id] for name in HOSTS)
        is_one = not control.old_machine_keys and control.old_owner_key is None and control.old_signing_key is None
        return signed and machines and is_one and self.key_ids() == [control.owner_key.access_key_id]

    def stages(self) -> list[tuple[object, object, object]]:
        with Records.open(self.records_reference, self.root) as records:
            events = records.list_events(TENANT_ID, EventKind.KEY_ROTATED)
        return [tuple(event.details[key] for key in ("which", "stage", "access_key_id")) for event in events]  # type: ignore[misc]


def _public_key(control: ControlBundle) -> bytes:
    return base64.b64decode(public_key_of(control.signing_key))


@pytest.fixture(scope="module")
def secrets_seen() -> set[str]:
    """Every secret that was ever in a bundle."""
    return set()


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], secrets_seen: set[str]) -> Desk:
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    for host in HOSTS.values():
        desk.on_machine(host, "mkdir -p /home/claire && seq 1 5000 >/home/claire/ventes.csv")
    desk.coffre("backup", SLUG)
    secrets_seen.update(all_secret_values(Backstage(desk).control()))
    return desk


@pytest.fixture
def backstage(desk: Desk, secrets_seen: set[str]) -> Iterator[Backstage]:
    backstage = Backstage(desk)
    yield backstage
    secrets_seen.update(all_secret_values(backstage.control()))


def killed_at(desk: Desk, text: str, *arguments: str) -> bool:
    """Start a command and kill it (SIGKILL) at the first line of progress with a text; False when it ended before."""
    command = Stopping(arguments, at=[text], cwd=desk.root, environment=desk.environment)
    is_reached = command.reaches()
    command.kill()
    desk.said += command.said
    return is_reached


def test_every_key_is_replaced_and_no_process_shows_one(
    desk: Desk, backstage: Backstage, secrets_seen: set[str]
) -> None:
    before = backstage.control()
    with watched_processes() as seen:
        rotated = desk.coffre("rotate", SLUG, "--yes")
    for name in ("the owner's key", f"the key of {COMPTA}", f"the key of {CAISSE}", "the signing key"):
        assert f"{SLUG}: {name}: replaced; the platform refuses the old key" in rotated.stdout
    after = backstage.control()
    kept = [before.stack_passphrase, *before.report_keys.values()]
    assert all_secret_values(before) & all_secret_values(after) == {each.get_secret_value() for each in kept}
    assert backstage.is_settled()
    for key, machine in ((before.owner_key, COMPTA), *((before.machine_keys[name], name) for name in HOSTS)):
        assert not backstage.is_accepted(key, machine)
    assert backstage.is_accepted(after.owner_key)
    secrets = secrets_seen | all_secret_values(after)
    assert not [secret for secret in secrets if any(secret in line for line in seen)]
    assert len(backstage.stages()) == len(set(backstage.stages())) == 12


def test_backup_plan_and_apply_go_on_with_the_new_keys(desk: Desk) -> None:
    done = desk.coffre("backup", SLUG)
    assert done.stdout.count("success, snapshot") == len(HOSTS)
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout
    applied = desk.coffre("apply", SLUG, "--yes")
    assert "storage: no change" in applied.stdout
    assert applied.stdout.count(": unchanged") == len(HOSTS)


def test_a_machine_out_of_reach_keeps_its_old_key_and_is_named(desk: Desk, backstage: Backstage) -> None:
    before = backstage.control()
    with desk.out_of_reach(HOSTS[CAISSE]):
        rotated = desk.coffre("rotate", SLUG, "--yes", expect=1)
        assert f"the key of {COMPTA}: replaced" in rotated.stdout
        assert f"the key of {CAISSE}: pending; the old key is still valid" in rotated.stdout
        assert f"the signing key: pending; the old key is still valid: not taken yet by {CAISSE}" in rotated.stdout
        assert f"coffre rotate {SLUG}" in rotated.stderr
        pending = backstage.control()
        assert backstage.is_accepted(before.machine_keys[CAISSE], CAISSE)
        assert not backstage.is_accepted(before.machine_keys[COMPTA], COMPTA)
        planned = desk.coffre("plan", SLUG, "--exit-code", expect=6)
        assert f"the key of {CAISSE}: rotation in progress" in planned.stdout
        # Nobody reaches it, and it goes on: its own timer starts the same unit.
        desk.on_machine(HOSTS[CAISSE], START_BACKUP)
        again = desk.coffre("rotate", SLUG, "--yes", expect=1)
        assert "the rotation in progress was continued" in again.stdout
        assert backstage.control() == pending
    (machine,) = [each for each in desk.json("status", SLUG, "--json")[0]["machines"] if each["name"] == CAISSE]
    assert machine["last_result"] == "success"
    finished = desk.coffre("rotate", SLUG, "--yes")
    assert f"the key of {CAISSE}: replaced" in finished.stdout
    assert backstage.is_settled()
    after = backstage.control()
    assert (after.machine_keys, after.owner_key, after.signing_key) == (
        pending.machine_keys,
        pending.owner_key,
        pending.signing_key,
    )
    assert "success, snapshot" in desk.coffre("backup", SLUG, "--machine", CAISSE).stdout


def test_a_stolen_key_is_cut_before_its_machine_is_looked_for(desk: Desk, backstage: Backstage) -> None:
    before = backstage.control()
    with desk.out_of_reach(HOSTS[CAISSE]):
        cut = desk.coffre("rotate", SLUG, "--machine", CAISSE, "--now", "--yes", expect=1)
        assert f"the old key is revoked and {CAISSE} cannot back up until then" in cut.stdout
        assert not backstage.is_accepted(before.machine_keys[CAISSE], CAISSE)
        assert backstage.control().machine_keys[COMPTA] == before.machine_keys[COMPTA]
        assert "revoked" in desk.coffre("plan", SLUG).stdout
    assert f"the key of {CAISSE}: replaced" in desk.coffre("apply", SLUG, "--yes").stdout
    assert backstage.is_settled()
    assert "success, snapshot" in desk.coffre("backup", SLUG, "--machine", CAISSE).stdout


def test_a_stolen_signing_key_counts_no_more_at_once(desk: Desk, backstage: Backstage) -> None:
    before = backstage.control()
    with desk.out_of_reach(HOSTS[CAISSE]):
        desk.coffre("rotate", SLUG, "--signing", "--now", "--yes", expect=1)
        for name in HOSTS:
            with pytest.raises(desired.InvalidOrdersError):
                desired.verify(backstage.orders(name), _public_key(before))
    assert "the signing key: replaced" in desk.coffre("rotate", SLUG, "--signing", "--yes").stdout
    assert backstage.is_settled()


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--machine", COMPTA], "adding the new key of boulangerie-martin-k7f3q9wz2m.compta-01"),
        (["--machine", COMPTA], "Write the agent's configuration and its credentials"),
        ([], "replace AccessKey"),
        (["--machine", COMPTA], "the old key of compta-01 is refused"),
        (["--machine", COMPTA, "--now"], "replace AccessKey"),
    ],
)
def test_a_rotation_that_was_killed_is_ended_by_the_next_one(
    desk: Desk, backstage: Backstage, options: list[str], text: str
) -> None:
    before = backstage.control()
    assert killed_at(desk, text, "rotate", SLUG, *options, "--yes"), f"no line of progress has {text!r}"
    killed = backstage.control()
    assert killed.machine_keys[COMPTA] != before.machine_keys[COMPTA]
    desk.coffre("rotate", SLUG, *options, "--yes")
    after = backstage.control()
    assert (after.owner_key, after.machine_keys, after.signing_key) == (
        killed.owner_key,
        killed.machine_keys,
        killed.signing_key,
    )
    assert backstage.is_settled()
    assert len(backstage.stages()) == len(set(backstage.stages()))


def test_apply_hands_out_the_key_that_it_has_had_to_mint_itself(desk: Desk, backstage: Backstage) -> None:
    """Stolen in the middle of a rotation: both keys are condemned, and the kill comes before a third is minted."""
    with desk.out_of_reach(HOSTS[CAISSE]):
        desk.coffre("rotate", SLUG, "--machine", CAISSE, "--yes", expect=1)
    pending = backstage.control().machine_keys[CAISSE]
    stolen = ("rotate", SLUG, "--machine", CAISSE, "--now", "--yes")
    assert killed_at(desk, f"the old key of {CAISSE} is refused", *stolen)
    assert f"the key of {CAISSE}: replaced" in desk.coffre("apply", SLUG, "--yes").stdout
    assert not backstage.is_accepted(pending, CAISSE)
    assert backstage.is_settled()


def test_after_all_that_a_plan_finds_nothing_and_backups_work(desk: Desk) -> None:
    desk.coffre("apply", SLUG, "--yes")
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout
    assert desk.coffre("backup", SLUG).stdout.count("success, snapshot") == len(HOSTS)


def test_two_changes_of_one_tenant_do_not_meet(desk: Desk) -> None:
    with tenant_lock(desk.root, SLUG):
        assert "another command is changing" in desk.coffre("rotate", SLUG, "--yes", expect=5).stderr


def test_a_machine_that_is_not_there_is_a_wrong_usage(desk: Desk) -> None:
    assert "has no machine 'nobody'" in desk.coffre("rotate", SLUG, "--machine", "nobody", "--yes", expect=2).stderr


def test_no_secret_of_any_generation_is_left_in_clear(desk: Desk, lab: Any, secrets_seen: set[str]) -> None:
    secrets = {value.encode() for value in secrets_seen}
    assert len(secrets) > 10
    said = "\n".join(desk.said).encode()
    assert not [secret for secret in secrets if secret in said]
    files = read_files(desk.root, desk.home, lab.directory / "ceph", *Path("/dev/shm").glob("*coffre*"))
    assert not [path for path, content in files.items() if any(secret in content for secret in secrets)]
