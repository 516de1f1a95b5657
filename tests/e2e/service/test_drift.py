"""What somebody changes by hand on the platform or on a machine is found without a change, and apply undoes it."""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import urllib3

from coffre.outside.plain_http import PlainConnections
from coffre.provisioning.drift import fleet
from coffre.secrets import age
from coffre.secrets.bundles import all_secret_values
from coffre.spec.loader import load_checkout
from coffre.spec.naming import machine_uid
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey
from coffre.tenant.opening import open_tenants
from coffre.workspace.locks import tenant_lock
from tests.e2e.conftest import Desk
from tests.e2e.recovery.test_killed import SLUG, Backstage

COMPTA, CAISSE = "compta-01", "caisse-01"
HOSTS = {name: f"{name}.martin.example" for name in (COMPTA, CAISSE)}
STRANGER = AccessKey("STRANGERKEY000000001", "a secret that nobody sees " + "x" * 20)
TIMER = "/etc/systemd/system/coffre-backup.timer"
MASK = f"systemctl disable --now coffre-backup.timer; ln -sf /dev/null {TIMER}; systemctl daemon-reload"


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    return desk


@pytest.fixture
def backstage(desk: Desk) -> Backstage:
    return Backstage(desk)


def found(desk: Desk, *options: str, expect: int = 6) -> dict[str, Any]:
    [tenant] = desk.json("drift", SLUG, "--json", *options, expect=expect)
    return tenant


MACHINES = len(HOSTS)
REQUESTS_OF_A_LOOK = Counter(
    {
        "GET /admin/user": 1 + MACHINES,
        "GET /admin/bucket": 1,
        "GET /admin/metadata/bucket.instance": MACHINES,
        "GET /BUCKET/control/desired.json": MACHINES,
        "GET /BUCKET/reports/.applied": MACHINES,
    }
)
"""What one tenant of many costs its platform; a thousand of three machines are looked at within a minute."""
STATEMENTS_OF_A_LOOK = 5
"""One for the events, four for the memories of all machines."""


@pytest.fixture
def cost(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """What is asked of the platform and of the records, and the bundles that are decrypted."""
    seen: Counter[str] = Counter()
    request, plain, unseal = urllib3.HTTPConnectionPool.urlopen, PlainConnections.get, age.unseal

    def note(method: str, url: str) -> None:
        path = re.sub(rf"^/{SLUG}[^/]*", "/BUCKET", url.partition("?")[0])
        seen[f"{method} {path}"] += 1

    def note_request(pool: Any, method: str, url: str, *more: Any, **values: Any) -> Any:
        note(method, url)
        return request(pool, method, url, *more, **values)

    def note_plain(connections: PlainConnections, target: str, *more: Any) -> Any:
        note("GET", target)
        return plain(connections, target, *more)

    def note_unsealing(*given: Any) -> bytes:
        seen["unsealed"] += 1
        return unseal(*given)

    def note_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen["statements"] += statement.startswith("SELECT")

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "urlopen", note_request)
    monkeypatch.setattr(PlainConnections, "get", note_plain)
    monkeypatch.setattr(age, "unseal", note_unsealing)
    sa.event.listen(sa.Engine, "before_cursor_execute", note_statement)
    yield seen
    sa.event.remove(sa.Engine, "before_cursor_execute", note_statement)


def kinds(tenant: dict[str, Any]) -> set[tuple[str, str | None]]:
    return {(each["what"], each["machine"]) for each in tenant["drift"]}


def test_a_tenant_as_it_was_applied_has_no_drift_and_a_look_leaves_no_trace(desk: Desk) -> None:
    before = desk.json("records", "list", "--json")
    with tenant_lock(desk.root, SLUG):  # a look waits for no lock
        seen = found(desk, expect=0)
    assert (seen["drift"], seen["unseen"], seen["is_connected"]) == ([], [], True)
    assert desk.json("records", "list", "--json") == before


