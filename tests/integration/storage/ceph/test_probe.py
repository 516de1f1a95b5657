"""Probes on the real RGW, through a TLS proxy that fails on demand: what each failure is, and that nothing is left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError, RemoteError
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.exchange import OBJECT_BYTES
from coffre.storage.ceph.probe import BUCKET, QUOTA_BYTES, USER, CephProbe
from coffre.storage.probing import ProbeFault, ProbeStep
from coffre.storage.s3.client import make_client
from tests.integration.storage.fault_proxy import FaultProxy
from tests.integration.storage.world import World, new_key

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _clean(lab: Any) -> Iterator[None]:
    yield
    if USER in json.loads(lab.radosgw_admin(["user", "list"])):
        lab.radosgw_admin(["user", "rm", f"--uid={USER}", "--purge-data"])


@pytest.fixture
def proxy(world: World, tmp_path: Path) -> Iterator[FaultProxy]:
    assert world.endpoint.ca_file is not None
    with FaultProxy(world.endpoint.url, world.endpoint.ca_file, tmp_path) as running:
        yield running


@pytest.fixture
def probe(world: World, proxy: FaultProxy) -> CephProbe:
    endpoint = replace(world.endpoint, url=proxy.url, ca_file=proxy.ca_file)
    return CephProbe(endpoint, AdminClient(endpoint, world.admin_key))


def left(world: World) -> list[str]:
    """Return the objects in the bucket of probes, versions and markers too."""
    user = world.admin.find_user(USER)
    assert user is not None
    client = make_client(world.endpoint, user.keys[0])
    try:
        found = client.list_object_versions(Bucket=BUCKET)
    finally:
        client.close()
    return [each["Key"] for each in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]]


def test_a_platform_that_serves_is_up_and_nothing_is_left(world: World, probe: CephProbe, proxy: FaultProxy) -> None:
    for _ in range(2):
        result = probe.run(NOW)
        assert (result.at, result.is_up, result.failed) == (NOW, True, None)
        assert result.duration_ms > 0
        assert left(world) == []
    asked = [method for method, path in proxy.seen if path.startswith(f"/{BUCKET}/probe-")]
    assert asked == ["PUT", "GET", "DELETE"] * 2
    user = world.admin.find_user(USER)
    assert user is not None
    assert (user.max_buckets, user.quota_bytes, len(user.keys)) == (1, QUOTA_BYTES, 1)


def test_a_second_computer_uses_the_same_user_and_key(world: World, probe: CephProbe) -> None:
    assert probe.run(NOW).is_up
    assert CephProbe(world.endpoint, world.admin).run(NOW).is_up
    user = world.admin.find_user(USER)
    assert user is not None
    assert len(user.keys) == 1


@pytest.mark.parametrize(("fault", "expected"), [
    (lambda proxy: proxy.present("foreign"), ProbeFault.CERTIFICATE),
    (lambda proxy: proxy.present("expired"), ProbeFault.CERTIFICATE),
    (lambda proxy: proxy.drop(), ProbeFault.UNREACHABLE),
    (lambda proxy: proxy.answer_503(60), ProbeFault.UNAVAILABLE),
])  # fmt: skip
def test_each_failure_is_found_at_once_and_its_end_too(
    probe: CephProbe, proxy: FaultProxy, fault: Any, expected: Any
) -> None:
    assert probe.run(NOW).is_up
    fault(proxy)
    began = time.monotonic()
    assert probe.run(NOW).failed == (ProbeStep.WRITE, expected)
    assert time.monotonic() - began < 5, "one attempt, and no waiting for a better one"
    proxy.heal()
    assert probe.run(NOW).is_up


def test_a_platform_that_answers_nothing_has_failed_in_time(
    probe: CephProbe, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert probe.run(NOW).is_up
    monkeypatch.setattr("coffre.storage.ceph.exchange.ANSWER_SECONDS", 0.5)
    proxy.hang()
    assert probe.run(NOW).failed == (ProbeStep.WRITE, ProbeFault.TIMEOUT)


@pytest.mark.parametrize(("method", "step"), [("GET", ProbeStep.READ), ("DELETE", ProbeStep.DELETE)])
def test_the_step_that_failed_is_named(probe: CephProbe, proxy: FaultProxy, method: str, step: ProbeStep) -> None:
    assert probe.run(NOW).is_up
    proxy.only_for(method, 60)
    assert probe.run(NOW).failed == (step, ProbeFault.UNAVAILABLE)


def test_an_outage_that_was_there_when_the_probe_began_is_a_failure(probe: CephProbe, proxy: FaultProxy) -> None:
    proxy.drop()
    assert probe.run(NOW).failed == (ProbeStep.OPEN, ProbeFault.UNREACHABLE)
    proxy.heal()
    assert probe.run(NOW).is_up


def test_what_was_read_must_be_what_was_written(probe: CephProbe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coffre.storage.s3.signed_http.SignedHttp.find_object", lambda *_: b"\0" * OBJECT_BYTES)
    assert probe.run(NOW).failed == (ProbeStep.COMPARE, ProbeFault.DIFFERENT)


def test_the_probes_own_user_taken_away_is_made_again_and_is_no_outage(
    world: World, probe: CephProbe, lab: Any
) -> None:
    assert probe.run(NOW).is_up
    lab.radosgw_admin(["user", "rm", f"--uid={USER}", "--purge-data"])
    assert probe.run(NOW).is_up
    assert left(world) == []


def test_a_refusal_of_the_probes_own_user_says_nothing_of_the_platform(
    world: World, probe: CephProbe, lab: Any
) -> None:
    assert probe.run(NOW).is_up
    world.admin.set_quota(USER, 0)
    for _ in range(2):
        with pytest.raises(RefusedError, match=f"refuses user {USER} of the probes .QuotaExceeded"):
            probe.run(NOW)
    world.admin.set_quota(USER, QUOTA_BYTES)
    assert probe.run(NOW).is_up
    world.admin.suspend_user(USER, True)
    for _ in range(2):
        with pytest.raises(RefusedError, match="suspended"):
            probe.run(NOW)
    world.admin.suspend_user(USER, False)
    assert probe.run(NOW).is_up


def test_a_proxy_that_refuses_everybody_is_an_outage(probe: CephProbe, proxy: FaultProxy) -> None:
    assert probe.run(NOW).is_up
    proxy.answer_403(60)
    assert probe.run(NOW).failed == (ProbeStep.WRITE, ProbeFault.REFUSED)
    just_started = CephProbe(probe._endpoint, probe._admin)
    assert just_started.run(NOW).failed == (ProbeStep.OPEN, ProbeFault.REFUSED)


def test_a_fault_of_this_computer_is_no_probe(world: World, probe: CephProbe) -> None:
    wrong = CephProbe(world.endpoint, AdminClient(world.endpoint, new_key()))
    with pytest.raises(RemoteError):
        wrong.run(NOW)


def test_a_foreign_bucket_of_that_name_is_refused(world: World, probe: CephProbe, lab: Any) -> None:
    owner = world.make_user("squatter")
    client = make_client(world.endpoint, owner.key)
    client.create_bucket(Bucket=BUCKET)
    try:
        with pytest.raises(RefusedError, match="belongs to another user"):
            probe.run(NOW)
    finally:
        client.delete_bucket(Bucket=BUCKET)
        client.close()


KILLED = """
import json, os, signal, sys
from pathlib import Path
from datetime import UTC, datetime
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.probe import CephProbe
from coffre.storage.s3.signed_http import SignedHttp
from coffre.storage.values import AccessKey, Endpoint

