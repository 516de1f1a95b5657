"""Kinds of agent and platform that are not Coffre's own go through every verb, each known in one room alone."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.doubles.command import AGENTS_FOLDER, PLATFORM_FILE
from tests.doubles.platform import open_platform
from tests.e2e.conftest import REPOSITORY, Desk
from tests.e2e.departure import ERASURE, FROZEN, LAST_TO_RETRIEVE, NOTICE, VERIFIER, Leaver
from tests.prepared_command import Run

SLUG, MACHINE, OTHER = "boulangerie-martin", "compta-01", "caisse-01"


class OtherDesk(Desk):
    """A desk whose command knows the other kinds too."""

    def coffre(self, *arguments: str, expect: int = 0, seconds: float = 240.0, answer: str | None = None) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "tests.doubles.command", *arguments],
            cwd=self.root,
            env={**self.environment, "PYTHONPATH": str(REPOSITORY)},
            input=answer,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        run = Run(done.returncode, done.stdout, done.stderr)
        self.said.append(run.output)
        assert run.code == expect, f"coffre {' '.join(arguments)} ended with {run.code}, not {expect}:\n{run.output}"
        return run


MakeDesk = Callable[..., Desk]


@pytest.fixture(scope="module")
def desk(make_desk: MakeDesk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """The example tenant, with one machine, whose agent is of the other kind."""
    return other_desk(make_desk(SLUG), tmp_path_factory.mktemp("machines"))


@pytest.fixture(scope="module")
def elsewhere(make_desk: MakeDesk, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """That tenant on the other kind of platform, whose machine has a bucket there."""
    desk = other_desk(make_desk(SLUG), tmp_path_factory.mktemp("machines"))
    desk.environment[PLATFORM_FILE] = str(desk.root / ".coffre" / "memory")
    settings = desk.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8")
    endpoints = f"file:{Path(desk.ssh_config).parent}/endpoints.json"
    assert endpoints in text
    settings.write_text(text.replace(endpoints, "file:.coffre/endpoints.json"), encoding="utf-8")
    (desk.root / ".coffre" / "state.json").write_text('{"fsid": "memory"}', encoding="utf-8")
    return desk


def other_desk(made: Desk, machines: Path) -> Desk:
    desk = OtherDesk(made.root, made.ssh_config, made.home, {**made.environment, AGENTS_FOLDER: str(machines)})
    file = desk.tenant_file(SLUG)
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index(f"  {OTHER}:")], encoding="utf-8")
    desk.edit(SLUG, "agent: restic", "agent: acronis")
    return desk


def agents_of(desk: Desk) -> list[str]:
    return sorted(path.name.partition(".")[2] for path in Path(desk.environment[AGENTS_FOLDER]).iterdir())


def test_coffre_without_that_kind_refuses_the_machine_by_name(desk: Desk) -> None:
    """Its own kind of that name backs up to a vendor's platform, which this tenant does not have."""
    refused = Desk.coffre(desk, "plan", SLUG, expect=3)
    assert f"machines.{MACHINE}.agent" in refused.output
    assert "does not back up to lab" in refused.output


def test_plan_names_no_bucket_and_apply_makes_none(desk: Desk, lab: Any) -> None:
    [plan] = desk.json("plan", SLUG, "--json")
    assert {change["kind"] for change in plan["storage"]} == {"User", "AccessKey", "UserQuota"}
    assert [(each["machine"], each["action"]) for each in plan["machines"]] == [(MACHINE, "install")]
    assert plan["secrets_to_mint"] == ["owner"]
    said = desk.coffre("apply", SLUG, "--yes").stdout
    assert f"{MACHINE}: installed" in " ".join(said.split())
    assert agents_of(desk) == [MACHINE]
    buckets = json.loads(lab.radosgw_admin(["bucket", "list"]))
    assert not [name for name in buckets if name.startswith(SLUG)]
    [again] = desk.json("plan", SLUG, "--json")
    assert (again["storage"], again["steps"], again["machines"][0]["action"]) == ([], [], "none")
    assert "no change" in desk.coffre("apply", SLUG, "--yes").stdout


def test_status_and_backup_say_what_the_agent_says(desk: Desk) -> None:
    [before] = desk.json("status", SLUG, "--json")
    assert (before["used_bytes"], before["machines"][0]["last_result"]) == (0, "never")
    assert before["findings"] == []
    [run] = desk.json("backup", SLUG, "--json")
    assert (run["outcome"], run["message"], run["in_storage"]) == ("success", "kept by its maker", None)
    [after] = desk.json("status", SLUG, "--json")
    assert (after["machines"][0]["last_result"], after["machines"][0]["overdue"]) == ("success", False)
    assert MACHINE in desk.coffre("status", SLUG).stdout


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (("drill",), 1),
        (("verify",), 1),
        (("prune",), 4),
        (("undelete", "--at", "2026-11-28T00:00:00Z"), 4),
        (("restore", "--to", "./x"), 4),
    ],
)
def test_what_needs_a_repository_says_that_there_is_none(desk: Desk, verb: tuple[str, ...], code: int) -> None:
    refused = desk.coffre(verb[0], SLUG, "--machine", MACHINE, *verb[1:], expect=code)
    assert f"{MACHINE} keeps no backups on lab (`agent: acronis`)" in refused.output


