"""What was seen of a platform, judged; every limit from both sides."""

from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.spec.gateways import Gateways
from coffre.storage.ceph.checks import judge_cluster, judge_trials, judge_wire, scratch
from coffre.storage.ceph.checks.apis import Api, judge_apis
from coffre.storage.ceph.checks.wire import Wire
from coffre.storage.checking import Verdict

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
URL = "https://s3.example:7443"
TIB = 1 << 40
OK, WARNING, PROBLEM, UNKNOWN = Verdict.OK, Verdict.WARNING, Verdict.PROBLEM, Verdict.UNKNOWN


def wire(**changes) -> Wire:
    seen = {"connect_seconds": 0.001, "tls_version": "TLSv1.3", "expires_at": NOW + timedelta(days=90), "status": 200}
    return Wire(is_tls=True, **{**seen, **changes})


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({}, OK, "answers"),
        ({"status": 403}, OK, "answers"),
        ({"status": 503}, PROBLEM, "answers HTTP 503"),
        ({"failure": "no program listens there", "status": None}, PROBLEM, "no program listens there"),
        ({"distrust_code": 20, "status": None}, UNKNOWN, "no request was sent"),
    ],
)
def test_endpoint(changes, verdict, words):
    finding = judge_wire.judge_answer(wire(**changes), URL)
    assert finding.verdict is verdict
    assert words in finding.sentence


@pytest.mark.parametrize(("days", "verdict"), [(30, OK), (29, WARNING), (7, WARNING), (6, PROBLEM), (0, PROBLEM)])
def test_a_certificate_warns_a_month_and_alarms_a_week_before_its_end(days, verdict):
    finding = judge_wire.judge_certificate(wire(expires_at=NOW + timedelta(days=days, minutes=1)), NOW)
    assert finding.verdict is verdict
    assert (finding.advice == "") == (verdict is OK)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (10, "expired on 2026-11-01"),
        (9, "not valid yet"),
        (62, "another name"),
        (64, "another name"),
        (18, "not trusted here: self-signed"),
        (20, "not trusted here"),
    ],
)
def test_a_certificate_that_is_refused_says_why(code, words):
    seen = wire(distrust_code=code, distrust="self-signed", expires_at=datetime(2026, 11, 1, tzinfo=UTC))
    finding = judge_wire.judge_certificate(seen, NOW)
    assert finding.verdict is PROBLEM
    assert words in finding.sentence
    assert finding.advice


def test_plain_http_is_a_problem_as_endpoint_and_beside_tls():
    assert judge_wire.judge_certificate(Wire(is_tls=False, status=200), NOW).verdict is PROBLEM
    assert judge_wire.judge_tls_version(wire(speaks_plain=True)).verdict is PROBLEM
    assert judge_wire.judge_tls_version(wire(tls_version="TLSv1.1")).verdict is PROBLEM
    assert judge_wire.judge_tls_version(wire()).verdict is OK


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0.4, OK), (60, OK), (-60, OK), (61, WARNING), (-300, WARNING), (301, PROBLEM), (-1200, PROBLEM), (None, UNKNOWN)],
)
def test_clock(seconds, verdict):
    assert judge_wire.judge_clock(seconds).verdict is verdict


def administrator(caps, **flags):
    record = {"caps": [{"type": kind, "perm": perm} for kind, perm in caps.items()], **flags}
    return judge_cluster.judge_capabilities(judge_cluster.parse_administrator(record))


@pytest.mark.parametrize(
    ("caps", "flags", "verdict", "words"),
    [
        ({"users": "*", "buckets": "*", "metadata": "read"}, {"system": "false"}, OK, "no right that Coffre"),
        ({"users": "*", "buckets": "read, write", "metadata": "*", "usage": "*"}, {}, OK, ""),
        ({"users": "*", "buckets": "*", "metadata": "*", "zone": "read"}, {}, OK, ""),
        ({"users": "*", "buckets": "*", "metadata": "*", "zone": "*"}, {}, WARNING, "zone"),
        ({"users": "read", "buckets": "*", "metadata": "read"}, {}, PROBLEM, "lacks users=*"),
        ({"users": "*", "metadata": "write"}, {}, PROBLEM, "lacks buckets=*, metadata=read"),
        ({}, {}, PROBLEM, "lacks users=*, buckets=*, metadata=read"),
        ({"users": "*", "buckets": "*", "metadata": "*"}, {"system": "true"}, WARNING, "system or admin user"),
        ({"users": "*", "buckets": "*", "metadata": "*"}, {"admin": "true"}, WARNING, "system or admin user"),
    ],
)
def test_capabilities(caps, flags, verdict, words):
    finding = administrator(caps, **flags)
    assert finding.verdict is verdict
    assert words in finding.sentence


