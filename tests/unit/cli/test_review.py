"""`coffre review` on a real repository: its exit codes, its three forms, and what it asks and never asks."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from typer.testing import CliRunner, Result

from coffre.cli.main import app
from coffre.errors import RemoteError, UsageError
from coffre.review.guards import LiveUse
from coffre.spec.loader import InvalidRepositoryError
from tests.unit.review.conftest import ANNA, TenantRepository, repository

__all__ = ["repository"]

SECRET = "hunter2-of-the-platform"
ORDER = "  amendments: [{reference: AV-1, signed_on: 2027-02-01}]\ncontact:"
GREATER = {"200 GiB": "300 GiB", "contact:": ORDER}


def review(repository: TenantRepository, *options: str, commits: str = "HEAD~1..HEAD") -> Result:
    return CliRunner().invoke(app, ["--root", str(repository.root), "review", commits, *options])


def change(repository: TenantRepository, **changes: str) -> None:
    repository.put("acme", repository.text("acme", **changes))
    repository.commit(ANNA)


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COFFRE_RGW_ACCESS_KEY", SECRET)
    monkeypatch.setenv("COFFRE_RGW_SECRET_KEY", SECRET)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")


@pytest.fixture
def no_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a platform was asked")

    monkeypatch.setattr("coffre.review.live.open_tenant", refuse)
    monkeypatch.setattr("coffre.tenant.opening.connect", refuse)
    monkeypatch.setattr("coffre.review.live.look_at_use", refuse)


FORMS = [(), ("--json",), ("--markdown",)]


@pytest.mark.usefixtures("no_platform")
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_change_with_its_order_passes_and_asks_no_platform_offline(
    repository: TenantRepository, form: tuple[str, ...]
) -> None:
    change(repository, **GREATER)
    done = review(repository, "--offline", *form)
    assert (done.exit_code, done.exception) == (0, None)
    assert "300 GiB" in done.stdout or str(300 << 30) in done.stdout
    assert "AV-1" in done.stdout


@pytest.mark.usefixtures("no_platform")
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_refused_change_ends_with_4(repository: TenantRepository, form: tuple[str, ...]) -> None:
    change(repository, **{"200 GiB": "300 GiB"})
    done = review(repository, "--offline", *form)
    assert done.exit_code == 4
    assert "contract.amendments" in done.stdout or "amendment_lacking" in done.stdout


@pytest.mark.usefixtures("no_platform")
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_an_invalid_file_ends_with_3_also_beside_a_refusal(repository: TenantRepository, form: tuple[str, ...]) -> None:
    (repository.root / "tenants/zebra.yaml").unlink()
    change(repository, **{"200 GiB": "200 GB"})
    # The checkout in which it runs is that of the base.
    repository.git("checkout", "-q", "HEAD~1")
    done = review(repository, "--offline", *form, commits="HEAD..main")
    assert done.exit_code == 3
    assert "200 GB" in done.stdout
    assert "erases nothing" in done.stdout or "deleted_by_absence" in done.stdout


@pytest.mark.usefixtures("no_platform")
def test_nothing_changed_is_done(repository: TenantRepository) -> None:
    done = review(repository, commits="HEAD..HEAD")
    assert done.exit_code == 0
    assert "0 tenants changed" in done.stdout


@pytest.mark.usefixtures("no_platform")
def test_a_range_that_is_none_and_a_checkout_that_is_invalid_are_said(repository: TenantRepository) -> None:
    for commits in ("HEAD", "..HEAD", "HEAD..nowhere", "--upload-pack=x..HEAD"):
        done = CliRunner().invoke(app, ["--root", str(repository.root), "review", "--offline", "--", commits])
        assert isinstance(done.exception, UsageError)
    change(repository, **{"200 GiB": "200 GB"})
    assert isinstance(review(repository, "--offline").exception, InvalidRepositoryError)


@pytest.mark.usefixtures("no_platform")
def test_json_has_every_value_and_no_secret(repository: TenantRepository) -> None:
    change(repository, **{"200 GiB": "300 GiB"})
    done = review(repository, "--offline", "--json")
    found = json.loads(done.stdout)
    assert (found["is_refused"], found["is_invalid"], found["problems"]) == (True, False, [])
    (tenant,) = found["tenants"]
    assert (tenant["slug"], tenant["use"]) == ("acme", None)
    assert tenant["changes"] == [
        {"kind": "quota", "subject": None, "before": 200 << 30, "after": 300 << 30, "is_weaker": False}
    ]
    assert tenant["guards"] == [{"kind": "amendment_lacking", "subject": None, "evidence": {"changed": ["quota"]}}]
    assert set(tenant["price"]) == {"before", "after"}
    assert SECRET not in done.output


@contextmanager
def opened(*_: object) -> Iterator[object]:
    yield object()


def stay_away(*_: object) -> NoReturn:
    raise RemoteError("the platform lab does not answer", "Look at it.")


@pytest.mark.parametrize("where", ["coffre.review.live.open_tenant", "coffre.review.live.look_at_use"])
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_platform_that_is_away_is_told_and_ends_nothing(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch, where: str, form: tuple[str, ...]
) -> None:
    monkeypatch.setattr("coffre.review.live.open_tenant", opened)
    monkeypatch.setattr(where, stay_away)
    change(repository, **GREATER)
    done = review(repository, *form)
    assert (done.exit_code, done.exception) == (0, None)
    assert "the platform lab does not answer" in done.stdout
    assert SECRET not in done.output


def test_a_platform_whose_credential_is_not_here_is_told_and_ends_nothing(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No function is replaced here: nothing of this repository was ever applied."""
    change(repository, **GREATER)
    done = review(repository)
    assert (done.exit_code, done.exception) == (0, None)
    assert "current use: not known (" in done.stdout
    assert repository.git("status", "--porcelain") == ""


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_use_is_shown_and_can_refuse(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    monkeypatch.setattr("coffre.review.live.open_tenant", opened)
    monkeypatch.setattr("coffre.review.live.look_at_use", lambda _: LiveUse(150 << 30, 10 << 30, ("compta-01",)))
    change(repository, **{**GREATER, "200 GiB": "100 GiB"})
    done = review(repository, *form)
    assert done.exit_code == 4
    assert "150 GiB" in done.stdout or str(150 << 30) in done.stdout
    assert "quota_below_use" in done.stdout or "backups would stop at once" in done.stdout


def test_a_tenant_that_the_checkout_lacks_is_not_looked_at(
    repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.tenant.opening.connect", stay_away)
    (repository.root / "tenants/zebra.yaml").unlink()
    repository.commit(ANNA)
    done = review(repository)
    assert done.exit_code == 4
    assert "there is no tenant 'zebra'" in done.stdout


@pytest.mark.usefixtures("no_platform")
def test_the_rules_are_those_of_the_checkout(repository: TenantRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = repository.root / "platform.yaml"
    text = platform.read_text(encoding="utf-8")
    asked: list[Any] = []
    monkeypatch.setattr("coffre.spec.values.working_hours.why_not", lambda hours, _: asked.append(hours) or "")
    monkeypatch.setattr("coffre.review.consequences.why_not", lambda hours, _: asked.append(hours) or "")
    platform.write_text(text.replace('opens: "08:30"', 'opens: "00:30"'), encoding="utf-8")
    assert platform.read_text(encoding="utf-8") != text
    change(repository, **GREATER)
    repository.git("checkout", "-q", "HEAD~1")
    done = review(repository, "--offline", commits="HEAD..main")
    assert done.exit_code == 0
    assert "platform.yaml changes" in done.stdout
    assert [f"{hours.opens:%H:%M}" for hours in asked] == ["08:30"]


@pytest.mark.usefixtures("no_platform")
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_hostile_name_reaches_no_line_of_its_own(repository: TenantRepository, form: tuple[str, ...]) -> None:
    name = r'name: "</details>\n\n# [a](https://evil.example) ``` :fire: |"'
    change(repository, **{"name: Boulangerie Martin SARL": name})
    repository.git("checkout", "-q", "HEAD~1")
    done = review(repository, "--offline", *form, commits="HEAD..main")
    assert done.exit_code in (0, 3)
    assert not any(line.startswith(("#", "</details>", "[")) for line in done.stdout.splitlines() if "evil" in line)
    assert "🔥" not in done.stdout
