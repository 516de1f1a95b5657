"""From a branch to the apply after its merge: real commits and signatures, a platform and a git host in memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from coffre.errors import RefusedError, UsageError
from coffre.githost.values import Approval, Change, CommitAuthor, CommitStatus
from coffre.provisioning.apply import TenantOutcome
from coffre.provisioning.reviewed import carrying
from coffre.provisioning.reviewed.carrying import apply_reviewed
from coffre.provisioning.reviewed.destruction import Destruction
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.review import merged, planning
from coffre.review.guards import Authorship
from coffre.review.merged import find_approved, read_merged
from coffre.review.planning import save_plans
from coffre.review.review import PlannedChange, Review, Terms, Unplanned, review
from coffre.review.revision import read_range
from coffre.secrets.store import OnNotice
from coffre.signing.seals.keys import _key_pem
from coffre.spec.loader import Checkout, load_checkout
from coffre.tenant.opening import OpenTenant
from tests.builders import PLATFORM
from tests.doubles.opening import log_of, open_in_memory
from tests.doubles.workshop import COMPTA, NOON, RETIRED, SLUG, Workshop, on_host, open_workshop, three_machines
from tests.signers import SignedRepository
from tests.unit.provisioning.reviewed.examples import key_of

ANNA, BORIS = "anna@smileo.example", "boris@smileo.example"
GREATER = {"storage": {"platform": "lab", "quota": "20 GiB"}, "amended": True}
CONTRACT = {"reference": "BC-2026-0412", "signed_on": "2026-11-02", "in_service_on": "2026-12-01", "siren": "552100554"}
SHORTER = {"plans": {"office": {"paths": ["/home"], "schedule": ["daily 12:30"], "keep": {"daily": 1}}}}


@dataclass
class Host:
    """A git host that knows the changes that were merged, by the commit of the merge."""

    changes: dict[str, Change] = field(default_factory=dict)

    def find_change(self, commit: str) -> Change | None:
        return self.changes.get(commit)

    def read_change(self, number: int) -> Change:
        raise NotImplementedError

    def put_comment(self, number: int, marker: str, text: str) -> None:
        raise NotImplementedError

    def set_status(self, commit: str, status: CommitStatus) -> None:
        raise NotImplementedError


class Team:
    """A repository with one applied tenant, people who propose and merge changes, and the git host."""

    def __init__(self, workshop: Workshop, git: SignedRepository, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workshop, self.git, self.host, self._patch = workshop, git, Host(), monkeypatch
        self.now = NOON

    def propose(self, name: str, **changes: Any) -> str:
        """Commit a change of the tenant's file to a branch of its own and return to main."""
        self.git.git("checkout", "-q", "-b", name)
        amended = changes.pop("amended", False)
        if amended:
            changes["contract"] = {**CONTRACT, "amendments": [{"reference": name, "signed_on": "2026-11-20"}]}
        self.workshop.write_file(**changes)
        commit = self.git.commit(ANNA)
        self.git.git("checkout", "-q", "main")
        return commit

    def review(self, commits: str) -> Review:
        """Review a range in the checkout of main and save its plans."""
        checkout = load_checkout(self.workshop.root)
        found = read_range(self.workshop.root, commits)
        done = review(found, Terms(checkout.settings, self.now, lambda _: Authorship()))
        return save_plans(checkout, found, done, self.workshop.said.append, lambda: self.now)

    def squash(self, name: str, **fields: Any) -> str:
        """Merge a branch by one new commit, as a git host does, with boris's approval and anna's merge."""
        head = self.git.git("rev-parse", name)
        self.git.git("merge", "-q", "--squash", name)
        commit = self.git.commit(ANNA)
        self.host.changes[commit] = change_of(head, **fields)
        return commit

    def apply(self, commits: str = "HEAD~1..HEAD", *, asks: bool = True) -> TenantOutcome | None:
        """Apply what was merged, as the pipeline of main does."""
        checkout, said = load_checkout(self.workshop.root), self.workshop.said
        commit = self.git.git("rev-parse", "HEAD")
        self._patch.setattr("tests.doubles.opening.AUTHOR", Author("pipeline", commit))
        found = read_merged(self.workshop.root, commits)
        assert found.slugs == (SLUG,)
        approved = find_approved(checkout, found, SLUG, self.host if asks else None, said.append, self.now)
        return apply_reviewed(checkout, SLUG, approved, found.contains, on_progress=said.append, clock=lambda: self.now)

    def wall(self) -> int | None:
        owner = self.workshop.platform.find_owner(self.workshop.estate.buckets.owner_uid)
        return None if owner is None else owner.wall_bytes