NOVEMBER_2026 = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("features", "verdict", "words"),
    [
        ((False, False, False), Verdict.WARNING, "Ceph 16 (Pacific): it gets no fixes since 2024-03-04"),
        (
            (True, True, False),
            Verdict.WARNING,
            "Ceph 17 (Quincy) to 18 (Reef): it gets no fixes since 2026-03-20",
        ),
        ((True, True, True), Verdict.OK, "Ceph 19 (Squid) to 21 (Umbrella); Coffre is tested on 16, 18, 20"),
        ((True, True, True, "Ceph Object Gateway (tentacle)"), Verdict.OK, "Ceph 20 (Tentacle)"),
        (
            (True, True, True, "Ceph Object Gateway (squid)"),
            Verdict.WARNING,
            "Ceph 19 (Squid): it gets no fixes",
        ),
        ((True, True, True, "Ceph Object Gateway (reef)"), Verdict.WARNING, "Ceph 18 (Reef): it gets no fixes"),
        ((False, False, False, "nginx"), Verdict.WARNING, "Ceph 16 (Pacific): "),
    ],
)
def test_the_release_is_named_as_far_as_it_shows_and_whether_it_lives(features, verdict, words):
    [life, _] = judge_cluster.judge_release(judge_cluster.Features(*features), NOVEMBER_2026)
    assert life.verdict is verdict
    assert life.sentence.startswith(words)


@pytest.mark.parametrize(
    ("features", "verdict", "advice"),
    [
        ((False, False, False), Verdict.WARNING, "Upgrade to a version that does: 19.2.6 or 20.2.4, or newer."),
        ((True, True, True, "Ceph Object Gateway (tentacle)"), Verdict.UNKNOWN, "they are fixed from 20.2.4 on"),
        ((True, True, True), Verdict.UNKNOWN, "they are fixed from 19.2.6, 20.2.4 on"),
        (
            (True, True, True, "Ceph Object Gateway (umbrella)"),
            Verdict.UNKNOWN,
            "it is unknown whether they are fixed",
        ),
    ],
)
def test_known_holes_are_named_with_the_versions_that_mend_them(features, verdict, advice):
    [_, holes] = judge_cluster.judge_release(judge_cluster.Features(*features), NOVEMBER_2026)
    assert holes.verdict is verdict
    assert "CVE-2025-30156" in holes.sentence
    assert advice in holes.advice


@pytest.mark.parametrize(
    ("expected", "told", "verdict"), [("a", "a", OK), ("a", "b", PROBLEM), (None, "b", WARNING), ("a", None, UNKNOWN)]
)
def test_another_cluster_is_a_problem(expected, told, verdict):
    assert judge_cluster.judge_cluster(expected, told).verdict is verdict


@pytest.mark.parametrize(
    ("median_ms", "connect_ms", "verdict", "words"),
    [(1.0, 0.5, OK, ""), (43.9, 1.5, WARNING, "tcp_nodelay=1"), (45.0, 40.0, WARNING, "network to the platform")],
)
def test_forty_milliseconds_more_than_the_way_there_are_nagles(median_ms, connect_ms, verdict, words):
    finding = judge_wire.judge_latency(median_ms, connect_ms)
    assert finding.verdict is verdict
    assert words in finding.advice


