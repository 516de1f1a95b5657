"""docs/change.md, from a branch to the platform: a saved plan is applied after the merge, and shows no secret."""

import json
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from coffre.secrets.bundles import all_secret_values
from coffre.spec.naming import bucket_name, owner_uid
from coffre.storage.driver import Bucket
from coffre.storage.values import AccessKey
from tests.doubles.git_host_server import GitHostServer, serve_git_host
from tests.e2e.conftest import Desk, Run
from tests.e2e.recovery.test_killed import SLUG, Backstage, stopping, until_nothing_runs
from tests.e2e.runbook import Runbook
from tests.processes import watched_processes

MERGED = ("apply", "--reviewed", "HEAD~1..HEAD")
ANNA = ("-c", "user.email=anna@smileo.example", "-c", "user.name=Anna", "-c", "commit.gpgsign=false")
AMENDED = "  # A change of quota, licences or options needs the amendment that sold it:"


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """An applied tenant in a git repository; no approvals are asked for, since it has no git host."""
    made = make_desk(SLUG)
    with (made.root / "platform.yaml").open("a", encoding="utf-8") as settings:
        settings.write("review: {required_approvals: 0}\n")
    (made.root / ".gitignore").write_text(".coffre/\n", encoding="utf-8")
    git(made, "init", "-q", "-b", "main")
    commit(made, "The customer as sold")
    made.coffre("apply", SLUG, "--yes")
    return made


@pytest.fixture(scope="module")
def page() -> Runbook:
    return Runbook.read("change.md", {"BEFORE": "HEAD~1", "AFTER": "HEAD", "TENANT": SLUG})


def enter(desk: Desk, page: Runbook, command: str, *, expect: int = 0) -> Run:
    """Type in a command of the page, and yes to what it asks."""
    page.typed.add(command)
    return desk.coffre(*shlex.split(command, comments=True)[1:], expect=expect, answer="y\n")


def git(desk: Desk, *arguments: str) -> str:
    command = ["git", "-C", str(desk.root), *ANNA, *arguments]
    done = subprocess.run(command, env=desk.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def commit(desk: Desk, message: str) -> None:
    git(desk, "add", "-A")
    git(desk, "commit", "-q", "-m", message)


def propose(desk: Desk, branch: str, gib: int) -> None:
    """Commit a larger quota and its amendment to a branch, and go back to main."""
    git(desk, "checkout", "-q", "-b", branch)
    now = next(line for line in desk.tenant_file(SLUG).read_text("utf-8").splitlines() if "quota:" in line)
    desk.edit(SLUG, now, f"  quota: {gib} GiB")
    text = desk.tenant_file(SLUG).read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("  amendments:")]
    at = kept.index(AMENDED)
    kept.insert(at, f"  amendments: [{{reference: AV-{gib}, signed_on: 2026-11-20}}]")
    desk.tenant_file(SLUG).write_text("\n".join(kept) + "\n", encoding="utf-8")
    commit(desk, f"Sell {gib} GiB")
    git(desk, "checkout", "-q", "main")


def squash(desk: Desk, branch: str) -> None:
    """Merge a branch as one new commit."""
    git(desk, "merge", "-q", "--squash", branch)
    git(desk, "commit", "-q", "-m", f"Merge {branch}")


def open_bucket(desk: Desk) -> Bucket:
    """Open the bucket of a machine with the owner's key, beside Coffre."""
    backstage = Backstage(desk)
    key = backstage.secrets.get_control(SLUG, backstage.tenant.id).owner_key
    owner_key = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
    return backstage.storage.open_bucket(bucket_name(SLUG, backstage.tenant.id, "compta-01"), owner_key)


def wall_gib(desk: Desk) -> int:
    backstage = Backstage(desk)
    owner = backstage.storage.find_owner(owner_uid(backstage.tenant))
    assert owner is not None
    assert owner.wall_bytes is not None
    return owner.wall_bytes >> 30


def test_what_was_reviewed_is_applied_after_a_squash_once_and_a_gate_spoils_nothing(desk: Desk, page: Runbook) -> None:
    propose(desk, "greater", 210)
    before = wall_gib(desk)
    review, apply = page.commands()[:2]
    git(desk, "checkout", "-q", "greater")
    shown = enter(desk, page, review).stdout
    git(desk, "checkout", "-q", "main")
    assert "it is saved for `coffre apply --reviewed` after the merge" in shown
    assert "UserQuota" in shown
    assert wall_gib(desk) == before
    squash(desk, "greater")
    gated = open_bucket(desk)
    gated.set_gate(True)
    done = enter(desk, page, apply)
    assert f"{SLUG}: storage: 1 updated" in done.stdout
    assert f"plan of commit {git(desk, 'rev-parse', 'greater')[:12]}" in done.stdout
    assert wall_gib(desk) > before
    assert not gated.is_gate_closed()
    again = desk.coffre(*MERGED)
    assert "the merged change is in effect already, nothing was changed" in again.stdout
    recorded = [
        each for each in desk.json("records", "list", "--tenant", SLUG, "--json") if each["kind"] == "reviewed_apply"
    ]
    assert [each["details"]["state"] for each in recorded] == ["begun", "done"]
    assert recorded[0]["details"]["reviewed_commit"] == git(desk, "rev-parse", "greater")
    (listing,) = page.section("What is recorded")
    assert "reviewed_apply" in enter(desk, page, listing).stdout


