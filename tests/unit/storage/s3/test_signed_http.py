"""What is read plainly is signed as botocore signs it, and refused as a whole client reports it."""

from datetime import UTC, datetime

import botocore.auth
import pytest

from coffre.outside.plain_http import Answer, NotPlainError
from coffre.outside.web import EndlessAnswerError
from coffre.storage.s3 import signed_http
from coffre.storage.s3.faults import AbsurdAnswerError, NoSuchKeyError, PlatformUnreachableError
from coffre.storage.s3.signed_http import SignedHttp
from coffre.storage.values import AccessKey, Endpoint

NOW = datetime(2026, 11, 30, 9, 15, 7, tzinfo=UTC)
KEY = AccessKey("AKEXAMPLE", "s3cr3t/with+signs")


class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW

    @classmethod
    def utcnow(cls):
        return NOW.replace(tzinfo=None)


@pytest.mark.parametrize("url", ["https://ceph.example", "https://ceph.example:7443", "http://[::1]:8080"])
@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("/admin/user?format=json&uid=a.b-c", {}),
        ("/bucket/control/desired.json?", {"Range": "bytes=0-100"}),
        ("/bucket/a%20b/%C3%A9?", {"Range": "bytes=0-100"}),
        ("/admin/metadata/bucket.instance?format=json&key=b%3Ad.1%2F2", {}),
    ],
)
def test_a_reading_is_signed_as_botocore_does(url, target, more, monkeypatch):
    monkeypatch.setattr(signed_http, "datetime", Clock)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None))
    http = SignedHttp(Endpoint(url, "somewhere"), KEY)
    ours, theirs = http._sign_reading(target, more), http._sign("GET", target, None, more)
    named = {name.lower(): value for name, value in theirs.items()}
    assert ours == {"host": url.partition("//")[2], **named}


class Plain:
    """Plain connections that give one answer, or fail."""

    def __init__(self, answer):
        self.answer = answer

    def get(self, target, headers, limit_bytes, limit_seconds):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def http_of(answer):
    return SignedHttp(Endpoint("http://127.0.0.1:9"), KEY, plain=Plain(answer))


def test_an_object_beyond_its_limit_is_none():
    assert http_of(Answer(206, {}, None)).find_object("read", "/b/k", 10) is None


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(404, {}, b"<Error><Code>NoSuchKey</Code></Error>"), NoSuchKeyError),
        (Answer(404, {}, None), AbsurdAnswerError),
        (EndlessAnswerError(), AbsurdAnswerError),
        (TimeoutError("timed out"), PlatformUnreachableError),
        (NotPlainError(), PlatformUnreachableError),  # a whole client asks again, of nobody
    ],
    ids=repr,
)
def test_a_refusal_has_its_class(answer, error):
    with pytest.raises(error):
        http_of(answer).find_object("read", "/b/k", 10)


def test_an_endless_answer_of_a_call_is_absurd():
    with pytest.raises(AbsurdAnswerError):
        http_of(Answer(200, {}, None)).call_s3("list", "GET", "/b", {})
