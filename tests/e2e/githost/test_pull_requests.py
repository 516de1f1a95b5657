"""Pull requests on a real Gitea with a real runner: what is reviewed, merged and applied, and what never is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.githost.conftest import API, GIB, World
from tests.gitea import ApiError, wait_until

pytestmark = pytest.mark.timeout(600)
"""A test that is run alone makes the host, its customers and the runner, and takes all of it away."""

SOLD = "quota: 10 GiB"
WALLS = {"10 GiB": 27 * GIB // 2, "30 GiB": 39 * GIB, "40 GiB": 52 * GIB}
"""RGW's quota for a sold one: with a reserve of 5 %, at least 1 GiB, and 25 % for deleted versions."""


def raise_quota(clone: Path, slug: str, quota: str, reference: str | None) -> None:
    path = clone / "tenants" / f"{slug}.yaml"
    text = path.read_text(encoding="utf-8")
    assert SOLD in text
    text = text.replace(SOLD, f"quota: {quota}")
    if reference is not None:
        order = f"  amendments: [{{reference: {reference}, signed_on: 2026-11-20}}]\ncontact:"
        text = text.replace("contact:", order)
    path.write_text(text, encoding="utf-8")


def test_a_change_is_reviewed_approved_merged_and_applied(world: World) -> None:
    assert world.quota_bytes("alpha") == WALLS["10 GiB"]
    clone = world.clone(world.anna, "raise")
    raise_quota(clone, "alpha", "20 GiB", "AV-1")
    number = world.propose(world.anna, clone, "raise-alpha")
    state, comment = world.wait_for_review(number, world.head(number))
    assert (state, "20 GiB" in comment, "AV-1" in comment) == ("success", True, True)
    assert world.wait_for_run(world.head(number), "check.yml") == "success"

    # A second push updates the comment.
    path = clone / "tenants" / "alpha.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("20 GiB", "30 GiB"), encoding="utf-8")
    world.push(world.anna, clone, "raise-alpha")
    state, comment = world.wait_for_review(number, world.head(number))
    assert (state, "30 GiB" in comment, "20 GiB" in comment) == ("success", True, False)

    with pytest.raises(ApiError) as alone:
        world.approve(number, world.anna)
    assert alone.value.status == 422
    with pytest.raises(ApiError) as early:
        world.merge(number, world.anna)
    assert early.value.status == 405

    world.approve(number, world.bruno)
    merged = world.try_merging(number, world.anna)
    assert world.wait_for_run(merged, "apply.yml") == "success", world.logs()
    assert world.quota_bytes("alpha") == WALLS["30 GiB"]


def test_a_refused_change_cannot_be_merged_even_with_an_approval(world: World) -> None:
    clone = world.clone(world.anna, "refused")
    raise_quota(clone, "beta", "20 GiB", None)
    number = world.propose(world.anna, clone, "raise-beta-without-order")
    state, comment = world.wait_for_review(number, world.head(number))
    assert (state, "**Refused.**" in comment, "contract.amendments" in comment) == ("failure", True, True)
    world.approve(number, world.bruno)
    with pytest.raises(ApiError) as refused:
        world.merge(number, world.bruno)
    assert refused.value.status == 405
    assert world.quota_bytes("beta") == WALLS["10 GiB"]


def test_two_merges_at_once_are_both_carried_out_each_by_its_own_run(world: World) -> None:
    """The host hears of both merges when main has both already: of each run it says that it is about the second one."""
    numbers = []
    for slug in ("beta", "gamma"):
        clone = world.clone(world.anna, f"both-{slug}")
        raise_quota(clone, slug, "40 GiB", f"AV-{slug}")
        numbers.append(world.propose(world.anna, clone, f"both-{slug}"))
    for number in numbers:
        assert world.wait_for_review(number, world.head(number))[0] == "success"
        world.approve(number, world.bruno)
    earlier = {run.id for run in world.runs("apply.yml")}
    with world.pushes_held():
        merged = [world.try_merging(number, world.anna) for number in numbers]
    runs = world.wait_for_runs("apply.yml", earlier, 2)
    assert {run.head for run in runs} == {merged[1]}, "the pushes were not held: this shows nothing"
    assert [run.conclusion for run in runs] == ["success"] * 2, world.logs()
    carried_out = [{slug for slug in ("beta", "gamma") if f"{slug}: storage: 1 updated" in run.log} for run in runs]
    assert sorted(carried_out, key=str) == [{"beta"}, {"gamma"}]
    assert all("in effect already" not in run.log for run in runs)
    assert [world.quota_bytes(slug) for slug in ("beta", "gamma")] == [WALLS["40 GiB"]] * 2


def test_the_night_finds_nothing_after_the_merges(world: World) -> None:
    """The host starts it by the schedule that it read in the pipeline, and hands it the secrets as to any other run."""
    night = world.run_nightly(by_clock=True)
    assert night.conclusion == "success", night.log
    assert "no drift" in night.log


