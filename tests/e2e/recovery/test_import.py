"""A tenant whose file, state and bundles are lost comes back from its platform and its escrow, with the same keys."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import REPOSITORY, Desk

SLUG, ID, MACHINE = "atelier-durand", "t4x8m2ph6c", "atelier-01"
OWNER = f"{SLUG}-{ID}"
FOREIGN = "vieux-client"
KNOWN_ALONE = ("contract", "contact")
"""The parts of a file that no platform knows."""


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], lab: Any) -> Desk:
    """A desk whose tenant has a backup, and then neither file nor state nor bundles: the escrow and records stayed."""
    desk = make_desk(SLUG)
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG)
    before = describe_platform(lab)
    desk.tenant_file(SLUG).unlink()
    shutil.rmtree(desk.root / ".coffre" / "state")
    shutil.rmtree(desk.root / ".coffre" / "pulumi")
    for bundle in (desk.root / ".coffre" / "secrets").glob(f"{SLUG}.*"):
        bundle.unlink()
    desk.before = before  # type: ignore[attr-defined]
    return desk


def describe_platform(lab: Any) -> dict[str, Any]:
    """Return the users of the tenant with their keys, hashed, and its buckets with what RGW counts in them."""
    uids = [uid for uid in json.loads(lab.radosgw_admin(["user", "list"])) if uid.startswith(OWNER)]
    users = {uid: json.loads(lab.radosgw_admin(["user", "info", f"--uid={uid}"])) for uid in uids}
    buckets = json.loads(lab.radosgw_admin(["bucket", "stats", f"--uid={OWNER}"]))
    return {
        "keys": {uid: hashlib.sha256(json.dumps(user["keys"]).encode()).hexdigest() for uid, user in users.items()},
        "quotas": {uid: user["user_quota"]["max_size"] for uid, user in users.items()},
        "buckets": {each["bucket"]: (each["id"], each["usage"]["rgw.main"]["num_objects"]) for each in buckets},
    }


def write_answers(desk: Desk, *parts: str) -> Path:
    """Write what the platform cannot tell: these parts of the file, and how the machine is reached."""
    whole = yaml.safe_load((REPOSITORY / "tenants" / f"{SLUG}.yaml").read_text(encoding="utf-8"))
    (plan,) = whole["plans"].values()
    machine = {key: whole["machines"][MACHINE][key] for key in ("kind", "os", "connection")}
    answers = {part: whole[part] for part in parts}
    answers |= {"plans": {"plan-1": {"keep": plan["keep"]}}, "machines": {MACHINE: machine}}
    path = desk.home / "answers.yaml"
    path.write_text(json.dumps(answers, default=str), encoding="utf-8")
    return path


def test_without_what_only_the_contract_knows_nothing_is_written(desk: Desk) -> None:
    said = desk.coffre("import", SLUG, "--answers", str(write_answers(desk)), "--yes", expect=3)
    assert "contract: " in said.stderr
    assert not desk.tenant_file(SLUG).exists()
    asked = desk.coffre("import", SLUG, expect=2)
    assert "--answers FILE" in asked.stderr


def test_an_answer_of_no_writes_nothing(desk: Desk) -> None:
    answers = write_answers(desk, *KNOWN_ALONE)
    said = desk.coffre("import", SLUG, "--answers", str(answers), answer="n\n", expect=1)
    assert "quota sold: 500 Go (465.66 GiB)" in said.stdout
    assert not desk.tenant_file(SLUG).exists()
    assert not (desk.root / ".coffre" / "state").exists()


def test_file_stack_and_bundles_come_back_and_nothing_is_made_anew(desk: Desk, lab: Any) -> None:
    answers = write_answers(desk, *KNOWN_ALONE)
    said = desk.coffre("import", SLUG, "--answers", str(answers), "--yes")
    assert "9 resources adopted as they are" in said.stdout
    assert describe_platform(lab) == desk.before  # type: ignore[attr-defined]
    desk.coffre("secrets", "verify")
    written = yaml.safe_load(desk.tenant_file(SLUG).read_text(encoding="utf-8"))
    lost = yaml.safe_load((REPOSITORY / "tenants" / f"{SLUG}.yaml").read_text(encoding="utf-8"))
    assert list(written.pop("plans").values()) == list(lost.pop("plans").values())
    lost["timezone"] = "Europe/Paris"  # the default, which orders say
    for each in (written, lost):
        each["machines"][MACHINE].pop("plan")
    assert written == lost


def test_a_plan_after_it_changes_nothing(desk: Desk) -> None:
    (planned,) = desk.json("plan", SLUG, "--json")
    assert planned["is_needed"] is False, planned


def test_the_service_goes_on_and_its_backups_are_read(desk: Desk, tmp_path: Path) -> None:
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("backup", SLUG)
    (status,) = desk.json("status", SLUG, "--json")
    assert [machine["snapshots"] for machine in status["machines"]] == [2]
    desk.coffre("restore", SLUG, "--machine", MACHINE, "--path", "/etc", "--to", f"{tmp_path}/restored")
    assert list((tmp_path / "restored").rglob("passwd"))


def test_it_is_not_done_over_an_existing_file(desk: Desk) -> None:
    assert "already exists" in desk.coffre("import", SLUG, expect=4).stderr


def test_without_the_bundles_nothing_is_imported(desk: Desk) -> None:
    kept = {path: path.read_bytes() for path in (desk.root / ".coffre").glob(f"*/{SLUG}.*.age")}
    assert len(kept) == 4
    text = desk.tenant_file(SLUG).read_text(encoding="utf-8")
    desk.tenant_file(SLUG).unlink()
    try:
        for path in kept:
            path.unlink()
        assert "Restore the escrow" in desk.coffre("import", SLUG, expect=4).stderr
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
        desk.tenant_file(SLUG).write_text(text, encoding="utf-8")


def test_a_user_made_by_hand_is_shown_with_what_to_do(desk: Desk, lab: Any) -> None:
    made = json.loads(lab.radosgw_admin(["user", "create", f"--uid={FOREIGN}", "--display-name=Vieux client"]))
    secret = made["keys"][0]["secret_key"]
    try:
        assert "`--owner USER` shows it" in desk.coffre("import", FOREIGN, expect=4).stderr
        said = desk.coffre("import", FOREIGN, "--owner", FOREIGN, expect=4)
        assert f"{FOREIGN} on lab: 0 B, no quota, 1 access key" in said.stdout
        assert "cannot be adopted" in said.stderr
        assert secret not in said.output
        assert not desk.tenant_file(FOREIGN).exists()
        assert "has no user personne" in desk.coffre("import", FOREIGN, "--owner", "personne", expect=4).stderr
    finally:
        lab.radosgw_admin(["user", "rm", f"--uid={FOREIGN}"])
