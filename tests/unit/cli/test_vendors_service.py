"""Commands for a tenant with a vendor's agent: what has no meaning there says so, and what to do instead."""

import json
import os
from pathlib import Path

import pytest

from tests.builders import tenant_file
from tests.kept_tenants import write_checkout
from tests.prepared_command import Run, prepared_command
from tests.vendor_tenants import PLATFORMS, list_machines, mixed_fields, vendors_fields


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_checkout(tmp_path, PLATFORMS)
    machines = list_machines({"poste-01": "acronis", "poste-02": "acronis"}, "roux.example")
    whole = tenant_file(id="q2w3e4r5t6", **vendors_fields(machines=machines))
    (tmp_path / "tenants" / "martin.yaml").write_text(tenant_file(**mixed_fields()), encoding="utf-8")
    (tmp_path / "tenants" / "roux.yaml").write_text(whole, encoding="utf-8")
    return tmp_path


def run(root: Path, *arguments: str) -> Run:
    return prepared_command().run(arguments, cwd=root, environment=os.environ, seconds=60)


def test_the_service_level_of_a_vendor_is_its_own(root: Path) -> None:
    every = run(root, "sla", "--year", "2026").stdout
    assert "lab, 2026 until" in every
    assert "editor, 2026: its service level is its editor's own, and no part of the 99.7 %" in every
    mixed = json.loads(run(root, "sla", "--tenant", "martin", "--json").stdout)
    assert [(each["platform"], each["is_editors"]) for each in mixed] == [("lab", False), ("editor", True)]
    whole = json.loads(run(root, "sla", "--tenant", "roux", "--json").stdout)
    assert [each["platform"] for each in whole] == ["editor"]


@pytest.mark.parametrize(
    "verb",
    [
        ("restore", "--machine", "poste-01", "--to", "./there"),
        ("undelete", "--machine", "poste-01", "--at", "2026-11-23T14:05", "--yes"),
        ("drill",),
        ("drill", "--machine", "poste-01"),
        ("verify",),
        ("verify", "--machine", "poste-01"),
        ("prune",),
        ("prune", "--machine", "poste-01"),
        ("copy",),
        ("snapshot", "list"),
        ("snapshot", "set-aside", "--machine", "poste-01", "--snapshot", "1234", "--reason", "forged"),
        ("snapshot", "bring-back", "--machine", "poste-01", "--snapshot", "1234", "--reason", "sound"),
    ],
    ids=" ".join,
)
def test_what_needs_a_repository_says_in_one_sentence_where_the_backups_are(root: Path, verb: tuple[str, ...]) -> None:
    name, *rest = verb
    words = [name, *rest[:1], "roux", *rest[1:]] if name == "snapshot" else [name, "roux", *rest]
    done = run(root, *words)
    assert done.code == 4, done
    who = "poste-01" if "--machine" in verb else "roux"
    assert f"the backups of {who} lie at Acronis, in a format that only its own portal reads" in done.stderr
    assert 'docs/acronis.md says what to do there instead: "What has no meaning there"' in done.stderr
    assert not (root / ".coffre").exists(), "nothing is opened for it"


def test_a_machine_of_a_mixed_tenant_is_refused_by_its_own_agent(root: Path) -> None:
    refused = run(root, "undelete", "martin", "--machine", "caisse-01", "--at", "2026-11-23T14:05", "--yes")
    assert "the backups of caisse-01 lie at Acronis" in refused.stderr
    other = run(root, "undelete", "martin", "--machine", "compta-01", "--at", "2026-11-23T14:05", "--yes")
    assert "Acronis" not in other.stderr


@pytest.mark.parametrize("verb", ["verify", "prune"])
def test_a_verb_for_all_tenants_leaves_those_of_a_vendor_out(root: Path, verb: str) -> None:
    (root / "tenants" / "martin.yaml").unlink()
    done = run(root, verb, "--all")
    assert (done.code, done.stdout) == (0, "")
    assert "roux: left out: its backups lie at Acronis" in done.stderr