def test_a_quota_that_somebody_moved_is_refused_and_planned_again(desk: Desk, page: Runbook) -> None:
    propose(desk, "moved", 220)
    desk.coffre("review", "main...moved", "--save-plans")
    squash(desk, "moved")
    backstage = Backstage(desk)
    backstage.storage.admin.set_quota(owner_uid(backstage.tenant), 5 << 30)
    refused = desk.coffre(*MERGED, expect=4)
    assert "the plan is out of date" in refused.stderr
    assert "UserQuota" in refused.stderr
    assert wall_gib(desk) == 5
    *_, again, apply = page.section("After the merge")
    enter(desk, page, again)
    assert "1 updated" in enter(desk, page, apply).stdout
    (by_hand,) = page.section("Two persons")
    enter(desk, page, by_hand)
    assert set(page.commands()) - {"coffre review --save-plans"} == page.typed


def test_an_edited_plan_and_one_of_another_branch_are_refused(desk: Desk) -> None:
    before = wall_gib(desk)
    propose(desk, "edited", 230)
    propose(desk, "other", 240)
    desk.coffre("review", "main...other", "--save-plans")
    squash(desk, "edited")
    assert "no plan was saved for its file as it is merged" in desk.coffre(*MERGED, expect=4).stderr
    git(desk, "reset", "-q", "--hard", "HEAD~1")
    desk.coffre("review", "main...edited", "--save-plans")
    with sqlite3.connect(desk.root / ".coffre" / "records.db") as records:
        rows = records.execute("UPDATE saved_plans SET document = replace(document, 'UserQuota', 'UserQuote')").rowcount
    records.close()
    assert rows > 0
    squash(desk, "edited")
    refused = desk.coffre(*MERGED, expect=4)
    assert "the saved plan cannot be relied on: its signature is not valid" in refused.stderr
    assert wall_gib(desk) == before
    git(desk, "reset", "-q", "--hard", "HEAD~1")


def test_a_plan_that_destroys_is_refused_without_a_git_host(desk: Desk) -> None:
    git(desk, "checkout", "-q", "-b", "shorter")
    desk.edit(SLUG, "undelete_days: 14", "undelete_days: 7")
    commit(desk, "Fewer days")
    git(desk, "checkout", "-q", "main")
    assert "this plan destroys: " in desk.coffre("review", "main...shorter", "--save-plans").stdout
    squash(desk, "shorter")
    refused = desk.coffre(*MERGED, expect=4)
    assert "nobody can tell who approved it: no git host is named" in refused.stderr
    assert "Write git_host into platform.yaml" in refused.stderr
    git(desk, "reset", "-q", "--hard", "HEAD~1")


def test_a_plan_that_destroys_is_applied_once_the_git_host_names_a_second_person(desk: Desk) -> None:
    """The host is a stand-in that answers as Gitea does; its real answers are tested with a real Gitea."""
    settings = desk.root / "platform.yaml"
    before = settings.read_text(encoding="utf-8")
    desk.environment["GIT_TOKEN"] = "a-token-that-nobody-may-see"
    with serve_git_host() as server:
        host = f"{{kind: gitea, url: {server.url}, repository: smileo/customers, token: env:GIT_TOKEN}}"
        settings.write_text(f"{before}git_host: {host}\n", encoding="utf-8")
        commit(desk, "A git host")
        git(desk, "checkout", "-q", "shorter")
        git(desk, "rebase", "-q", "main")
        git(desk, "checkout", "-q", "main")
        desk.coffre("review", "main...shorter", "--save-plans")
        squash(desk, "shorter")
        assert "the git host knows no merged change" in desk.coffre(*MERGED, expect=4).stderr
        answer_as_gitea(desk, server, ["anna"])
        assert "0 of 1 persons approved change 7" in desk.coffre(*MERGED, expect=4).stderr
        answer_as_gitea(desk, server, ["anna", "boris"])
        done = desk.coffre(*MERGED)
        assert "change 7 by anna, approved by boris, merged by anna" in done.stdout
        assert open_bucket(desk).undelete_days() == 7
    events = desk.json("records", "list", "--tenant", SLUG, "--json")
    last = [each["details"] for each in events if each["kind"] == "reviewed_apply"][-1]
    assert (last["state"], last["approved_by"], last["author"], last["change_number"]) == ("done", ["boris"], "anna", 7)
    assert {"earlier_versions", "protection"} <= set(last["destroys"])
    settings.write_text(before, encoding="utf-8")
    commit(desk, "No git host")