@pytest.mark.parametrize(
    ("sold", "used", "capacity", "verdict"),
    [
        (5 * TIB, 1 * TIB, None, UNKNOWN),
        (5 * TIB, 1 * TIB, 10 * TIB, OK),
        (11 * TIB, 1 * TIB, 10 * TIB, WARNING),
        (5 * TIB, 8 * TIB, 10 * TIB, OK),
        (5 * TIB, 8 * TIB + TIB // 10, 10 * TIB, WARNING),
        (5 * TIB, 9 * TIB + TIB // 10, 10 * TIB, PROBLEM),
    ],
)
def test_room(sold, used, capacity, verdict):
    finding = judge_cluster.judge_room(judge_cluster.PlatformSpace(3, sold, sold, used, capacity))
    assert finding.verdict is verdict
    assert "3 tenants" in finding.sentence


def test_a_policy_that_fails_in_any_way_is_a_problem_that_names_it():
    sound = {
        "owner_may_delete": True,
        "machine_may_write": True,
        "machine_may_delete": False,
        "stranger_is_let_in": True,
        "stranger_is_shut_out": True,
    }
    assert judge_trials.judge_policy(judge_trials.PolicyTrial(**sound)).verdict is OK
    for name, value in sound.items():
        assert judge_trials.judge_policy(judge_trials.PolicyTrial(**{**sound, name: not value})).verdict is PROBLEM


@pytest.mark.parametrize(
    ("finding", "verdict"),
    [
        (judge_trials.judge_gate(0.0), OK),
        (judge_trials.judge_gate(1.1), WARNING),
        (judge_trials.judge_gate(None), PROBLEM),
        (judge_trials.judge_quota(4 << 20, 1.0), OK),
        (judge_trials.judge_quota(4 << 20, 6.0), WARNING),
        (judge_trials.judge_quota(4 << 20, None), PROBLEM),
        (judge_trials.judge_freed(9.9), OK),
        (judge_trials.judge_freed(None), WARNING),
    ],
)
def test_what_takes_time(finding, verdict):
    assert finding.verdict is verdict
    assert (finding.advice == "") == (verdict is OK)


def test_nothing_but_a_checks_own_user_is_ever_removed():
    with pytest.raises(ValueError, match="not a user of a platform check"):
        scratch.remove(None, None, "boulangerie-martin-k7f3q9wz2m")


@pytest.mark.parametrize(
    ("answering", "verdict", "words"),
    [
        ((), OK, "can be switched off are off"),
        ((Api.SELECT,), OK, "s3select answers, has no setting"),
        ((Api.SNS,), WARNING, "does not use: sns"),
        ((Api.SWIFT_AUTH,), WARNING, "does not use: swift_auth"),
        (tuple(Api), WARNING, "does not use: sns, pubsub, sts, iam, s3website, swift, swift_auth; s3select"),
    ],
)
def test_apis_that_can_be_switched_off_are_named_with_the_setting(answering, verdict, words):
    finding = judge_apis(frozenset(answering))
    assert finding.verdict is verdict
    assert words in finding.sentence
    assert ("rgw_enable_apis = s3, admin" in finding.advice) == (verdict is WARNING)
    assert ("rgw_enable_static_website = false" in finding.advice) == (Api.WEBSITE in answering)


@pytest.mark.parametrize(
    ("gateways", "lateness", "verdict", "words"),
    [
        (None, None, UNKNOWN, "the number of gateways is not set"),
        (Gateways(), None, OK, "one gateway"),
        (Gateways(count=2), None, UNKNOWN, "was not measured; platform.yaml says 780 s"),
        (
            Gateways(count=2),
            judge_trials.Lateness(3 << 20, 41.2, 75.0),
            OK,
            "2 gateways know that a quota is full after 41.2 s; platform.yaml says 780 s; "
            "meanwhile the others accepted 3 MiB",
        ),
        (
            Gateways(count=2),
            judge_trials.Lateness(3 << 20, None, 75.0),
            UNKNOWN,
            "do not see each other's writes within 75 s",
        ),
        (
            Gateways(count=2, bucket_quota_ttl_seconds=30, user_quota_sync_seconds=15),
            judge_trials.Lateness(3 << 20, None, 47.0),
            PROBLEM,
            "for more than 47 s after another one is full; platform.yaml says 45 s",
        ),
    ],
)
def test_gateways_learn_of_each_other_as_platform_yaml_says(gateways, lateness, verdict, words):
    finding = judge_trials.judge_gateways(gateways, lateness)
    assert finding.verdict is verdict
    assert words in finding.sentence
    assert (finding.advice == "") == (verdict is OK)
