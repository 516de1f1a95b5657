"""A platform that answers whatever it likes, for ever or in a circle: one typed error, and flat memory."""

import http.client
import io
import json
import threading
import tracemalloc
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.awsrequest import AWSResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.errors import ExpectedError, RemoteError
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.checks import wire
from coffre.storage.s3 import answers, contents, policy
from coffre.storage.s3.bucket import S3Bucket
from coffre.storage.s3.client import make_client
from coffre.storage.s3.eraser import S3BucketEraser
from coffre.storage.s3.faults import AbsurdAnswerError, s3_errors
from coffre.storage.values import AccessKey, Endpoint, Unusable

KEY = AccessKey("AK", "secret")
MIB = 1024**2


class Host(BaseHTTPRequestHandler):
    """Answers every request alike: ``server.body`` is its body, None: bytes without end."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        if self.server.body is not None:
            self.send_header("Content-Length", str(len(self.server.body)))
            self.end_headers()
            self.wfile.write(self.server.body)
            return
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b" " * 65536)
        except OSError:
            return

    def log_message(self, *_):
        pass


@contextmanager
def answering(body, status=200):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.daemon_threads = True
    server.body, server.status = body, status
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


def bucket_at(endpoint):
    return S3Bucket("b", make_client(endpoint, KEY))


CALLS = {
    "user": lambda endpoint: AdminClient(endpoint, KEY).find_user("u"),
    "bucket": lambda endpoint: AdminClient(endpoint, KEY).find_bucket("b"),
    "users": lambda endpoint: AdminClient(endpoint, KEY).list_users(),
    "use": lambda endpoint: AdminClient(endpoint, KEY).used_bytes("u", exact=True),
    "buckets": lambda endpoint: AdminClient(endpoint, KEY).list_buckets("u"),
    "objects": lambda endpoint: bucket_at(endpoint).current_bytes(),
    "versions": lambda endpoint: bucket_at(endpoint).list_versions(""),
    "policy": lambda endpoint: bucket_at(endpoint).is_gate_closed(),
    "erasing": lambda endpoint: list(eraser_at(endpoint).walk_versions()),
    "uploads": lambda endpoint: list(eraser_at(endpoint).walk_uploads()),
}


def eraser_at(endpoint):
    return S3BucketEraser("b", endpoint, KEY, make_client(endpoint, KEY))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_without_end_is_left_and_costs_no_memory(call, status, monkeypatch):
    monkeypatch.setattr(answers, "ANSWER_BYTES", 2 * MIB)
    with answering(None, status) as endpoint:
        make_client(endpoint, KEY)  # what botocore itself takes
        tracemalloc.start()
        with pytest.raises(AbsurdAnswerError, match="it has no end"):
            CALLS[call](endpoint)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 16 * MIB


def test_an_object_without_end_is_read_up_to_its_limit():
    with answering(None) as endpoint:
        assert isinstance(bucket_at(endpoint).find("k", MIB), Unusable)


LISTED = """<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>
<NextContinuationToken>again</NextContinuationToken><Contents><Key>k</Key><Size>{size}</Size><ETag>"e"</ETag>
<LastModified>{at}</LastModified></Contents></ListBucketResult>"""
VERSIONS = """<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>
<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker><Version><Key>k</Key><VersionId>v</VersionId>
<IsLatest>true</IsLatest><Size>1</Size><ETag>"e"</ETag><LastModified>2026-11-24T00:00:00Z</LastModified></Version>
</ListVersionsResult>"""


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("objects", LISTED.format(size=1, at="2026-11-24T00:00:00Z")),
        ("versions", VERSIONS),
        ("erasing", VERSIONS),
        ("users", json.dumps({"keys": ["u"], "truncated": True, "marker": "again"})),
    ],
)
def test_a_listing_that_goes_round_is_ended(call, body):
    with answering(body.encode()) as endpoint, pytest.raises(RemoteError, match=r"circular|NoProgress"):
        CALLS[call](endpoint)


@pytest.mark.parametrize(
    ("size", "at"),
    [("-1", "2026-11-24T00:00:00Z"), ("9" * 5000, "2026-11-24T00:00:00Z"), ("x", "x"), ("1", "x"), ("1", "9" * 5000)],
)
def test_an_absurd_entry_of_a_listing_is_one_typed_error(size, at):
    with answering(LISTED.format(size=size, at=at).encode()) as endpoint, pytest.raises(RemoteError):
        CALLS["objects"](endpoint)


def client_that_answers(body):
    """A client of botocore's own, parsers included, to which every answer is ``body``."""

    def answer(**_):
        return AWSResponse("http://127.0.0.1:9", 200, {"content-type": "application/xml"}, Raw(body))

    client = make_client(Endpoint("http://127.0.0.1:9"), KEY)
    client.meta.events.register("before-send.s3", answer)
    return client