def test_a_look_at_one_tenant_of_many_costs_the_platform_and_the_records_little(
    desk: Desk, cost: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second look of the same survey is counted: the first one learns how RGW writes the settings of all."""
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, desk.environment[name])
    checkout = load_checkout(desk.root)
    with open_tenants(checkout, lambda _: None) as opener:
        platforms = fleet.Platforms(checkout)
        for _ in range(2):
            cost.clear()
            seen = fleet.look_at(opener.open(SLUG, is_look=True), platforms, connects=False)
            assert (seen.found.drift, seen.found.unseen) == ((), ())
    assert cost == REQUESTS_OF_A_LOOK + Counter({"statements": STATEMENTS_OF_A_LOOK, "unsealed": 1})


def test_what_is_changed_by_hand_on_the_platform_is_found_and_undone(desk: Desk, backstage: Backstage) -> None:
    admin, tenant = backstage.storage.admin, backstage.tenant
    owner, compta = backstage.storage.find_owner(backstage_owner(backstage)), machine_uid(tenant, COMPTA)
    assert owner is not None
    names = {name: next(each for each in owner.buckets if f"-{name}-" in each) for name in HOSTS}
    key = admin.find_user(owner.uid).keys[0]
    s3 = make_client(backstage.storage.endpoint, key)
    admin.set_quota(owner.uid, 50 * 1024**3)
    s3.put_bucket_versioning(Bucket=names[COMPTA], VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=names[COMPTA])
    s3.delete_bucket_lifecycle(Bucket=names[CAISSE])
    backstage.storage.open_bucket(names[CAISSE], key).set_gate(True)
    admin.put_key(compta, STRANGER)
    admin.suspend_user(compta, True)
    seen = found(desk, "--reports-only")
    assert kinds(seen) == {
        ("wall", None),
        ("versioning", COMPTA),
        ("public_access", COMPTA),
        ("lifecycle", CAISSE),
        ("gate", CAISSE),
        ("foreign_key", COMPTA),
        ("user_suspended", COMPTA),
    }
    assert all(each["is_undone_by_apply"] for each in seen["drift"])
    plan = desk.coffre("plan", SLUG).stdout
    assert "users enabled that somebody suspended: compta-01" in plan
    assert "access keys of compta-01 that are in no bundle are deleted" in plan
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert found(desk, "--reports-only", expect=0)["drift"] == []
    assert STRANGER.access_key_id not in backstage.storage.list_key_ids(compta)


def backstage_owner(backstage: Backstage) -> str:
    from coffre.spec.naming import owner_uid

    return owner_uid(backstage.tenant)


def test_a_suspended_owner_is_found_and_let_in_again(desk: Desk, backstage: Backstage) -> None:
    uid = backstage_owner(backstage)
    backstage.storage.suspend_user(uid, True)
    assert ("user_suspended", None) in kinds(found(desk, "--reports-only"))
    assert "somebody suspended the owner" in desk.coffre("plan", SLUG).stdout
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert found(desk, "--reports-only", expect=0)["unseen"] == []


def test_what_apply_leaves_alone_is_told_and_stops_no_look(desk: Desk, backstage: Backstage) -> None:
    uid = f"{backstage_owner(backstage)}.poste-99"
    backstage.storage.admin.create_user(uid, "somebody's", -1)
    try:
        [drift] = found(desk, "--reports-only")["drift"]
        assert (drift["what"], drift["detail"], drift["is_undone_by_apply"]) == ("extra_user", uid, False)
    finally:
        backstage.storage.delete_user(uid)


def test_the_change_of_the_file_that_accepts_it_is_shown_and_not_written(
    desk: Desk, backstage: Backstage, tmp_path: Path
) -> None:
    uid, before = backstage_owner(backstage), desk.tenant_file(SLUG).read_bytes()
    admin = backstage.storage.admin
    admin.set_quota(uid, 520 * 1024**3)  # 400 GiB, 5 % and 25 %
    shown = desk.coffre("drift", SLUG, "--reports-only", "--adopt", expect=6).stdout
    assert desk.tenant_file(SLUG).read_bytes() == before
    work = tmp_path / "tenants"
    work.mkdir()
    shutil.copy(desk.tenant_file(SLUG), work)
    diff = shown[shown.index("--- a/tenants") :].partition("\n  no file")[0]
    subprocess.run(["patch", "-p1"], input=diff, text=True, cwd=tmp_path, check=True)
    assert "quota: 400 GiB" in (work / f"{SLUG}.yaml").read_text(encoding="utf-8")
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert found(desk, "--reports-only", expect=0)["drift"] == []


def test_a_masked_timer_and_a_changed_configuration_are_found_planned_and_undone(desk: Desk) -> None:
    desk.on_machine(HOSTS[COMPTA], MASK)
    desk.on_machine(HOSTS[CAISSE], "echo >> /etc/coffre/ca.pem")
    assert found(desk, "--reports-only", expect=0)["drift"] == []  # what reports cannot know, docs/drift.md
    seen = kinds(found(desk))
    assert seen == {("schedule", COMPTA), ("schedule_off", COMPTA), ("configuration", CAISSE)}
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout
    connected = desk.coffre("plan", SLUG, "--connect", "--exit-code", expect=6).stdout
    assert "agent on compta-01: what starts the backups is missing, changed or masked" in connected
    desk.coffre("plan", SLUG, "--connect", "--out", "x.plan", expect=2)
    desk.coffre("apply", SLUG, "--yes")
    assert desk.on_machine(HOSTS[COMPTA], "systemctl is-enabled coffre-backup.timer").strip() == "enabled"
    assert found(desk, expect=0)["drift"] == []


def test_a_drop_in_of_a_stranger_is_named_and_left(desk: Desk) -> None:
    folder = "/etc/systemd/system/coffre-backup.service.d"
    off = r"[Service]\nExecStart=\nExecStart=/bin/true\n"
    desk.on_machine(HOSTS[COMPTA], f"mkdir -p {folder}; printf '{off}' >{folder}/off.conf; systemctl daemon-reload")
    try:
        [drift] = found(desk)["drift"]
        assert (drift["what"], drift["machine"]) == ("schedule_addition", COMPTA)
        assert (drift["detail"], drift["is_undone_by_apply"]) == (f"{folder}/off.conf", False)
        connected = desk.coffre("plan", SLUG, "--connect", "--exit-code").stdout
        assert f"! agent on {COMPTA}: somebody's file changes what starts the backups ({folder}/off.conf)" in connected
        desk.coffre("apply", SLUG, "--yes")
        assert kinds(found(desk)) == {("schedule_addition", COMPTA)}
    finally:
        desk.on_machine(HOSTS[COMPTA], f"rm -r {folder}; systemctl daemon-reload")
    assert found(desk, expect=0)["drift"] == []


def test_other_credentials_are_found_by_the_agent_itself_and_undone(desk: Desk, backstage: Backstage) -> None:
    """An access key that reads the orders as well, and a password that opens no repository."""
    owner = backstage.secrets.get_control(SLUG, backstage.tenant.id).owner_key
    assert owner is not None
    for values in (
        {"access_key_id": owner.access_key_id, "secret_access_key": owner.secret_access_key.get_secret_value()},
        {"repository_password": "another"},
    ):
        edits = "; ".join(f's|"{name}": "[^"]*"|"{name}": "{value}"|' for name, value in values.items())
        desk.on_machine(HOSTS[CAISSE], f"sed -i '{edits}' /etc/coffre/credentials.json")
        assert kinds(found(desk)) == {("configuration", CAISSE)}
        desk.coffre("apply", SLUG, "--yes")
        assert found(desk, expect=0)["drift"] == []


def test_a_machine_that_does_not_answer_is_unknown_and_never_fine(desk: Desk) -> None:
    with desk.out_of_reach(HOSTS[CAISSE]):
        seen = found(desk, expect=1)
        told = desk.coffre("drift", SLUG, expect=1).stdout
    assert seen["drift"] == []
    assert [(each["what"], each["machine"]) for each in seen["unseen"]] == [("machine", CAISSE)]
    assert "no drift in 1 tenant; 1 could not be looked at in full" in told
    assert "caisse-01: unknown: the machine was not reached" in told


def test_a_file_that_was_changed_and_not_applied_is_told(desk: Desk) -> None:
    desk.edit(SLUG, "quota: 200 GiB", "quota: 210 GiB")
    try:
        assert kinds(found(desk, "--reports-only")) == {("not_applied", None)}
    finally:
        desk.edit(SLUG, "quota: 210 GiB", "quota: 200 GiB")
    assert found(desk, "--reports-only", expect=0)["drift"] == []


def test_a_platform_that_is_away_is_unknown_for_each_tenant(desk: Desk) -> None:
    settings = desk.root / "platform.yaml"
    kept = settings.read_text(encoding="utf-8")
    nowhere = desk.root / "endpoints.json"
    nowhere.write_text('{"endpoint": "http://127.0.0.1:9", "region": "default"}', encoding="utf-8")
    line = next(line for line in kept.splitlines() if "endpoints:" in line)
    settings.write_text(kept.replace(line, f"{line.partition('endpoints:')[0]}endpoints: file:endpoints.json"))
    try:
        seen = found(desk, expect=1)
    finally:
        settings.write_text(kept, encoding="utf-8")
    assert [each["what"] for each in seen["unseen"]] == ["platform"]
    assert seen["drift"] == []


def test_no_secret_was_printed(desk: Desk, backstage: Backstage) -> None:
    control = backstage.secrets.get_control(SLUG, backstage.tenant.id)
    data = backstage.secrets.get_data(SLUG, backstage.tenant.id)
    secrets = {*all_secret_values(control), *all_secret_values(data), STRANGER.secret_access_key}
    assert not [value for value in secrets for text in desk.said if value in text]