def test_a_plan_of_another_pull_request_is_not_applied_and_the_night_names_the_tenant(world: World) -> None:
    """A member has a harmless change reviewed, and merges the same file by a change that no pipeline reviewed."""
    for branch, title in (("honest", ""), ("copy", "[skip ci] a copy")):
        clone = world.clone(world.anna, branch)
        raise_quota(clone, "delta", "30 GiB", "AV-4")
        number = world.propose(world.anna, clone, branch, title=title)
        if branch == "honest":
            assert world.wait_for_review(number, world.head(number))[0] == "success"
    # Whoever may push may also set a status.
    status = {"state": "success", "context": "coffre/review"}
    world.anna.api("POST", f"{API}/statuses/{world.head(number)}", status)
    assert world.comments(number) == [], "it was reviewed: this shows nothing"
    world.approve(number, world.bruno)
    run = world.carry_out(number, world.anna)
    assert (run.conclusion, "the saved plan is that of another change than the merged one" in run.log) == (
        "failure",
        True,
    ), run.log
    assert world.quota_bytes("delta") == WALLS["10 GiB"]
    night = world.run_nightly()
    assert (night.conclusion, "delta:" in night.log, "alpha:" in night.log) == ("failure", True, False), night.log


LEAVING = """\
status: leaving
leaving:
  notice_on: 2026-11-02
  ends_on: 2026-12-31
  requested_by: Claire Martin
  approved_by: bruno@smileo.example
  choice: erase
"""


def test_a_departure_needs_a_second_person_and_no_pipeline_erases(world: World) -> None:
    wall_bytes = world.quota_bytes("gamma")
    for branch, merger, is_applied in (("leave", world.bruno, False), ("leave-again", world.anna, True)):
        clone = world.clone(world.anna, branch)
        path = clone / "tenants" / "gamma.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}# {branch}\n" if "leaving:" in text else f"{text}{LEAVING}", encoding="utf-8")
        number = world.propose(world.anna, clone, branch)
        state, comment = world.wait_for_review(number, world.head(number))
        assert (state, "this plan destroys" in comment) == ("success", True), comment
        world.approve(number, world.bruno)
        run = world.carry_out(number, merger)
        assert run.conclusion == ("success" if is_applied else "failure"), run.log
        if not is_applied:
            # Who approved it merged it too: one person besides the author.
            assert "0 of 1 persons approved" in run.log
    assert "approved by bruno, merged by anna" in run.log
    night = world.run_nightly()
    # Whoever wrote and approved a departure signs for it; a pipeline has nobody's key.
    assert night.conclusion == "failure", night.log
    assert "gamma: no trusted key signed commit" in night.log
    assert world.quota_bytes("gamma") == wall_bytes


def test_a_member_cannot_change_the_pipelines_on_any_branch(world: World) -> None:
    """A workflow of a branch runs with the repository's secrets on Gitea, so nobody may push one."""
    clone = world.clone(world.anna, "workflow")
    thief = clone / ".github" / "workflows" / "check.yml"
    thief.write_text("on: push\njobs: {x: {runs-on: coffre, steps: [{run: env}]}}\n", encoding="utf-8")
    for folder in (".github", ".gitea"):
        extra = clone / folder / "workflows" / "extra.yml"
        extra.parent.mkdir(parents=True, exist_ok=True)
        extra.write_text(thief.read_text(encoding="utf-8"), encoding="utf-8")
        world.anna.git(clone, "checkout", "--quiet", "-B", f"thief{folder}", "origin/main")
        world.anna.git(clone, "add", f"{folder}/workflows/extra.yml")
        world.anna.git(clone, "commit", "--quiet", "--message", "more")
        said = world.anna.git(clone, "push", "origin", f"thief{folder}", expect=1)
        assert "protected" in said.lower()


THIEF = """\
name: check
on: pull_request
jobs:
  check:
    runs-on: coffre-check
    steps:
      - run: |
          echo "STOLEN:${{ secrets.COFFRE_IDENTITY }}:${{ secrets.COFFRE_RGW_ADMIN }}:"
          env | sed 's/./& /g'
          find "$HOME" -readable -name '*identity*' -exec cat {} + || true
"""


def test_a_fork_gets_no_secret_changes_no_pipeline_and_smuggles_no_link(world: World) -> None:
    stranger = world.stranger
    stranger.api("POST", f"{API}/forks", {"name": "customers"})
    clone = world.clone(stranger, "fork", "stranger/customers")
    (clone / ".github" / "workflows" / "check.yml").write_text(THIEF, encoding="utf-8")
    (clone / "tenants" / "zulu.yaml").symlink_to("/etc/passwd")
    number = world.propose(stranger, clone, "gift", head="stranger:gift")
    first = world.head(number)
    world.trust(stranger)
    (clone / "README.md").write_text("a gift", encoding="utf-8")
    world.push(stranger, clone, "gift")
    head = wait_until("the second push", lambda: None if world.head(number) == first else world.head(number), 30)
    world.wait_for_run(head, "check.yml", "pull_request")
    assert world.wait_for_run(head, "review.yml", "pull_request") == "skipped", "the job with secrets ran for a fork"
    said = world.logs()
    for secret in world.hidden:
        for line in (each for each in secret.splitlines() if not each.startswith("#")):
            assert line not in said
            assert " ".join(line) not in said
    assert "STOLEN:::" in said
    assert world.comments(number) == []
    world.approve(number, world.bruno)
    with pytest.raises(ApiError) as refused:
        world.merge(number, world.bruno)
    assert refused.value.status == 405
    # What a member sees who reviews it at a desk: the link is refused, and nothing behind it is read.
    desk = world.clone(world.bruno, "desk")
    world.bruno.git(desk, "fetch", "--quiet", "origin", f"refs/pull/{number}/head")
    command = [Path(sys.executable).with_name("coffre"), "--root", desk, "review", "--offline", "HEAD...FETCH_HEAD"]
    review = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (review.returncode, "zulu.yaml" in review.stdout) == (3, True), review.stderr
    assert "root:" not in review.stdout + review.stderr
