"""Which APIs of a gateway answer that Coffre does not use: asked for by calls that change nothing."""

from collections.abc import Callable
from enum import StrEnum

from coffre.storage.ceph.api.faults import RgwError
from coffre.storage.ceph.api.signed_http import SignedHttp
from coffre.storage.ceph.checks.scratch import Scratch
from coffre.storage.checking import PlatformFinding, ok, warning
from coffre.storage.driver import Endpoint

NEEDED = "s3, admin"
"""What `rgw_enable_apis` is where all that is not needed is off."""

_ROLE = "RoleArn=arn:aws:iam:::role/coffre-check-none&RoleSessionName=check"
_SELECT = b"""<SelectRequest><Expression>select * from s3object limit 1</Expression><ExpressionType>SQL</ExpressionType>
<InputSerialization><CSV/></InputSerialization><OutputSerialization><CSV/></OutputSerialization></SelectRequest>"""


class Api(StrEnum):
    """An API by the word for it in `rgw_enable_apis`, or by its own name where there is no such word."""

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
"""Where Ceph puts them; where an operator has put them elsewhere they are not seen."""
_SWIFT_HEADER = "X-Trans-Id"
"""With all that Swift answers, and nothing that S3 does."""
_WITHOUT_SETTING = frozenset({Api.SELECT})
"""No release has a setting for it (16.2.15 to 20.2): it reads what its caller may read anyway."""


def find_answering(place: Scratch, endpoint: Endpoint) -> frozenset[Api]:
    """Return which of these APIs answer the owner of a bucket of the check's own, which has one object."""
    http = SignedHttp(endpoint, place.owner_key)
    bucket = f"/{place.bucket}"
    http.call_s3("put an object", "PUT", f"{bucket}/reports/select", {}, b"a,b\n")
    found = {api for api, action in _ACTIONS.items() if _knows(http, action)}
    # Where it is off the gateway takes the question for a listing.
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
    """Say which APIs should be off. Pure."""
    name = "apis"
    needless = [api.value for api in Api if api in answering - _WITHOUT_SETTING]
    select = "; s3select answers, has no setting, and reads no more than a GET" if Api.SELECT in answering else ""
    if not needless:
        return ok(name, f"of the APIs that Coffre does not use none answers that can be switched off{select}")
    website = ", and `rgw_enable_static_website = false`," if Api.WEBSITE in answering else ""
    return warning(
        name,
        f"APIs answer that Coffre does not use: {', '.join(needless)}{select}",
        f"Any machine's key may call them, and with sns have the gateway speak to any address. Set "
        f"`rgw_enable_apis = {NEEDED}`{website} for the gateways, with what others use on this platform, and restart "
        "them.",
    )


def _knows(http: SignedHttp, action: str) -> bool:
    body = f"{action}&Version=2010-03-31".encode()
    return _is_answered(lambda: http.call_s3(f"ask for {action.partition('&')[0]}", "POST", "/", {}, body))


def _is_answered(call: Callable[[], object]) -> bool:
    try:
        call()
    except RgwError as refusal:
        # Whatever else it says, to say it the gateway has understood the question.
        return refusal.code not in ("MethodNotAllowed", "NotImplemented")
    return True
