"""What `review --save-plans` and `apply --reviewed` say, and how they end."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner, Result

from coffre.cli.main import app
from coffre.cli.words import reviewed as words
from coffre.cli.words.review import to_markdown, to_text
from coffre.errors import ExpectedError, RefusedError, RemoteError, UsageError
from coffre.provisioning.reviewed.carrying import Approved
from coffre.provisioning.reviewed.consent import Consent
from coffre.provisioning.reviewed.destruction import Destruction
from coffre.provisioning.reviewed.document import OpenedPlan
from coffre.review.review import PlannedChange, PriceChange, Review, TenantReview, Unplanned
from tests.unit.provisioning.reviewed.examples import HEAD, PLAN, reviewed
from tests.unit.provisioning.test_exact import PLAN as FULL
from tests.unit.review.conftest import ANNA, TenantRepository, repository

__all__ = ["repository"]

APPROVED = Approved(
    OpenedPlan(reviewed(), "d1"),
    (Destruction.RESOURCES, Destruction.PROTECTION),
    Consent(7, "anna", "anna", ("boris",)),
)


def test_every_destruction_has_its_words() -> None:
    assert set(words._DESTROYS) == set(Destruction)


def test_who_agreed_is_said() -> None:
    said = words.describe_approved(APPROVED)
    assert said == (
        "plan of commit aaaaaaaaaaaa, made 2026-11-23 11:00 UTC; change 7 by anna, approved by boris, merged by anna"
    )
    assert "no git host was asked" in words.describe_approved(replace(APPROVED, consent=Consent()))


def show(plan: PlannedChange | Unplanned | None) -> tuple[str, str]:
    tenant = TenantReview("martin", "Martin", (), (), (), PriceChange(None, None), None, plan=plan)
    review = Review("a" * 40, HEAD, (tenant,), (), (), (), is_platform_file_changed=False)
    return "\n".join(to_text(review)), to_markdown(review)


def test_a_plan_is_in_every_form_of_a_review() -> None:
    for text in show(PlannedChange(FULL.plan, (Destruction.MACHINES,))):
        assert "it is saved for `coffre apply --reviewed` after the merge" in text
        assert "this plan destroys: agents of machines. A second person approves it on the git host" in text
        assert "~ UserQuota wall" in text
        assert "max_bytes: 1 → 2" in text
        assert "~ agent on compta-01" in text
        assert "an apply changes resources: 2, agents: 1" in text
    for text in show(Unplanned("the platform `lab` does not answer")):
        assert "NOT PLANNED: " in text
    for text in show(PlannedChange(PLAN, ())):
        assert "an apply changes nothing" in text
        assert "destroys" not in text


@pytest.fixture
def merged(repository: TenantRepository, monkeypatch: pytest.MonkeyPatch) -> TenantRepository:
    """A repository whose last commit changed both tenants."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for slug in ("acme", "zebra"):
        path = repository.root / "tenants" / f"{slug}.yaml"
        path.write_text(path.read_text(encoding="utf-8").replace("undelete_days: 14", "undelete_days: 20"), "utf-8")
    repository.commit(ANNA)
    return repository


def apply(repository: TenantRepository, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--root", str(repository.root), "apply", *arguments])


def answer(monkeypatch: pytest.MonkeyPatch, **problems: Exception) -> None:
    """Have each tenant's plan be in effect already, or refused or failed by its problem."""

    def find(_checkout: object, _merged: object, slug: str, *_: object) -> Approved:
        if slug in problems:
            raise problems[slug]
        return APPROVED

    monkeypatch.setattr("coffre.review.merged.find_approved", find)
    monkeypatch.setattr("coffre.provisioning.reviewed.carrying.apply_reviewed", lambda *_, **__: None)


def test_what_was_done_and_what_was_not_is_said_for_each_tenant(
    merged: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch)
    done = apply(merged, "--reviewed", "HEAD~1..HEAD")
    assert done.exit_code == 0, done.output
    assert "acme: the merged change is in effect already, nothing was changed" in done.stdout
    assert "this plan destroys: resources of the platform, protection of the customer's data" in done.stdout
    assert "2 of 2 tenants are as merged" in done.stdout


@pytest.mark.parametrize(
    ("problems", "code"),
    [
        ({"acme": RefusedError("acme: no", "Plan again.")}, 4),
        ({"acme": RefusedError("no"), "zebra": RefusedError("no")}, 4),
        ({"acme": RemoteError("away")}, 1),
        ({"acme": RemoteError("away"), "zebra": RefusedError("no")}, 1),
    ],
)
def test_one_that_is_refused_stops_no_other_and_is_the_exit_code(
    merged: TenantRepository, monkeypatch: pytest.MonkeyPatch, problems: dict[str, ExpectedError], code: int
) -> None:
    answer(monkeypatch, **problems)
    done = apply(merged, "--reviewed", "HEAD~1..HEAD")
    assert done.exit_code == code
    assert f"{2 - len(problems)} of 2 tenants are as merged; not: {', '.join(problems)}" in done.stdout
    assert all(problem.message in done.output for problem in problems.values())


def test_an_unexpected_error_beside_a_refusal_is_no_refusal(
    merged: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4 says that nothing was changed, and of an unexpected error nobody knows."""
    answer(monkeypatch, acme=RefusedError("no"), zebra=ValueError("odd"))
    assert apply(merged, "--reviewed", "HEAD~1..HEAD").exit_code == 1


def test_a_range_without_tenants_and_one_that_is_not_checked_out(
    merged: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch)
    assert "no tenant file differs between these commits" in apply(merged, "--reviewed", "HEAD..HEAD").stdout
    assert isinstance(apply(merged, "--reviewed", "HEAD..HEAD~1").exception, UsageError)


@pytest.mark.parametrize("others", [["acme"], ["--all"], ["--storage-only"], ["--plan", "x"], ["--parallel", "2"]])
def test_the_range_alone_names_the_tenants(merged: TenantRepository, others: list[str]) -> None:
    problem = apply(merged, "--reviewed", "HEAD~1..HEAD", *others).exception
    assert isinstance(problem, UsageError)
    assert problem.message == "--reviewed cannot be combined with tenants or options"


def test_plans_are_saved_with_the_platform_only(merged: TenantRepository) -> None:
    arguments = ["--root", str(merged.root), "review", "HEAD~1..HEAD", "--save-plans"]
    assert isinstance(CliRunner().invoke(app, [*arguments, "--offline"]).exception, UsageError)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert done.stdout.count("NOT PLANNED: ") == 2