@pytest.mark.parametrize("verb", [("rotate", "--yes"), ("gate",), ("drill",), ("verify",), ("prune",)])
def test_what_is_about_the_tenant_goes_on_without_the_machine(desk: Desk, verb: tuple[str, ...]) -> None:
    desk.coffre(verb[0], SLUG, *verb[1:])


def test_beside_it_a_machine_of_coffres_own_kind_has_its_bucket(desk: Desk) -> None:
    file = desk.tenant_file(SLUG)
    kept = file.read_text(encoding="utf-8")
    example = (REPOSITORY / "tenants" / f"{SLUG}.yaml").read_text(encoding="utf-8")
    try:
        file.write_text(kept + example[example.index(f"  {OTHER}:") :], encoding="utf-8")
        [plan] = desk.json("plan", SLUG, "--json")
    finally:
        file.write_text(kept, encoding="utf-8")
    buckets = [change["name"] for change in plan["storage"] if change["kind"] == "Bucket"]
    assert len(buckets) == 1
    assert OTHER in buckets[0]
    assert plan["secrets_to_mint"] == [OTHER]
    assert {step["kind"]: step["machines"] for step in plan["steps"]}["make repository"] == [OTHER]


def test_a_retired_one_is_removed_and_comes_back(desk: Desk) -> None:
    connection = "connection: {via: ssh, host: compta-01.martin.example, user: root}"
    desk.edit(SLUG, connection, f"{connection}\n    retired: {{on: 2026-11-01, keep_until: 2027-11-01}}")
    [plan] = desk.json("plan", SLUG, "--json")
    assert [(each["machine"], each["action"]) for each in plan["machines"]] == [(MACHINE, "remove")]
    desk.coffre("apply", SLUG, "--yes")
    assert agents_of(desk) == []
    [after] = desk.json("plan", SLUG, "--json")
    assert after["machines"] == []
    desk.edit(SLUG, "\n    retired: {on: 2026-11-01, keep_until: 2027-11-01}", "")
    desk.coffre("apply", SLUG, "--yes")
    assert agents_of(desk) == [MACHINE]


def test_it_leaves_with_a_certificate(desk: Desk, lab: Any) -> None:
    leaver = Leaver(desk, SLUG)
    leaver.declare()
    for day in (NOTICE, FROZEN, LAST_TO_RETRIEVE):
        leaver.offboard(day, "--yes")
    assert leaver.stage(ERASURE) in ("erased", "verified")
    with leaver.acting(VERIFIER):
        desk.coffre("offboard", SLUG, "--verify", "--today", ERASURE)
    assert leaver.stage(ERASURE) == "closed"
    assert agents_of(desk) == []
    assert not [uid for uid in json.loads(lab.radosgw_admin(["user", "list"])) if uid.startswith(SLUG)]
    assert leaver.documents("*.pdf")


def test_on_another_kind_of_platform_all_goes_the_same_way(elsewhere: Desk) -> None:
    [plan] = elsewhere.json("plan", SLUG, "--json")
    assert sorted(change["kind"] for change in plan["storage"]) == ["Bucket", "User", "User"]
    assert plan["secrets_to_mint"] == ["owner", MACHINE]
    said = " ".join(elsewhere.coffre("apply", SLUG, "--yes").stdout.split())
    assert f"{MACHINE}: installed" in said
    assert "no change" in elsewhere.coffre("apply", SLUG, "--yes").stdout
    [status] = elsewhere.json("status", SLUG, "--json")
    assert (status["gate"], status["access"], status["used_bytes"], status["findings"]) == ("open", "open", 0, [])
    elsewhere.edit(SLUG, "quota: 200 GiB", "quota: 300 GiB")
    [larger] = elsewhere.json("plan", SLUG, "--json")
    assert [(change["operation"], change["kind"]) for change in larger["storage"]] == [("update", "User")]
    elsewhere.coffre("apply", SLUG, "--yes")
    elsewhere.edit(SLUG, "status: active", "status: suspended")
    elsewhere.coffre("apply", SLUG, "--yes")
    [shut] = elsewhere.json("status", SLUG, "--json")
    assert shut["access"] == "suspended"
    elsewhere.edit(SLUG, "status: suspended", "status: active")
    elsewhere.coffre("apply", SLUG, "--yes")


def test_from_there_it_leaves_with_a_certificate_too(elsewhere: Desk) -> None:
    leaver = Leaver(elsewhere, SLUG)
    leaver.declare()
    for day in (NOTICE, FROZEN, LAST_TO_RETRIEVE):
        leaver.offboard(day, "--yes")
    assert leaver.stage(ERASURE) in ("erased", "verified")
    with leaver.acting(VERIFIER):
        elsewhere.coffre("offboard", SLUG, "--verify", "--today", ERASURE)
    assert leaver.stage(ERASURE) == "closed"
    platform = open_platform(Path(elsewhere.environment[PLATFORM_FILE]))
    # Its file is valid for the command that knows the other kinds, and for no other.
    tenant_id = yaml.safe_load(elsewhere.tenant_file(SLUG).read_text(encoding="utf-8"))["id"]
    assert (platform.list_users(""), platform.list_owned_buckets(f"{SLUG}-{tenant_id}")) == ([], [])
    assert leaver.documents("certificat-*.pdf")
