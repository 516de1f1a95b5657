"""Calls the URL of a dead man's switch: a service elsewhere, which alarms when nobody calls it for a while."""

import urllib3

from coffre.correspondence.unlogged import calls_unlogged
from coffre.errors import RemoteError

_SECONDS = 10.0


def ping(url: str) -> None:
    """Call the URL once; RemoteError, which does not quote it, when it does not answer with success."""
    if not url.startswith(("https://", "http://")):
        raise RemoteError("the dead man's URL is no web address", "platform.yaml refers to it in notify.dead_man.")
    hint = "It alarms when it hears nothing for a while. Look at the service, and at the value of notify.dead_man."
    try:
        with calls_unlogged(), urllib3.PoolManager(retries=False, timeout=_SECONDS) as pool:
            answer = pool.request("GET", url, redirect=False, preload_content=False)
            status = answer.status
            answer.close()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise RemoteError(f"the dead man's URL cannot be called: {type(error).__name__}", hint) from None
    if not 200 <= status < 300:
        raise RemoteError(f"the dead man's URL answered HTTP {status}", hint)
