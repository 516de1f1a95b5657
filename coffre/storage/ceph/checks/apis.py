"""Finds the APIs of a gateway that answer although Coffre does not use them, with calls that change nothing."""

from collections.abc import Callable
from enum import StrEnum

from coffre.storage.ceph.checks.scratch import Scratch
from coffre.storage.checking import PlatformFinding, ok, warning
from coffre.storage.s3.faults import S3Error
from coffre.storage.s3.signed_http import SignedHttp
from coffre.storage.values import Endpoint

NEEDED = "s3, admin"
"""The value of `rgw_enable_apis` that leaves only the needed APIs on."""

_ROLE = "RoleArn=arn:aws:iam:::role/coffre-check-none&RoleSessionName=check"
_SELECT = b"""<SelectRequest><Expression>select * from s3object limit 1</Expression><ExpressionType>SQL</ExpressionType>
<InputSerialization><CSV/></InputSerialization><OutputSerialization><CSV/></OutputSerialization></SelectRequest>"""


class Api(StrEnum):
    """An API, by its word in `rgw_enable_apis`, or by its own name when it has no such word."""

    SNS = "sns"
    NOTIFICATIONS = "pubsub"
    STS = "sts"
    IAM = "iam"
    WEBSITE = "s3website"
    SWIFT = "swift"
    SWIFT_AUTH = "swift_auth"
    SELECT = "s3select"


_ACTIONS = {Api.SNS: "Action=ListTopics", Api.STS: f"Action=AssumeRole&{_ROLE}", Api.IAM: "Action=ListRoles"}
_SWIFT_PATHS = {Api.SWIFT: "/swift/info", Api.SWIFT_AUTH: "/auth/v1.0"}
"""Ceph's default paths; an operator's other paths are not seen."""
_SWIFT_HEADER = "X-Trans-Id"
"""A header of all of Swift's answers and of none of S3's."""
_WITHOUT_SETTING = frozenset({Api.SELECT})
"""No release has a setting for it (16.2.15 to 20.2): it reads only what its caller may read anyway."""


def find_answering(place: Scratch, endpoint: Endpoint) -> frozenset[Api]:
    """Return which of these APIs answer the owner of the check's test bucket, which has one object."""
    http = SignedHttp(endpoint, place.owner_key)
    bucket = f"/{place.bucket}"
    http.call_s3("put an object", "PUT", f"{bucket}/reports/select", {}, b"a,b\n")
    found = {api for api, action in _ACTIONS.items() if _knows(http, action)}
    # When it is off, the gateway reads the question as a listing.
    if b"<NotificationConfiguration" in http.call_s3("ask for it", "GET", bucket, {"notification": ""}):
        found.add(Api.NOTIFICATIONS)
    found |= {api for api, path in _SWIFT_PATHS.items() if _SWIFT_HEADER in http.ask_plainly(f"ask for {api}", path)}
    if _is_answered(lambda: http.call_s3("ask for a website", "GET", bucket, {"website": ""})):
        found.add(Api.WEBSITE)
    if _is_answered(
        lambda: http.call_s3("select", "POST", f"{bucket}/reports/select", {"select": "", "select-type": 2}, _SELECT)
    ):
        found.add(Api.SELECT)
    return frozenset(found)


def judge_apis(answering: frozenset[Api]) -> PlatformFinding:
    """Name the APIs that should be off. Pure."""
    name = "apis"
    needless = [api.value for api in Api if api in answering - _WITHOUT_SETTING]
    select = "; s3select answers, has no setting, and reads no more than a GET" if Api.SELECT in answering else ""
    if not needless:
        return ok(name, f"all APIs that Coffre does not use and that can be switched off are off{select}")
    website = ", and `rgw_enable_static_website = false`," if Api.WEBSITE in answering else ""
    return warning(
        name,
        f"the gateway answers to APIs that Coffre does not use: {', '.join(needless)}{select}",
        f"Any machine's key may call them, and sns lets it send requests from the gateway to any address. Set "
        f"`rgw_enable_apis = {NEEDED}`{website} for the gateways, with the APIs of this platform's other users, and "
        "restart them.",
    )


def _knows(http: SignedHttp, action: str) -> bool:
    body = f"{action}&Version=2010-03-31".encode()
    return _is_answered(lambda: http.call_s3(f"ask for {action.partition('&')[0]}", "POST", "/", {}, body))


def _is_answered(call: Callable[[], object]) -> bool:
    try:
        call()
    except S3Error as refusal:
        # Any other answer means that the gateway has understood the question.
        return refusal.code not in ("MethodNotAllowed", "NotImplemented")
    return True
