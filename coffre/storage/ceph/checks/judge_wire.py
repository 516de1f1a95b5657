"""The rules about the connection to a platform: whether it answers, over trusted TLS, in time. Pure."""

from datetime import datetime

from coffre.storage.ceph.checks.wire import Wire
from coffre.storage.checking import PlatformFinding, ok, problem, unknown, warning

EXPIRY_WARNING_DAYS = 30
EXPIRY_PROBLEM_DAYS = 7
CLOCK_WARNING_SECONDS = 60
CLOCK_PROBLEM_SECONDS = 300
SLOW_MS = 20.0
STALL_MS = (30.0, 60.0)
"""The delay that Nagle's algorithm with delayed acknowledgements adds to a small call: about 40 ms."""

_EXPIRED, _NOT_YET_VALID, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64


def judge_answer(wire: Wire, url: str) -> PlatformFinding:
    """Judge whether the endpoint serves S3."""
    name = "endpoint"
    if wire.distrust_code is not None:
        return unknown(name, f"no request was sent to {url}: its certificate is not accepted")
    if wire.failure or wire.status is None:
        return problem(
            name,
            f"no answer from {url}: {wire.failure or 'it sent nothing'}",
            "Check that the platform is up, that `endpoint` is right, and that this computer reaches it.",
        )
    if wire.status >= 500:
        return problem(
            name,
            f"{url} answers HTTP {wire.status}: the gateway does not serve",
            "Check the gateways and, if there is one, the load balancer in front of them; then check again.",
        )
    milliseconds = (wire.connect_seconds or 0.0) * 1000
    return ok(name, f"{url} answers (connecting takes {milliseconds:.1f} ms)")


def judge_certificate(wire: Wire, now: datetime) -> PlatformFinding:
    name = "certificate"
    if not wire.is_tls:
        return problem(
            name,
            "the endpoint is plain http: keys are not sent, but names of backups, orders and reports are readable",
            "Give the gateway a certificate and write https:// in the endpoints file.",
        )
    if wire.distrust_code is not None:
        return _judge_distrust(name, wire, now)
    if wire.expires_at is None:
        return unknown(name, "there was no TLS connection, so no certificate was seen")
    days = (wire.expires_at - now).days
    sentence = f"the certificate is trusted, its names match, and it is valid for {_days(days)} more"
    advice = f"Renew it before {wire.expires_at:%Y-%m-%d}: after that day no agent can back up."
    if days < EXPIRY_PROBLEM_DAYS:
        return problem(name, sentence, advice)
    return warning(name, sentence, advice) if days < EXPIRY_WARNING_DAYS else ok(name, sentence)


def _judge_distrust(name: str, wire: Wire, now: datetime) -> PlatformFinding:
    if wire.distrust_code == _EXPIRED:
        since = f" on {wire.expires_at:%Y-%m-%d}" if wire.expires_at is not None and wire.expires_at <= now else ""
        return problem(
            name, f"the certificate expired{since}", "Renew it (or its authority's); no agent can back up until then."
        )
    if wire.distrust_code == _NOT_YET_VALID:
        return problem(
            name, "the certificate is not valid yet", "Check this computer's clock, then the date of the certificate."
        )
    if wire.distrust_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return problem(
            name,
            "the certificate is for another name than the endpoint's",
            "Write the certificate's name into `endpoint`, or have a certificate made for this name.",
        )
    return problem(
        name,
        f"the certificate's authority is not trusted here: {wire.distrust}",
        "Compare ca_file with the authority that signed it; if nobody changed it, this may be a man in the middle.",
    )


def judge_tls_version(wire: Wire) -> PlatformFinding:
    name = "tls"
    if wire.tls_version is None:
        return unknown(name, "there was no TLS connection")
    if wire.speaks_plain:
        return problem(
            name,
            f"{wire.tls_version}, but the same port also serves plain http",
            "Have the gateway, or the proxy in front of it, refuse plain http.",
        )
    if wire.tls_version not in ("TLSv1.2", "TLSv1.3"):
        return problem(name, f"{wire.tls_version} is broken", "Allow TLS 1.2 and 1.3 only.")
    return ok(name, f"{wire.tls_version}; plain http is refused")


def judge_clock(offset_seconds: float | None) -> PlatformFinding:
    name = "clock"
    if offset_seconds is None:
        return unknown(name, "the endpoint did not send its time")
    size = abs(offset_seconds)
    if size <= CLOCK_WARNING_SECONDS:
        return ok(name, f"this computer's clock and the platform's differ by {size:.0f} s")
    way = "ahead of" if offset_seconds > 0 else "behind"
    sentence = f"the platform's clock is {_duration(size)} {way} this computer's"
    advice = "Find out which of the two is wrong (`chronyc tracking`), and correct it."
    if size <= CLOCK_PROBLEM_SECONDS:
        return warning(name, sentence, advice)
    return problem(
        name, f"{sentence}: from 5 minutes on nothing is erased, from 15 on every request is refused", advice
    )


def judge_latency(median_ms: float, connect_ms: float) -> PlatformFinding:
    name = "latency"
    sentence = f"a small call takes {median_ms:.1f} ms (median)"
    if median_ms <= SLOW_MS:
        return ok(name, sentence)
    low, high = STALL_MS
    if low <= median_ms - connect_ms <= high:
        return warning(
            name,
            f"{sentence}, {median_ms - connect_ms:.0f} ms more than a connection: small packets are delayed",
            "Add tcp_nodelay=1 to `rgw_frontends = beast …` on the gateways: it saves 40 ms on each small call.",
        )
    return warning(name, sentence, "Check the network to the platform, and its load.")


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
