"""`coffre platform check` on the real RGW, straight and through a proxy that makes it look broken."""

import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from coffre.spec.storage_platform import CephPlatform
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.checks import scratch
from coffre.storage.ceph.checks.check import check_platform
from coffre.storage.ceph.checks.wire import look
from coffre.storage.checking import Verdict
from coffre.storage.trying import PREFIX, new_name
from tests.builders import tenant_with
from tests.integration.storage.fault_proxy import FaultProxy


def platform_at(folder, endpoint, key, **more) -> CephPlatform:
    folder.mkdir(exist_ok=True)
    place = {"endpoint": endpoint.url, "region": endpoint.region, "ca_file": str(endpoint.ca_file)}
    (folder / "endpoints.json").write_text(json.dumps({**place, "fsid": endpoint.platform_id}))
    (folder / "admin.json").write_text(json.dumps(dataclasses.asdict(key)))
    return CephPlatform(
        kind="ceph",
        endpoints=f"file:{folder}/endpoints.json",
        admin_credential=f"file:{folder}/admin.json",
        hosting={"operator": "SMILÉO", "site": "Grenoble", "country": "FR"},
        **{"gateways": {"count": 1, "bucket_quota_ttl_seconds": 1, "user_quota_sync_seconds": 1}, **more},
    )


def check(platform, folder, tenants=()):
    now = datetime.now(UTC)
    return {f.name: f for f in check_platform(platform, folder, tenants, now, lambda _: None)}


def verdicts(found):
    return {name: finding.verdict for name, finding in found.items()}


