"""The HTTP of a git host: JSON with a token, in bounded time and size. Only this module reaches it.

No redirect is followed: it would carry the token to another host, or turn a write into a read. Neither a token nor the
body of an answer is ever part of an error.
"""

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from coffre.errors import InvalidFileError
from coffre.githost.host import GitHostError
from coffre.outside import proxies
from coffre.outside.structured import UnreadableJsonError, read_json
from coffre.outside.web import EndlessAnswerError, pool_of, read_whole

ANSWER_BYTES = 16 * 1024**2
"""The largest answer: a page of comments of 65,536 characters, each as six bytes of JSON."""
ANSWER_SECONDS = 60.0
MAX_PAGES = 100
_TIMES = urllib3.Timeout(connect=10.0, read=30.0)
_REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY}
"""How hosts answer about what is not there: GitHub says 422 for a commit that it does not know."""
_NEXT = re.compile(r'<[^<>]*>\s*;\s*rel="?next"?')


class StatusError(GitHostError):
    """The host answered with a status that says no."""

    def __init__(self, message: str, hint: str, status: int) -> None:
        super().__init__(message, hint)
        self.status = status


class Client:
    """Calls of one host's API with one token."""

    def __init__(self, api_url: str, headers: Mapping[str, str], ca_file: str | None = None) -> None:
        """``headers`` have the token; InvalidFileError when the CA file cannot be used."""
        parts = urlsplit(api_url)
        self._host = f"{parts.scheme}://{parts.netloc}"
        self._path = parts.path.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "coffre", **headers}
        secure = {"ssl_context": _trust(self._host, ca_file)} if parts.scheme == "https" else {}
        self._pool = pool_of(self._host, timeout=_TIMES, maxsize=1, **secure)

    def read(self, doing: str, path: str, **parameters: str | int) -> Any:
        """Return the JSON at a path of the API; StatusError when the host says no."""
        return self._parse(doing, self._call(doing, "GET", _with(path, parameters), None)[0])

    def list_all(self, doing: str, path: str, **parameters: str | int) -> Iterator[Any]:
        """Yield the entries of all pages of a listing; GitHostError for one that is none, or has no end."""
        seen = 0
        for page in range(1, MAX_PAGES + 1):
            content, headers = self._call(doing, "GET", _with(path, {**parameters, "page": page}), None)
            entries = self._parse(doing, content)
            if not isinstance(entries, list):
                raise self.absurd(doing)
            yield from entries
            seen += len(entries)
            if not entries or not _has_more(headers, seen):
                return
        raise GitHostError(f"{self._host} has too many entries: {doing}", "Close the pull request and open a new one.")

    def write(self, doing: str, method: str, path: str, body: Mapping[str, Any]) -> None:
        """Send JSON once: it is not known whether a request without an answer was carried out."""
        self._call(doing, method, path, json.dumps(body).encode())

    def absurd(self, doing: str) -> GitHostError:
        """Return the error of an answer that no such host gives."""
        return GitHostError(
            f"the answer of {self._host} is not one of a git host: {doing}", "Check kind and url of git_host."
        )

    def _call(self, doing: str, method: str, path: str, body: bytes | None) -> tuple[bytes, Mapping[str, str]]:
        retries = urllib3.Retry(total=1, connect=1, read=1 if body is None else 0, redirect=0, status=0, other=0)
        headers = {**self._headers, **({"Content-Type": "application/json"} if body is not None else {})}
        try:
            response = self._pool.urlopen(
                method,
                f"{self._path}{path}",
                body,
                headers,
                retries=retries,
                redirect=False,
                preload_content=False,
                decode_content=True,
            )
            try:
                content = read_whole(response, ANSWER_BYTES, ANSWER_SECONDS)
            finally:
                response.release_conn()
        except EndlessAnswerError:
            raise self.absurd(doing) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            advice = (
                proxies.advice(self._host) if proxies.find_proxy(self._host) else "Check git_host in platform.yaml."
            )
            raise GitHostError(f"no answer from {self._host}: {doing} ({type(error).__name__})", advice) from None
        if response.status >= HTTPStatus.MULTIPLE_CHOICES:
            raise self._explain(doing, response.status)
        return content, response.headers

    def _explain(self, doing: str, status: int) -> StatusError:
        if status in _REFUSALS:
            message, hint = (
                "refuses the token",
                "Check its rights and its last day: docs/pipelines.md lists the rights.",
            )
        elif status < HTTPStatus.BAD_REQUEST:
            message, hint = "answers from another address", "Write the current url and repository into git_host."
        elif status in MISSING:
            message, hint = "has no such thing, or the token may not see it", "Check git_host in platform.yaml."
        else:
            message, hint = "does not do it", "Try again later."
        return StatusError(f"{self._host} {message}: {doing} (HTTP {status})", hint, status)

    def _parse(self, doing: str, content: bytes) -> Any:
        try:
            return read_json(content, ANSWER_BYTES, keys_once=False)
        except UnreadableJsonError:
            raise self.absurd(doing) from None


def _with(path: str, parameters: Mapping[str, str | int]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _has_more(headers: Mapping[str, str], seen: int) -> bool:
    """Tell whether a listing goes on: GitHub and GitLab link the next page, Gitea says how many entries there are."""
    if _NEXT.search(headers.get("Link", "")):
        return True
    total = headers.get("X-Total-Count", "")
    return total.isascii() and total.isdigit() and len(total) < 10 and seen < int(total)


def _trust(host: str, ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise InvalidFileError(
            f"the CA file of {host} cannot be used: {ca_file} ({error.strerror or 'no certificate'})",
            "See git_host.ca_file in platform.yaml.",
        ) from error