url, ca_file, region = sys.argv[1:4]
endpoint = Endpoint(url, region, Path(ca_file))
admin = AdminClient(endpoint, AccessKey(*json.loads(os.environ["PROBE_ADMIN"])))
SignedHttp.find_object = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
CephProbe(endpoint, admin).run(datetime.now(UTC))
"""


def test_what_a_killed_probe_left_goes_with_a_later_one(world: World) -> None:
    environment = {
        **os.environ,
        "PROBE_ADMIN": json.dumps([world.admin_key.access_key_id, world.admin_key.secret_access_key]),
    }
    place = [world.endpoint.url, str(world.endpoint.ca_file), world.endpoint.region]
    killed = subprocess.run([sys.executable, "-c", KILLED, *place], env=environment, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(left(world)) == 1
    assert CephProbe(world.endpoint, world.admin).run(datetime.now(UTC)).is_up
    assert len(left(world)) == 1, "it may be another probe at work"
    assert CephProbe(world.endpoint, world.admin).run(datetime.now(UTC) + timedelta(hours=2)).is_up
    assert left(world) == []
    user = world.admin.find_user(USER)
    assert user is not None
    client = make_client(world.endpoint, user.keys[0])
    try:
        (rule,) = client.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    finally:
        client.close()
    assert (rule["Status"], rule["Expiration"]["Days"]) == ("Enabled", 1), "where nobody probes any more"
