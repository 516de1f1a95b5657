"""docs/onboarding.md and docs/recovery.md, typed in as they stand: a new customer, then each loss of SMILÉO's own."""

import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import REPOSITORY, Desk, Run
from tests.e2e.runbook import Runbook

SLUG, MACHINE, HOST = "menuiserie-neuve", "atelier-01", "atelier-01.durand.example"
STATE, WITH_BACKUP = "Pulumi's state of a tenant", "The records, with a backup"
WITHOUT_BACKUP, LAPTOP = "The records, without any backup", "An engineer's laptop"
DELIVERED = "2026-11-23"


@pytest.fixture(scope="module")
def onboarding() -> Runbook:
    return Runbook.read("onboarding.md", {"TENANT": SLUG, "M": MACHINE})


@pytest.fixture(scope="module")
def recovery() -> Runbook:
    names = {"TENANT": SLUG, "DAY": DELIVERED, "TEXT": "'the disk died'", "OLD": "{old}", "NEW": "{new}"}
    return Runbook.read("recovery.md", {**names, "WHO": "Boris, new laptop"})


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], lab: Any) -> Desk:
    """A git checkout without any customer, whose ssh_config vouches for no machine."""
    desk = make_desk()
    lines = lab.ssh_config.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if "GlobalKnownHostsFile" not in line)
    (desk.root / "ssh_config").write_text(text, encoding="utf-8")
    set_setting(desk, f"{lab.directory}/ssh_config", "ssh_config")
    (desk.root / ".gitignore").write_text(".coffre/\n", encoding="utf-8")
    git(desk, "init", "-q", "-b", "main")
    commit(desk, "first")
    return desk


def git(desk: Desk, *arguments: str) -> None:
    who = ("-c", "user.name=Anna", "-c", "user.email=anna@smileo.example")
    subprocess.run(["git", *who, *arguments], cwd=desk.root, check=True, capture_output=True, timeout=30)


def commit(desk: Desk, message: str) -> None:
    git(desk, "add", "-A")
    git(desk, "commit", "-qm", message)


def set_setting(desk: Desk, old: str, new: str) -> None:
    path = desk.root / "platform.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def enter(desk: Desk, runbook: Runbook, command: str, *, expect: int = 0) -> Run:
    """Type in a command of a document, and yes to what it asks."""
    runbook.typed.add(command)
    return desk.coffre(*shlex.split(command)[1:], expect=expect, answer="y\n")


def answers() -> str:
    """Return the filled-in sheet: what the lab's server would be for a joiner."""
    sheet = yaml.safe_load((REPOSITORY / "tenants/atelier-durand.yaml").read_text(encoding="utf-8"))
    del sheet["id"]
    sheet["name"] = "Menuiserie Neuve SARL"
    return str(yaml.safe_dump(sheet, allow_unicode=True))


def test_a_customer_goes_from_the_order_form_to_a_verified_restore(desk: Desk, onboarding: Runbook) -> None:
    (sheet,) = onboarding.step(1)
    assert "FICHE DE COLLECTE" in enter(desk, onboarding, sheet).stdout
    (new,) = onboarding.step(2)
    git(desk, "checkout", "-q", "-b", "new")
    (desk.home / "answers.yaml").write_text(answers(), encoding="utf-8")
    onboarding.typed.add(new)
    desk.coffre(*shlex.split(new)[1:], "--answers", str(desk.home / "answers.yaml"))
    desk.coffre("check")
    commit(desk, "Menuiserie Neuve: BC-2026-0437")
    review, set_password = onboarding.step(3)
    assert "new tenant: " in enter(desk, onboarding, review).stdout
    enter(desk, onboarding, set_password)
    (trust,) = onboarding.step(4)
    assert f"recorded in known_hosts/{SLUG}: commit it" in enter(desk, onboarding, trust).stdout
    commit(desk, "host key")
    plan, apply = onboarding.step(5)
    assert f"agent on {MACHINE}" in enter(desk, onboarding, plan).stdout
    assert "commissioned at" in enter(desk, onboarding, apply).stdout
    desk.on_machine(HOST, "date +%s%N | sudo tee /etc/devis.conf")
    (backup,) = onboarding.step(6)
    assert re.search(rf"{MACHINE}: success.*\n  /srv: ", enter(desk, onboarding, backup).stdout)
    drill, restore = onboarding.step(7)
    assert "drill passed" in enter(desk, onboarding, drill).stdout
    assert "restored to ../proof" in enter(desk, onboarding, restore).stdout
    restored = (desk.root.parent / "proof/etc/devis.conf").read_text(encoding="utf-8")
    assert restored == desk.on_machine(HOST, "cat /etc/devis.conf")
    shutil.rmtree(desk.root.parent / "proof")
    (status,) = onboarding.step(8)
    assert "gate open" in enter(desk, onboarding, status).stdout
    (welcome,) = onboarding.step(9)
    written = Path(enter(desk, onboarding, welcome).stdout.removeprefix(f"{SLUG}: ").strip())
    assert written.read_bytes().startswith(b"%PDF-1.7")
    assert "as it was written before" in desk.coffre("welcome", SLUG).stdout
    (records,) = (each for each in onboarding.commands() if each.startswith("coffre records"))
    shown = enter(desk, onboarding, records).stdout
    assert all(each in shown for each in ("commissioned", "drill", "licence_change"))
    others = {each for each in onboarding.commands() if each.startswith("coffre platform")}
    assert set(onboarding.commands()) - others == onboarding.typed


