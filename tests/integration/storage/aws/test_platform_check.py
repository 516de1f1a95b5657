"""`coffre platform check` of an AWS account, on moto's server: enforcing policies, and as it is, enforcing none."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.checks import scratch
from coffre.storage.aws.checks.check import PLUGIN, check_platform
from coffre.storage.checking import PlatformFinding, Verdict
from coffre.storage.trying import new_name
from tests.builders import tenant_with
from tests.integration.storage.aws.enforcing import enforcing_sessions, lenient_sessions, make_client
from tests.moto_server import ACCOUNT, REGION, Moto, moto_server

OK, WARNING, PROBLEM, UNKNOWN = Verdict.OK, Verdict.WARNING, Verdict.PROBLEM, Verdict.UNKNOWN
PLATFORM = AwsPlatform(
    kind="aws",
    account=ACCOUNT,
    region=REGION,
    hosting={"operator": "Amazon Web Services EMEA SARL", "site": "Paris", "country": "FR"},
)


@pytest.fixture(scope="module")
def server() -> Iterator[Moto]:
    with moto_server() as running:
        yield running


@pytest.fixture
def moto(server: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Moto:
    """An empty account, and a computer with Pulumi's plugin, which a check looks for and does not run."""
    server.reset()
    (tmp_path / PLUGIN).touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return server


def check(sessions, tenants=(), on_progress=lambda _: None, platform=PLATFORM) -> dict[str, PlatformFinding]:
    now = datetime.now(UTC)
    found = check_platform(platform, Path(), tenants, now, on_progress, sessions=sessions, patience_seconds=0.6)
    return {finding.name: finding for finding in found}


def what_is_left(moto: Moto) -> tuple[list[str], list[str]]:
    buckets = [bucket["Name"] for bucket in make_client(moto, "s3").list_buckets()["Buckets"]]
    return buckets, [user["UserName"] for user in make_client(moto, "iam").list_users()["Users"]]


def test_an_account_that_enforces_policies_is_fit_and_nothing_stays(moto: Moto) -> None:
    found = check(enforcing_sessions(moto), [tenant_with()])
    assert {name: finding.verdict for name, finding in found.items()} == {
        "credential": OK,
        "clock": OK,
        "pulumi": OK,
        "public access": WARNING,
        "buckets": OK,
        "users": OK,
        "region": OK,
        "latency": OK,
        "policy": OK,
        "versioning": OK,
        "gate": OK,
        "lifecycle": OK,
        "tls": OK,
        "rights": UNKNOWN,
        "customers' data": UNKNOWN,
        "hard quota": UNKNOWN,
    }, [finding.sentence for finding in found.values()]
    assert what_is_left(moto) == ([], [])


def test_rights_that_nobody_tried_are_never_called_there(moto: Moto) -> None:
    """moto does not simulate: what was done counts, and the rest is named as not tried."""
    finding = check(enforcing_sessions(moto))["rights"]
    assert "not tried: cloudwatch:" in finding.sentence
    assert "iam:SimulatePrincipalPolicy" in finding.advice


def test_an_account_that_enforces_nothing_is_unfit_and_nothing_stays(moto: Moto) -> None:
    found = check(lenient_sessions(moto))
    problems = {name for name, finding in found.items() if finding.verdict is PROBLEM}
    assert problems == {"policy", "gate", "tls"}
    assert "a machine can delete its backups; a user without a statement can read" in found["policy"].sentence
    assert "did not stop writes" in found["gate"].sentence
    assert what_is_left(moto) == ([], [])


def test_with_a_credential_of_another_account_nothing_is_tried(moto: Moto) -> None:
    asked: list[str] = []
    sessions = lenient_sessions(moto)

    def client(service: str) -> Any:
        asked.append(service)
        return sessions.client(service)

    found = check(replace(sessions, client=client), platform=PLATFORM.model_copy(update={"account": "210987654321"}))
    assert found["credential"].verdict is PROBLEM
    assert f"belongs to account {ACCOUNT}" in found["credential"].sentence
    assert found["everything else"].verdict is UNKNOWN
    assert asked == ["sts"]


def test_a_missing_credential_is_a_finding(moto: Moto) -> None:
    def client(service: str) -> Any:
        made = make_client(moto, service)

        def refuse(**_event: Any) -> None:
            raise NoCredentialsError

        made.meta.events.register("before-call", refuse)
        return made

    found = check(replace(lenient_sessions(moto), client=client))
    assert found["credential"].verdict is PROBLEM
    assert "there is no credential for AWS" in found["credential"].sentence


@pytest.mark.parametrize("during", ["making test users", "trying policy", "trying gate", "trying tls"])
def test_an_interrupted_check_removes_what_it_made(moto: Moto, during: str) -> None:
    def interrupt(text: str) -> None:
        if text.startswith(during):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(enforcing_sessions(moto), on_progress=interrupt)
    assert what_is_left(moto) == ([], [])


@pytest.mark.parametrize("number", range(6))
def test_a_failure_while_users_and_bucket_are_made_removes_them(moto: Moto, number: int) -> None:
    """The n-th writing call of Coffre's own credential is refused, after which every further one is permitted."""
    calls: list[str] = []
    makes = ("Create", "Put")

    def client(service: str) -> Any:
        made = make_client(moto, service)

        def refuse_one(model: Any, **_event: Any) -> None:
            if model.name.startswith(makes):
                calls.append(model.name)
                if len(calls) == number + 1:
                    raise ConnectionResetError

        made.meta.events.register("before-call", refuse_one)
        return made

    with pytest.raises(ConnectionResetError):
        check(replace(enforcing_sessions(moto), client=client))
    assert what_is_left(moto) == ([], [])


def test_with_the_platforms_own_session_it_works_as_with_the_tests(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the driver calls it. moto enforces nothing, and has no host for each account, as S3 Control has."""
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    found = check(None)
    problems = {name for name, finding in found.items() if finding.verdict is PROBLEM}
    assert problems == {"policy", "gate", "tls", "public access"}, [finding.sentence for finding in found.values()]
    assert what_is_left(moto) == ([], [])


def test_leftovers_of_an_earlier_check_go_and_those_of_a_running_one_stay(moto: Moto) -> None:
    now = datetime.now(UTC)
    old, young = (new_name(now - age) for age in (timedelta(hours=2), timedelta(minutes=1)))
    builder = scratch._Builder(enforcing_sessions(moto), PLATFORM, scratch.Rights())
    for name in (old, young):
        for uid in (name, f"{name}.machine", f"{name}.stranger"):
            builder.make_user(uid)
        builder.make_bucket(name)
        make_client(moto, "s3").put_object(Bucket=name, Key="reports/1", Body=b"x")
    found = check(enforcing_sessions(moto))
    assert found["leftovers"].sentence == "1 earlier, interrupted checks are removed"
    assert what_is_left(moto) == ([young], [young, f"{young}.machine", f"{young}.stranger"])


def test_nothing_but_a_checks_own_things_is_removed(moto: Moto) -> None:
    builder = scratch._Builder(lenient_sessions(moto), PLATFORM, scratch.Rights())
    for name in ("acme-k7f3q9wz2m", "coffre-check-", f"{new_name(datetime.now(UTC))}.machine"):
        with pytest.raises(ValueError, match="is not the name of a platform check"):
            builder.remove(name)
