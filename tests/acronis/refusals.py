"""What the stand-in says no with: one shape of body for each of the vendor's services, as documented."""

import json
from collections.abc import Mapping
from typing import Any

NGINX_401 = (
    b"<html>\r\n<head><title>401 Authorization Required</title></head>\r\n<body>\r\n"
    b"<center><h1>401 Authorization Required</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
"""What the alert manager answers without a valid token: not JSON."""

_DOMAINS = {
    "/api/agent_manager/": "AgentManager",
    "/api/resource_management/": "ResourceManagement",
    "/api/policy_management/": "PolicyManagement",
    "/api/task_manager/": "TaskManager",
    "/api/alert_manager/": "AlertManager",
}
_CODES = {400: "BAD_REQUEST", 401: "UNAUTHORIZED", 403: "ACCESS_DENIED", 404: "NOT_FOUND", 409: "CONFLICT"}
_OAUTH_CODES = {400: "invalid_request", 401: "invalid_client", 403: "access_denied"}


class Refused(Exception):  # noqa: N818 - an answer, not an error of the stand-in
    """A call that the service refuses: ``code`` as its services spell codes, ``message`` in plain words."""

    def __init__(self, status: int, message: str, *, code: str | None = None, data: list[Any] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.data = status, message, code, data


def shape(path: str, refused: Refused) -> tuple[bytes, str]:
    """Return the body and its type, as the service at that path shapes its errors."""
    if refused.status == 401 and path.startswith("/api/alert_manager/"):
        return NGINX_401, "text/html"
    return json.dumps(_shape(path, refused)).encode(), "application/json"


def _shape(path: str, refused: Refused) -> Mapping[str, Any]:
    if path == "/api/2/idp/token":
        code = refused.code or _OAUTH_CODES.get(refused.status, "invalid_request")
        return {"error": code, "error_description": refused.message}
    code = refused.code or _CODES.get(refused.status, "ERROR")
    for prefix, domain in _DOMAINS.items():
        if path.startswith(prefix):
            return {"code": code, "domain": domain, "debug": {"msg": refused.message}}
    error = {"code": code, "domain": "AccountServer", "message": refused.message, "details": {"info": refused.message}}
    return {"error": error if refused.data is None else error | {"data": refused.data}}
