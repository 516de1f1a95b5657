"""Sends a text to one channel, by its Apprise URL; only this module uses Apprise.

The URL has secrets in it: no error, log or answer of this module quotes it, nor what Apprise says about it.
"""

import logging
import re
import warnings
from dataclasses import dataclass

from coffre.correspondence.unlogged import calls_unlogged
from coffre.errors import RemoteError

TEXT_LENGTH = 3500
"""The most that one message has: every kind of channel takes that in one piece."""
_HTTP_ERROR = re.compile(r"\berror=(\d{3})\b")


class ChannelError(RemoteError):
    """The channel did not take the message; its message says why, without the channel's URL."""


@dataclass(frozen=True)
class Note:
    """What is told: one line, and some more."""

    title: str
    text: str


def post(url: str, note: Note) -> None:
    """Send a text to one channel; ChannelError when it did not take it. One attempt: nothing is tried again here."""
    with warnings.catch_warnings():
        # A plugin of another kind of channel imports what later versions of Python do not have.
        warnings.filterwarnings("ignore", "'imghdr' is deprecated", DeprecationWarning)
        import apprise

        asset = apprise.AppriseAsset(async_mode=False, secure_logging=True, storage_mode="memory")
        with _Heard():
            plugin = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if plugin is None:
        raise ChannelError("it is not an Apprise URL", "https://appriseit.com/services/ has the form of each kind.")
    one = apprise.Apprise(asset=asset)
    one.add(plugin)
    try:
        with calls_unlogged(), _Heard() as heard:
            is_taken = one.notify(title=note.title, body=note.text[:TEXT_LENGTH], body_format=apprise.NotifyFormat.TEXT)
    except Exception as error:  # noqa: BLE001 - what a kind of channel raises may quote the URL
        raise ChannelError(f"sending to it failed ({type(error).__name__})") from None
    if not is_taken:
        raise ChannelError(heard.reason, "Look at the channel, and at the value that platform.yaml refers to.")


class _Heard(logging.Handler):
    """Hears what Apprise logs during one call, keeps a code from it, and lets nothing of it through."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self._code: str | None = None
        self._is_unreached = False
        self._before: tuple[bool, int] = (True, 0)

    @property
    def reason(self) -> str:
        if self._code is not None:
            return f"it answered HTTP {self._code}"
        return "it cannot be reached" if self._is_unreached else "it did not take the message"

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if found := _HTTP_ERROR.search(text):
            self._code = found[1]
        self._is_unreached = self._is_unreached or "onnection error" in text

    def __enter__(self) -> "_Heard":
        logger = logging.getLogger("apprise")
        self._before = (logger.propagate, logger.level)
        logger.propagate = False
        logger.setLevel(logging.WARNING)
        logger.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("apprise")
        logger.removeHandler(self)
        logger.propagate, level = self._before
        logger.setLevel(level)