def answer_as_gitea(desk: Desk, server: GitHostServer, approvers: list[str]) -> None:
    """Have the host know the last commit as the merge of anna's branch, with these approvals of its head."""
    head, merge = git(desk, "rev-parse", "shorter"), git(desk, "rev-parse", "HEAD")
    base, anna = "GET /api/v1/repos/smileo/customers", {"login": "anna"}
    pull = {
        "number": 7,
        "user": anna,
        "base": {"ref": "main", "sha": merge},
        "head": {"ref": "shorter", "sha": head, "repo": {"full_name": "smileo/customers"}},
        "merged": True,
        "merged_at": "2026-11-30T10:00:00Z",
        "merged_by": anna,
        "merge_commit_sha": merge,
    }
    author = {"author": anna, "commit": {"author": {"email": "anna@smileo.example"}}}
    reviews = [{"user": {"login": who}, "state": "APPROVED", "commit_id": head} for who in approvers]
    server.replies |= {
        f"{base}/commits/{merge}/pull": pull,
        f"{base}/pulls/7": pull,
        f"{base}/pulls/7/commits": [author],
        f"{base}/pulls/7/reviews": reviews,
    }


def test_a_killed_apply_goes_on_with_the_same_plan(desk: Desk) -> None:
    propose(desk, "killed", 250)
    desk.coffre("review", "main...killed", "--save-plans")
    squash(desk, "killed")
    run = stopping(desk, *MERGED, at=[f"{SLUG}: update "])
    assert run.reaches(), run.said
    run.kill()
    until_nothing_runs(desk, run.pid)
    done = desk.coffre(*MERGED)
    assert f"plan of commit {git(desk, 'rev-parse', 'killed')[:12]}" in done.stdout
    assert wall_gib(desk) > 250
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout
    assert "in effect already" in desk.coffre(*MERGED).stdout


def test_no_form_of_a_review_and_no_place_of_a_plan_has_a_secret(desk: Desk) -> None:
    propose(desk, "searched", 260)
    with watched_processes() as seen:
        for form in ((), ("--markdown",), ("--json",)):
            desk.coffre("review", "main...searched", "--save-plans", *form)
        squash(desk, "searched")
        desk.coffre(*MERGED)
    assert len(seen) > 10, "the process list was not watched"
    secrets = list_secrets(desk)
    assert len(secrets) > 8
    with sqlite3.connect(desk.root / ".coffre" / "records.db") as records:
        documents = [row[0] for row in records.execute("SELECT document FROM saved_plans")]
    records.close()
    assert documents
    database = b"".join(path.read_bytes() for path in (desk.root / ".coffre").glob("records.db*"))
    places = {
        "printed": "\n".join(desk.said),
        "plans": "\n".join(documents),
        "database": database.decode("utf-8", "surrogateescape"),
        "processes": "\n".join(seen),
    }
    leaks = [(what, place) for what, secret in secrets.items() for place, text in places.items() if secret in text]
    assert leaks == []


def list_secrets(desk: Desk) -> dict[str, str]:
    """Return every secret of the stack and around it: bundles, the platform's administrator, the identity, the key."""
    backstage = Backstage(desk)
    control = backstage.secrets.get_control(SLUG, backstage.tenant.id)
    data = backstage.secrets.get_data(SLUG, backstage.tenant.id)
    values = sorted(all_secret_values(control) | all_secret_values(data))
    settings = (desk.root / "platform.yaml").read_text(encoding="utf-8")
    admin = next(line for line in settings.splitlines() if "admin_credential:" in line)
    credential = json.loads(Path(admin.partition("file:")[2].split()[0]).read_text(encoding="utf-8"))
    key = (desk.root / ".coffre/signing/lab-key.pem").read_text(encoding="utf-8").splitlines()
    identities = [path.read_text(encoding="utf-8") for path in desk.home.rglob("*identit*") if path.is_file()]
    words = [word for text in identities for word in text.split() if word.startswith("AGE-SECRET-KEY-")]
    assert words
    return {
        **{f"bundle {place}": value for place, value in enumerate(values)},
        "administrator": credential["secret_access_key"],
        "signing key": key[1],
        **{f"identity {place}": word for place, word in enumerate(words)},
    }
