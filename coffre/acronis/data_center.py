"""Where a partner's account is, and the paths of the services there. Pure."""

import re
from dataclasses import dataclass
from urllib.parse import quote

from coffre.errors import InvalidFileError

ACCOUNT = "/api/2"
AGENTS = "/api/agent_manager/v2"
RESOURCES = "/api/resource_management/v4"
POLICIES = "/api/policy_management/v4"
TASKS = "/api/task_manager/v2"
ALERTS = "/api/alert_manager/v1"

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_URL = re.compile(rf"https://(?P<host>{_LABEL}(\.{_LABEL}){{0,9}})(:(?P<port>[1-9][0-9]{{0,4}}))?/?")


@dataclass(frozen=True)
class DataCenter:
    """The https address of one data center, without a path."""

    url: str

    @property
    def host(self) -> str:
        """The host, with its port where it is not 443."""
        return self.url.removeprefix("https://")


def read_data_center(text: str) -> DataCenter:
    """Return the data center of a text https://HOST or https://HOST:PORT; InvalidFileError for any other one.

    The text is not quoted: somebody may have written an account and a password into it.
    """
    match = _URL.fullmatch(text)
    if match is None or int(match["port"] or 0) > 65535:
        raise InvalidFileError(
            "this is not the address of an Acronis data center",
            "Write https://HOST, the exact one that the portal shows after the login, without account and path.",
        )
    port = match["port"]
    return DataCenter(f"https://{match['host'].lower()}" + (f":{port}" if port and port != "443" else ""))


def path(service: str, *parts: str) -> str:
    """Return the path of a call: the service's own one, then the parts, each quoted."""
    return "/".join((service, *(quote(each, safe="") for each in parts)))