@pytest.fixture(scope="module")
def proxy(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("proxy")
    with FaultProxy(world.endpoint.url, world.endpoint.ca_file, folder) as running:
        yield running


@pytest.fixture
def through(world, proxy, tmp_path):
    """A platform whose endpoint is the proxy."""
    yield platform_at(
        tmp_path, dataclasses.replace(world.endpoint, url=proxy.url, ca_file=proxy.ca_file), world.admin_key
    )
    proxy.heal()


def scratch_users(world):
    return world.storage.list_users(PREFIX)


RELEASE_FINDINGS = {
    16: ("Ceph 16 (Pacific): it gets no fixes since", Verdict.WARNING, Verdict.WARNING),
    18: ("Ceph 17 (Quincy) to 18 (Reef): it gets no fixes since", Verdict.WARNING, Verdict.WARNING),
    20: ("Ceph 20 (Tentacle)", Verdict.OK, Verdict.UNKNOWN),
}
"""By the number of the lab's Ceph: what the check says of it, and what of its known holes."""


def test_a_sound_platform_has_no_problem_and_nothing_is_left_on_it(world, lab, tmp_path):
    before = world.admin.list_users()
    platform = platform_at(tmp_path, world.endpoint, world.admin_key, capacity="1 TiB")
    found = check(platform, tmp_path, [tenant_with()])
    sentence, life, holes = RELEASE_FINDINGS[lab.status().release]
    assert found["release"].sentence.startswith(sentence)
    assert (found.pop("release").verdict, found.pop("known holes").verdict) == (life, holes)
    unknown = {name for name, verdict in verdicts(found).items() if verdict is not Verdict.OK}
    assert unknown == {"cluster", "lifecycle hours", "logs"}, found
    assert world.admin.list_users() == before
    assert world.admin_key.secret_access_key not in repr(found)


@contextmanager
def second_gateway(world, lab, rewrite):
    """A second gateway of the same cluster, whose settings are the first one's, rewritten; yields its endpoint."""
    config = lab.directory / "ceph" / "second.conf"
    text = (lab.directory / "ceph" / "ceph.conf").read_text()
    [port] = re.findall(r"ssl_endpoint=\S+:(\d+)", text)
    with socket.create_server((urlsplit(world.endpoint.url).hostname, 0)) as probe:
        free = str(probe.getsockname()[1])
    config.write_text("\n".join(rewrite(text.replace(f":{port} ", f":{free} ").splitlines())) + "\n")
    endpoint = dataclasses.replace(world.endpoint, url=world.endpoint.url.replace(port, free))
    argv = lab.ceph_command("radosgw", f"--conf={config}", "--foreground", "--name=client.rgw")
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as gateway:
        try:
            deadline = time.monotonic() + 60
            while look(endpoint).status != 200:
                assert time.monotonic() < deadline
                assert gateway.poll() is None
                time.sleep(0.1)
            yield endpoint
        finally:
            # Asked to end, a gateway may wait for two minutes; this one has nothing to finish.
            gateway.kill()
            config.unlink()


@pytest.fixture
def open_gateway(world, lab):
    """A gateway with all the APIs that Ceph switches on by itself, and websites."""

    def rewrite(lines):
        kept = [line for line in lines if "enable apis" not in line]
        return [*kept, "[client.rgw]", "rgw enable static website = true"]

    with second_gateway(world, lab, rewrite) as endpoint:
        yield endpoint


def test_a_gateway_that_learns_later_than_platform_yaml_says_is_a_problem(world, lab, tmp_path):
    """Its caches are a minute old before they are renewed: what the first one took in it does not know until then."""

    def rewrite(lines):
        return [re.sub(r"^(rgw .*quota .*(ttl|interval)) = 1$", r"\1 = 60", line) for line in lines]

    with second_gateway(world, lab, rewrite) as late:
        both = {"count": 2, "addresses": [world.endpoint.url, late.url]}
        said = {"bucket_quota_ttl_seconds": 1, "user_quota_sync_seconds": 1}
        platform = platform_at(tmp_path, world.endpoint, world.admin_key, gateways={**both, **said})
        found = check(platform, tmp_path)["gateways"]
        assert found.verdict is Verdict.PROBLEM, found
        assert "for more than 4 s after another one is full; platform.yaml says 2 s" in found.sentence


def test_apis_that_coffre_does_not_use_are_named_with_the_setting(world, open_gateway, tmp_path):
    finding = check(platform_at(tmp_path, open_gateway, world.admin_key), tmp_path)["apis"]
    assert finding.verdict is Verdict.WARNING
    assert (
        "APIs that Coffre does not use: sns, pubsub, sts, iam, s3website, swift, swift_auth; s3select answers"
        in finding.sentence
    )
    assert "`rgw_enable_apis = s3, admin`" in finding.advice


def test_through_a_sound_proxy_all_is_the_same(through, tmp_path):
    """The proxy itself must not be what the other tests see."""
    assert Verdict.PROBLEM not in verdicts(check(through, tmp_path)).values()


@pytest.mark.parametrize(
    ("capabilities", "lacking"),
    [
        ("users=*;metadata=read", "buckets=*"),
        ("users=*;buckets=read;metadata=read", "buckets=*"),
        ("buckets=*", "users=*, metadata=read"),
        ("users=*;buckets=*", "metadata=read"),
    ],
)
def test_missing_capabilities_are_named(world, lab, tmp_path, capabilities, lacking):
    user = world.make_user("weak")
    lab.radosgw_admin(["caps", "add", f"--uid={user.uid}", f"--caps={capabilities}"])
    try:
        found = check(platform_at(tmp_path, world.endpoint, user.key), tmp_path)
        assert found["administrator"].verdict is Verdict.PROBLEM
        assert found["administrator"].sentence == f"the administrator lacks {lacking}"
        assert "radosgw-admin caps add" in found["administrator"].advice
        assert "everything else" in found
    finally:
        world.admin.delete_user(user.uid)


def test_a_system_user_is_more_than_is_needed(world, lab, tmp_path):
    user = world.make_user("mighty")
    capabilities = "--caps=users=*;buckets=*;metadata=read"
    lab.radosgw_admin(["caps", "add", f"--uid={user.uid}", capabilities])
    lab.radosgw_admin(["user", "modify", f"--uid={user.uid}", "--system"])
    try:
        found = check(platform_at(tmp_path, world.endpoint, user.key), tmp_path)
        assert found["administrator"].verdict is Verdict.WARNING
        assert "system" in found["administrator"].sentence
    finally:
        lab.radosgw_admin(["user", "rm", f"--uid={user.uid}"])


def test_a_wrong_secret_is_one_problem_and_does_not_show(world, tmp_path):
    wrong = dataclasses.replace(world.admin_key, secret_access_key="not-the-secret-of-this-key")
    found = check(platform_at(tmp_path, world.endpoint, wrong), tmp_path)
    assert found["administrator"].verdict is Verdict.PROBLEM
    assert "SignatureDoesNotMatch" in found["administrator"].sentence
    assert wrong.secret_access_key not in repr(found)


@pytest.mark.parametrize(
    ("certificate", "words"), [("expired", "the certificate expired on"), ("foreign", "not trusted here")]
)
def test_with_a_certificate_that_is_not_accepted_no_key_is_sent(through, proxy, tmp_path, certificate, words):
    proxy.present(certificate)
    proxy.seen.clear()
    found = check(through, tmp_path)
    assert found["certificate"].verdict is Verdict.PROBLEM
    assert words in found["certificate"].sentence
    assert "everything else" in found
    assert proxy.seen == []


def test_a_gateway_that_answers_503_is_named_as_such(through, proxy, tmp_path):
    proxy.answer_503(60)
    found = check(through, tmp_path)
    assert found["endpoint"].verdict is Verdict.PROBLEM
    assert "HTTP 503" in found["endpoint"].sentence


def test_a_connection_that_is_dropped_is_one_clear_sentence(through, proxy, tmp_path):
    proxy.drop()
    found = check(through, tmp_path)
    assert found["endpoint"].verdict is Verdict.PROBLEM
    assert "closed the connection" in found["endpoint"].sentence


def test_an_endpoint_that_hangs_does_not_hang_the_check(through, proxy, tmp_path, monkeypatch):
    monkeypatch.setattr("coffre.storage.ceph.checks.wire.ANSWER_SECONDS", 0.5)
    proxy.hang()
    found = check(through, tmp_path)
    assert "did not answer within" in found["endpoint"].sentence


def test_a_clock_that_is_20_minutes_off_is_a_problem(through, proxy, tmp_path):
    proxy.shift_date(1200)
    found = check(through, tmp_path)
    assert found["clock"].verdict is Verdict.PROBLEM
    assert "20 minutes ahead of this computer's" in found["clock"].sentence


def test_what_a_killed_check_left_goes_next_time_and_a_running_one_keeps_its_own(world, tmp_path):
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    left, living = new_name(long_ago), new_name(datetime.now(UTC))
    admin = AdminClient(world.endpoint, world.admin_key)
    with scratch.scratch(admin, world.endpoint, long_ago) as old:
        # A context that is never left is what a killed check leaves behind.
        old.owner.put_object(Bucket=old.bucket, Key="x", Body=b"1")
        admin.create_user(left, "left without bucket", 1000)
        admin.create_user(living, "somebody else's", 1000)
        removed = scratch.remove_abandoned(admin, world.endpoint, datetime.now(UTC), lambda _: None)
        assert removed == 4
        assert scratch_users(world) == [living]
        assert admin.find_bucket(old.bucket) is None
    scratch.remove(admin, world.endpoint, living)


def test_ctrl_c_leaves_nothing(world, tmp_path):
    platform_at(tmp_path, world.endpoint, world.admin_key)
    script = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from tests.integration.storage.ceph.checks.test_platform_check import interruptible\n"
        f"interruptible(Path({str(tmp_path)!r}))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ
    ) as child:
        for line in child.stdout:
            if "trying gate" in line:
                assert len(scratch_users(world)) == 3
                child.send_signal(signal.SIGINT)
                break
        child.stdout.read()
    assert child.returncode != 0
    assert scratch_users(world) == []


def interruptible(folder) -> None:
    """Check a platform in a process of its own, telling its progress."""
    hosting = {"operator": "SMILÉO", "site": "Grenoble", "country": "FR"}
    files = {"endpoints": f"file:{folder}/endpoints.json", "admin_credential": f"file:{folder}/admin.json"}
    platform = CephPlatform(kind="ceph", hosting=hosting, **files)
    check_platform(platform, folder, [], datetime.now(UTC), lambda text: print(text, flush=True))  # noqa: T201
