"""The secrets as a whole on a tenant's real path: verified, opened to a colleague, handed out; the inventory beside."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.secrets import age

if TYPE_CHECKING:
    from tests.e2e.conftest import Desk

SLUG, TENANT_ID = "atelier-durand", "t4x8m2ph6c"
HOLDER = age.new_identity()
KEY = age.public_half(HOLDER)
PASSWORD = "Tr0is-petits-chats"
TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def desk(make_desk: "Callable[..., Desk]") -> "Desk":
    """Storage applied, outside working hours whatever the time: the calendar has one minute a week."""
    made = make_desk(SLUG)
    settings = made.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8")
    for old, new in (("days: Mon..Fri", "days: Sun"), ('opens: "08:30"', 'opens: "03:00"'), ('"18:00"', '"03:01"')):
        assert old in text
        text = text.replace(old, new)
    settings.write_text(text, encoding="utf-8")
    assert "outside working hours" in made.coffre("plan", SLUG).stderr
    done = made.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "outside working hours" in done.stderr
    return made


def events(desk: "Desk", kind: EventKind) -> list[dict[str, object]]:
    with Records.open("sqlite:.coffre/records.db", desk.root) as records:
        return [dict(event.details) for event in records.list_events(TENANT_ID, kind)]


def commands(desk: "Desk") -> list[tuple[str, str]]:
    with Records.open("sqlite:.coffre/records.db", desk.root) as records:
        return [(run.command, str(run.outcome)) for run in records.list_runs()]


def test_an_apply_outside_working_hours_is_recorded_with_the_reason(desk: "Desk") -> None:
    (details,) = events(desk, EventKind.OUT_OF_HOURS_APPLY)
    assert "working day" in str(details["reason"]) or "is not between" in str(details["reason"])


def test_the_inventory_knows_every_machine_and_ansible_reads_it(desk: "Desk") -> None:
    (machine,) = desk.json("inventory", "--json")
    assert (machine["machine"], machine["uid"]) == ("atelier-01", f"{SLUG}-{TENANT_ID}.atelier-01")
    path = desk.home / "inventory.json"
    path.write_text(desk.coffre("inventory", "--ansible").stdout, encoding="utf-8")
    command = [TOOLS / "ansible-inventory", "-i", path, "--list"]
    said = subprocess.run(command, env=desk.environment, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout)["atelier_durand"]["hosts"] == [f"{SLUG}.atelier-01"]


def test_the_secrets_are_verified_and_the_run_recorded(desk: "Desk") -> None:
    found = desk.json("secrets", "verify", "--json")
    assert (found["is_sound"], found["bundles"]) == (True, 3)
    assert commands(desk)[0] == ("secrets verify", "done")
    bundle = desk.root / ".coffre/secrets" / f"{SLUG}.data.age"
    kept = bundle.read_bytes()
    bundle.write_bytes(kept[:-9])
    assert "is damaged" in desk.coffre("secrets", "verify", expect=1).stderr
    bundle.write_bytes(kept)


def test_a_colleague_is_added_and_removed(desk: "Desk") -> None:
    desk.coffre("secrets", "recipients", "add", KEY, "--note", "Léa")
    assert f"{KEY}  Léa" in desk.coffre("secrets", "recipients", "list").stdout
    desk.coffre("secrets", "verify")
    removed = desk.coffre("secrets", "recipients", "remove", KEY)
    assert "coffre rotate" in removed.stderr
    assert KEY not in desk.coffre("secrets", "recipients", "list").stdout
    assert "needed" in desk.coffre("secrets", "recipients", "remove", only_other_key(desk), expect=4).stderr


def only_other_key(desk: "Desk") -> str:
    listed = desk.json("secrets", "recipients", "list", "--json")["recipients"]
    return next(each["key"] for each in listed if not each["is_own"])


def test_a_credential_is_stored_and_never_shown(desk: "Desk") -> None:
    for expected in ("is stored in both places", "nothing was written"):
        done = subprocess.run(
            [TOOLS / "coffre", "secrets", "set", SLUG, "sudo-atelier"],
            cwd=desk.root,
            env=desk.environment,
            input=f"{PASSWORD}\n",
            capture_output=True,
            text=True,
            check=True,
        )
        assert expected in done.stdout
        assert PASSWORD not in done.stdout + done.stderr
    assert desk.coffre("secrets", "set", SLUG, "Not A Name", expect=2)


def test_an_export_is_recorded_first_and_opens_for_its_holder_alone(desk: "Desk") -> None:
    to = desk.home / "durand.age"
    arguments = ("secrets", "export", SLUG, "--to", str(to), "--recipient", KEY, "--reason", "audit of 2026")
    used = len(events(desk, EventKind.PASSWORD_USED))
    desk.coffre(*arguments)
    document = json.loads(age.unseal(to.read_bytes(), [HOLDER], "it"))
    assert document["control"]["credentials"] == {"sudo-atelier": PASSWORD}
    (password,) = document["data"]["repository_passwords"].values()
    recorded = events(desk, EventKind.PASSWORD_USED)[used:]
    assert [details["reason"]["reason"] for details in recorded] == ["audit of 2026"]
    assert not [said for said in desk.said if password in said]
    assert "already exists" in desk.coffre(*arguments, expect=4).stderr
    assert len(events(desk, EventKind.PASSWORD_USED)) == used + 1