def change_of(head: str, **fields: Any) -> Change:
    own = {
        "number": 7,
        "branch": "main",
        "head": head,
        "author": "anna",
        "commit_authors": frozenset({CommitAuthor("anna", ANNA)}),
        "approvals": (Approval("boris", head),),
        "merged_by": "anna",
        "merge_commit": None,
        "is_from_fork": False,
        **fields,
    }
    return Change(**own)


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Team:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git = SignedRepository(tmp_path / "clone")
    workshop = open_workshop(git.root, monkeypatch)
    own = key_of("own")
    (tmp_path / "plans.key").write_bytes(_key_pem(own.key))  # type: ignore[arg-type]
    (git.root / "plans.pem").write_bytes(own.certificates[0].public_bytes(serialization.Encoding.PEM))
    signing = {"key": f"file:{tmp_path}/plans.key", "certificate": "plans.pem"}
    settings = {**PLATFORM, "review": {"signing": signing}}
    (git.root / "platform.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    (git.root / ".gitignore").write_text(".coffre/\n", encoding="utf-8")
    git.commit(ANNA)

    @contextmanager
    def open_as_data(checkout: Checkout, slug: str, on_notice: OnNotice) -> Iterator[OpenTenant]:
        """Open the tenant of the values that are given, whatever the files of the checkout say."""
        tenant = checkout.tenants[slug]
        with Records.open(checkout.settings.records, checkout.root) as records:
            opened = open_in_memory(tenant, workshop.estate, log_of(tenant, records), checkout.root, checkout.settings)
            yield replace(opened, on_notice=on_notice)

    monkeypatch.setattr(planning, "open_tenant", open_as_data)
    monkeypatch.setattr(merged, "open_tenant", workshop.desk.open)
    monkeypatch.setattr(carrying, "lock_recorded", workshop.desk.lock_recorded)
    workshop.apply()
    return Team(workshop, git, monkeypatch)


def refusal(team: Team, commits: str = "HEAD~1..HEAD", *, asks: bool = True) -> str:
    before = team.wall()
    with pytest.raises(RefusedError) as refused:
        team.apply(commits, asks=asks)
    assert team.wall() == before
    return refused.value.message


def test_a_reviewed_change_is_applied_after_a_squash(team: Team) -> None:
    head = team.propose("greater", **GREATER)
    done = team.review("main...greater")
    (tenant,) = done.tenants
    assert isinstance(tenant.plan, PlannedChange)
    assert [(change.operation, change.kind) for change in tenant.plan.plan.storage] == [("update", "UserQuota")]
    assert tenant.plan.destroys == ()
    team.squash("greater")
    assert team.git.git("rev-parse", "HEAD") != head
    before = team.wall()
    outcome = team.apply()
    assert outcome is not None
    assert outcome.is_complete
    assert (team.wall() or 0) > (before or 0)
    assert team.apply() is None, "twice is told, and no error"


def test_the_plan_is_made_of_heads_file_by_the_checkout_of_main(team: Team) -> None:
    team.propose("greater", **GREATER)
    before = (team.workshop.root / "tenants" / f"{SLUG}.yaml").read_bytes()
    team.review("main...greater")
    assert (team.workshop.root / "tenants" / f"{SLUG}.yaml").read_bytes() == before
    assert not team.workshop.plan().is_needed


def test_a_moved_platform_is_refused_and_planned_again_from_the_merged_commit(team: Team) -> None:
    team.propose("greater", **GREATER)
    team.review("main...greater")
    team.workshop.platform.set_wall(team.workshop.estate.buckets.owner_uid, 5)
    team.squash("greater")
    assert "the plan is out of date" in refusal(team)
    team.review("HEAD~1..HEAD")
    assert team.apply() is not None


def test_what_nobody_reviewed_is_refused(team: Team) -> None:
    team.propose("greater", **GREATER)
    team.squash("greater")
    assert "no plan was saved for its file as it is merged" in refusal(team)


def test_what_a_guard_forbids_has_no_plan(team: Team) -> None:
    team.propose("unsigned", **{**GREATER, "amended": False})
    (tenant,) = team.review("main...unsigned").tenants
    assert tenant.guards
    assert tenant.plan is None
    team.squash("unsigned")
    assert "no plan was saved for its file as it is merged" in refusal(team)


def test_a_plan_of_another_pull_request_with_the_same_content_is_refused(team: Team) -> None:
    team.propose("greater", **GREATER)
    team.review("main...greater")
    team.git.git("branch", "other", "main")
    team.git.git("checkout", "-q", "other")
    team.git.git("checkout", "-q", "greater", "--", "tenants")
    team.git.commit(BORIS, "another commit with the same content")
    team.git.git("checkout", "-q", "main")
    team.squash("other")
    assert "is that of another change than the merged one" in refusal(team)


def test_a_plan_that_destroys_needs_two_persons(team: Team) -> None:
    retiring = three_machines(**{COMPTA: on_host(COMPTA, retired=RETIRED)})
    team.propose("retire", machines=retiring)
    (tenant,) = team.review("main...retire").tenants
    assert isinstance(tenant.plan, PlannedChange)
    assert Destruction.RESOURCES in tenant.plan.destroys
    merged_commit = team.squash("retire", merged_by="boris")
    assert "nor the one who merged it" in refusal(team)
    head = team.git.git("rev-parse", "retire")
    team.host.changes[merged_commit] = change_of(head, approvals=())
    assert "0 of 1 persons" in refusal(team)
    assert "no git host is named" in refusal(team, asks=False)
    team.host.changes[merged_commit] = change_of(head)
    assert team.apply() is not None


def test_weaker_protection_needs_two_persons_although_the_plan_does_not_show_it(team: Team) -> None:
    team.propose("shorter", **SHORTER)
    (tenant,) = team.review("main...shorter").tenants
    assert isinstance(tenant.plan, PlannedChange)
    assert tenant.plan.destroys == (Destruction.PROTECTION,)
    team.squash("shorter", approvals=())
    assert "destroys (protection)" in refusal(team)


def test_a_commit_that_was_pushed_past_the_review_is_refused(team: Team) -> None:
    team.propose("greater", **GREATER)
    team.git.git("merge", "-q", "--ff-only", "greater")
    team.review("HEAD~1..HEAD")
    assert "the git host knows no merged change" in refusal(team)
    # An unrelated change that is merged after it approves nothing of it.
    last = team.git.commit(BORIS, "another file", note="text")
    team.host.changes[last] = change_of("c" * 40)
    team.review("HEAD~2..HEAD")
    assert "nobody can tell that its file was approved" in refusal(team, "HEAD~2..HEAD")


def test_of_a_rebase_the_host_knows_the_last_commit(team: Team) -> None:
    team.propose("greater", **GREATER)
    team.git.git("checkout", "-q", "greater")
    head = team.git.commit(ANNA, "another file of the same change", note="text")
    team.git.git("checkout", "-q", "main")
    team.git.commit(BORIS, "main goes on", other="text")
    team.review("main...greater")
    for commit in (f"{head}~1", head):
        team.git.git("cherry-pick", commit, settings=team.git.settings(ANNA))
    team.host.changes[team.git.git("rev-parse", "HEAD")] = change_of(head)
    assert team.apply("HEAD~2..HEAD") is not None


def test_an_old_plan_is_refused(team: Team) -> None:
    team.propose("greater", **GREATER)
    team.review("main...greater")
    team.squash("greater")
    team.now += timedelta(days=15)
    assert "is not of the last 14 days" in refusal(team)


def test_a_pipeline_that_runs_late_does_not_put_an_older_file_back(team: Team) -> None:
    team.propose("greater", **GREATER)
    team.review("main...greater")
    first = team.squash("greater")
    team.apply()
    team.propose("again", **{**GREATER, "storage": {"platform": "lab", "quota": "30 GiB"}})
    team.review("main...again")
    team.squash("again")
    team.apply()
    team.git.git("checkout", "-q", first)
    assert "the merged commit lacks it" in refusal(team)


def test_a_removed_file_and_another_checkout_are_refused(team: Team) -> None:
    (team.workshop.root / "tenants" / f"{SLUG}.yaml").unlink()
    team.git.commit(ANNA)
    assert "a removed file erases nothing" in refusal(team)
    with pytest.raises(UsageError, match="the checkout is at"):
        read_merged(team.workshop.root, "HEAD~1..HEAD~1")


def test_a_change_of_platform_yaml_and_a_platform_that_is_not_here_have_no_plan(team: Team) -> None:
    text = (team.workshop.root / "platform.yaml").read_text(encoding="utf-8")
    team.git.git("checkout", "-q", "-b", "both")
    (team.workshop.root / "platform.yaml").write_text(text.replace("08:30", "09:30"), encoding="utf-8")
    team.workshop.write_file(contact={"name": "Anne", "email": "anne@martin.example", "phone": "+33 4 76 00 00 00"})
    team.git.commit(ANNA)
    team.git.git("checkout", "-q", "main")
    done = team.review("main...both")
    (tenant,) = done.tenants
    assert isinstance(tenant.plan, Unplanned)
    assert "merge that change first" in tenant.plan.error
    assert done.unplanned == (SLUG,)


def test_what_cannot_be_planned_is_part_of_the_review(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RefusedError("the platform says no")

    monkeypatch.setattr(planning, "plan_tenant", refuse)
    team.propose("greater", **GREATER)
    (tenant,) = team.review("main...greater").tenants
    assert tenant.plan == Unplanned("the platform says no")
