"""S3's refusals by code, and what an operator is told of a platform that does not answer."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from coffre.errors import RemoteError
from coffre.storage.s3 import faults
from coffre.storage.values import QuotaExceededError


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchBucketPolicy", 404, faults.NotConfiguredError),
        ("SomethingNew", 418, faults.S3Error),
        ("QuotaExceeded", 403, QuotaExceededError),
    ],
)
def test_the_code_decides_the_class(code, status, kind):
    error = faults.error_of("do it", code, status)
    assert isinstance(error, kind)
    assert isinstance(error, RemoteError)
    assert error.message == f"do it: the platform said {code} (HTTP {status})"
    assert type(faults.error_of("do it", "SomethingNew", 500)) is faults.S3Error


def test_a_bare_status_of_a_head_call_has_a_meaning():
    answer = {"Error": {"Code": "404", "Message": "Not Found"}, "ResponseMetadata": {"HTTPStatusCode": 404}}
    with pytest.raises(faults.NoSuchKeyError), faults.s3_errors("look"):
        raise ClientError(answer, "HeadObject")


def test_no_answer_is_one_short_line():
    with pytest.raises(faults.PlatformUnreachableError) as told, faults.s3_errors("list", "https://10.0.0.1"):
        raise EndpointConnectionError(endpoint_url="x", error="Pool: Failed: [Errno 111] Connection refused\n")
    assert told.value.message == "list: no answer from https://10.0.0.1: [Errno 111] Connection refused"


def test_a_certificate_is_told_from_silence():
    cause = "SSLError([SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: IP address mismatch (_ssl.c:1006)')"
    error = faults.unreachable("list", "https://10.0.0.1", cause)
    assert error.message == "list: the certificate of https://10.0.0.1 is not accepted: IP address mismatch"
    assert "ca_file" in error.hint


@pytest.mark.parametrize(("code", "status"), [("HTTP 503", 503), ("503", 503), ("SlowDown", 503), ("HTTP 502", 502)])
def test_a_gateway_that_cannot_serve_is_told_from_one_that_refuses(code, status):
    error = faults.error_of("do it", code, status)
    assert isinstance(error, faults.UnavailableError)
    assert f"(HTTP {status})" in error.message
    assert "wait, then run the same command again" in error.hint


@pytest.mark.parametrize(
    ("cause", "says"),
    [
        (
            "HTTPSConnectionPool(host='10.0.0.1', port=1): Read timed out. (read timeout=45.0)",
            "it did not answer in time",
        ),
        (
            "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol (_ssl.c:1006)",
            "without an answer",
        ),
    ],
)
def test_silence_is_told_in_plain_words(cause, says):
    assert faults.unreachable("list", "https://10.0.0.1", cause).message.endswith(says)


def test_an_expired_certificate_is_not_the_ca_files_fault():
    error = faults.unreachable(
        "list", "https://10.0.0.1", "certificate verify failed: certificate has expired (_ssl.c:1)"
    )
    assert "must renew it" in error.hint
    assert "ca_file" not in error.hint