class Raw(io.BytesIO):
    """What botocore takes for the connection of an answer."""

    def stream(self):
        yield self.read()


NAMES = st.text(max_size=8) | st.sampled_from(["../..", "a\nb", "&#0;", "&lt;", "9" * 5000, "-1", "2026-02-30", "true"])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["objects", "versions", "erasing", "uploads"]),
    st.sampled_from([LISTED.replace("true", "false"), VERSIONS.replace("true", "false")]),
    st.lists(
        st.tuples(st.sampled_from(["k", "v", "1", '"e"', "{size}", "{at}", "false", "Key", "Size"]), NAMES), max_size=3
    ),
)
def test_whatever_botocore_is_told_in_a_listing_is_a_value_or_one_typed_error(call, body, changes):
    for old, new in changes:
        body = body.replace(f">{old}<", f">{new}<")
    client = client_that_answers(body.encode("utf-8", "replace"))
    bucket = S3Bucket("b", client)
    calls = {
        "objects": bucket.current_bytes,
        "versions": lambda: bucket.list_versions(""),
        "erasing": lambda: list(S3BucketEraser("b", Endpoint("http://127.0.0.1:9"), KEY, client).walk_versions()),
        "uploads": lambda: list(S3BucketEraser("b", Endpoint("http://127.0.0.1:9"), KEY, client).walk_uploads()),
    }
    try:
        calls[call]()
    except ExpectedError:
        return


def test_a_time_past_the_calendar_is_its_end():
    far = datetime.fromisoformat("9999-12-31T23:59:59-23:59")
    assert answers.moment(far) == datetime.max.replace(tzinfo=UTC)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["user_id", "keys", "user_quota", "stats", "usage", "bucket", "data", "truncated", "marker", "x"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=60, deadline=None)
@given(ANYTHING)
def test_the_administrators_answers_are_values_or_one_typed_error(value):
    class Said:
        def call(self, *_):
            return value

    client = AdminClient(Endpoint("http://127.0.0.1:9"), KEY)
    client._http = Said()
    for call in (
        lambda: client.find_user("u"),
        lambda: client.find_bucket("b"),
        lambda: client.list_buckets("u"),
        lambda: client.used_bytes("u", exact=False),
        lambda: client.list_users_page(5),
    ):
        try:
            call()
        except ExpectedError:
            continue


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300)
    | st.text(max_size=80).map(lambda text: VERSIONS.replace("2026-11-24T00:00:00Z", text).encode())
)
def test_any_xml_is_a_page_or_one_typed_error(body):
    for read in (contents.read_versions, contents.read_uploads, lambda answer: contents.read_refused(answer, [])):
        try:
            read(body)
        except RemoteError:
            continue


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200) | ANYTHING.map(json.dumps) | ANYTHING.map(lambda value: json.dumps({"Statement": value})))
def test_any_policy_is_one_that_can_be_compared(text):
    live = policy.parse(text)
    assert policy.is_same(live, live)
    policy.has_switch(live, policy.GATE_SID)
    policy.find_principal(live, policy.MACHINE_ACL_SID)


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("x"), OverflowError("x"), TypeError("x"), RecursionError("x")]
)
def test_what_botocore_stumbles_over_is_one_typed_error(error):
    with pytest.raises(AbsurdAnswerError), s3_errors("read"):
        raise error


def test_a_look_at_an_endpoint_that_never_ends_its_answer_is_short_and_cheap():
    with answering(None) as endpoint:
        connection = http.client.HTTPConnection("127.0.0.1", int(endpoint.url.rpartition(":")[2]))
        tracemalloc.start()
        seen = wire._get(wire.Wire(is_tls=False), connection)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (seen.status, seen.failure) == (200, "")
    assert peak_bytes < 4 * MIB


def test_of_an_object_of_any_size_one_range_is_asked_and_no_more_is_read():
    """The host may send what it likes all the same; here it never ends."""
    asked = []
    with answering(None) as endpoint:
        client = make_client(endpoint, KEY)
        client.meta.events.register("before-send.s3", lambda request, **_: asked.append(request.headers["Range"]))
        bucket = S3Bucket("b", client)
        tracemalloc.start()
        assert isinstance(bucket.find("k", MIB), Unusable)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert asked == [b"bytes=0-1048576"]
    assert peak_bytes < 8 * MIB