def test_a_lost_state_is_adopted(desk: Desk, recovery: Runbook) -> None:
    shutil.move(desk.root / ".coffre/state", desk.home / "state")
    plan, apply, *_ = recovery.section(STATE)
    assert "nothing to change" not in enter(desk, recovery, plan).stdout
    assert re.search(r"storage: \d+ adopted\n", enter(desk, recovery, apply).stdout)
    recovery.typed.update(recovery.section(STATE))


def test_records_of_last_night_go_on_in_a_new_anchor(desk: Desk, recovery: Runbook) -> None:
    database, kept = desk.root / ".coffre/records.db", desk.home / "records.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(kept)) as target:
        source.backup(target)
    desk.edit(SLUG, "quota: 500", "quota: 600")
    desk.coffre("apply", SLUG, "--yes")
    database.unlink()
    refused = desk.coffre("apply", SLUG, "--yes", expect=4).stderr
    assert "the records are gone" in refused
    assert "the records are gone" in desk.coffre("status", SLUG).stderr
    shutil.copy(kept, database)
    verify, apply, holds = recovery.section(WITH_BACKUP)
    assert "covers more records than exist" in enter(desk, recovery, verify, expect=1).stderr
    set_setting(desk, "anchor/records.jsonl", "anchor/records-2.jsonl")
    enter(desk, recovery, apply)
    enter(desk, recovery, holds)
    desk.coffre("records", "verify")
    assert [each["details"]["quota_bytes"] for each in list_events(desk, "quota_change")] == [
        500_000_000_000,
        600_000_000_000,
    ]


def test_lost_records_begin_only_with_what_is_known(desk: Desk, recovery: Runbook) -> None:
    (desk.root / ".coffre/records.db").unlink()
    begin, holds, apply, verify = recovery.section(WITHOUT_BACKUP)
    assert "belongs to the lost records" in desk.coffre(*shlex.split(begin)[1:], expect=4).stderr
    set_setting(desk, "anchor/records-2.jsonl", "anchor/records-3.jsonl")
    for command in (("apply", SLUG, "--yes"), ("secrets", "recipients", "add", "age1x"), ("records", "anchor")):
        assert "the records are gone" in desk.coffre(*command, expect=4).stderr
    desk.coffre("secrets", "verify")
    unsaid = desk.coffre("records", "begin", "--reason", "the disk died", expect=2).stderr
    assert f"it is not said since when these tenants are served: {SLUG}" in unsaid
    enter(desk, recovery, begin)
    assert "no records are lost" in desk.coffre(*shlex.split(begin)[1:], expect=4).stderr
    enter(desk, recovery, holds)
    applied = enter(desk, recovery, apply).stdout
    assert "commissioned at" not in applied
    enter(desk, recovery, verify)
    (delivered,) = list_events(desk, "commissioned")
    assert delivered["at"].startswith(DELIVERED)
    (begun,) = list_events(desk, "records_begun")
    assert begun["details"] == {"reason": "the disk died"}


def test_a_new_laptop_opens_everything_and_the_lost_one_nothing(desk: Desk, recovery: Runbook, tmp_path: Path) -> None:
    identity, add, listing, remove, rotate, verify = recovery.section(LAPTOP)
    laptop = Desk(desk.root, desk.ssh_config, desk.home, {**desk.environment, "COFFRE_IDENTITY": f"{tmp_path}/new.txt"})
    new = enter(laptop, recovery, identity).stdout.strip()
    assert "cannot open" in laptop.coffre("plan", SLUG, expect=1).stderr
    enter_with(desk, recovery, add, new=new)
    (old,) = re.findall(r"^(age1\S+)  .*your identity", enter(desk, recovery, listing).stdout, re.MULTILINE)
    enter_with(laptop, recovery, remove, old=old)
    assert "cannot open" in desk.coffre("plan", SLUG, expect=1).stderr
    assert "refuses the old key" in enter(laptop, recovery, rotate).stdout
    assert "all sound" in enter(laptop, recovery, verify).stdout
    assert f"{MACHINE}: success" in laptop.coffre("backup", SLUG).stdout
    others = {each for each in recovery.commands() if each.startswith("coffre apply --adopt")}
    assert set(recovery.commands()) - others == recovery.typed - others


def enter_with(desk: Desk, runbook: Runbook, command: str, **names: str) -> Run:
    """Type in a command with what earlier ones printed."""
    runbook.typed.add(command)
    return desk.coffre(*shlex.split(command.format(**names))[1:], answer="y\n")


def list_events(desk: Desk, kind: str) -> list[dict[str, Any]]:
    events = desk.json("records", "list", "--tenant", SLUG, "--json")
    return [each for each in events if each["kind"] == kind]
