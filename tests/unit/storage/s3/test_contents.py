"""The XML of listings and of bulk deletions: what S3 says is read as it is, and nothing counts as deleted unsaid."""

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from coffre.errors import RemoteError
from coffre.storage.s3 import contents
from coffre.storage.values import ObjectVersion

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def version(key: str, version_id: str = "v1") -> ObjectVersion:
    return ObjectVersion(key, version_id, datetime(2026, 11, 25, tzinfo=UTC), True)


def test_versions_and_markers_are_read_in_the_order_of_the_listing():
    page = contents.read_versions(
        f"<ListVersionsResult {NAMESPACE}><IsTruncated>true</IsTruncated>"
        "<DeleteMarker><Key>a%20b%0A</Key><VersionId>m</VersionId><IsLatest>true</IsLatest>"
        "<LastModified>2026-11-25T18:44:15.160Z</LastModified></DeleteMarker>"
        "<Version><Key>a%20b%0A</Key><VersionId>null</VersionId><IsLatest>false</IsLatest>"
        "<LastModified>2026-11-24T18:44:15.160Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size></Version>"
        "</ListVersionsResult>".encode()
    )
    assert page.is_truncated
    marker, older = page.versions
    assert (marker.key, marker.version_id, marker.is_latest, marker.is_marker) == ("a b\n", "m", True, True)
    assert (older.key, older.version_id, older.is_latest, older.is_marker) == ("a b\n", "null", False, False)
    assert (older.size_bytes, older.etag) == (7, "e")
    assert older.modified_at == datetime(2026, 11, 24, 18, 44, 15, 160000, tzinfo=UTC)


def test_uploads_are_read_with_their_ids():
    page = contents.read_uploads(
        f"<ListMultipartUploadsResult {NAMESPACE}><IsTruncated>false</IsTruncated>"
        "<Upload><Key>%20x</Key><UploadId>2~u</UploadId></Upload></ListMultipartUploadsResult>".encode()
    )
    assert [(each.key, each.upload_id) for each in page.uploads] == [(" x", "2~u")]
    assert not page.is_truncated


@pytest.mark.parametrize("answer", [b"<Error><Code>NoSuchBucket</Code></Error>", b"<html/>", b"", b"<ListVersionsRes"])
def test_any_other_answer_is_no_listing_of_an_empty_bucket(answer):
    for read in (contents.read_versions, contents.read_uploads, lambda answer: contents.read_refused(answer, [])):
        with pytest.raises(RemoteError, match="the platform's answer is not S3's"):
            read(answer)


def test_every_entry_of_a_deletion_names_its_version_and_its_key_as_it_is():
    keys = ["a<b>&\"'", "x\r\ny\t", "  lead ", "é"]
    body = contents.write_delete([version(key, f"v{key[0]}") for key in keys])
    root = ElementTree.fromstring(body)  # noqa: S314 - our own
    assert [(each.findtext("Key"), each.findtext("VersionId")) for each in root] == [(k, f"v{k[0]}") for k in keys]


def test_keys_that_xml_cannot_hold_are_told():
    assert all(contents.is_writable_in_xml(key) for key in ("a", "é", "\t\r\n", "\U0001f600", "\ufdd0"))
    assert not any(contents.is_writable_in_xml(key) for key in ("\x00", "a\x01", "\x0b", "\ufffe", "\uffff"))


def test_what_an_answer_does_not_confirm_counts_as_refused():
    asked = [version("a"), version("b"), version("b", "v2"), version("c")]
    answer = (
        f"<DeleteResult {NAMESPACE}><Deleted><Key>a</Key><VersionId>v1</VersionId></Deleted>"
        "<Error><Key>b</Key><VersionId>v1</VersionId><Code>AccessDenied</Code></Error>"
        "<Deleted><Key>b</Key><VersionId>v2</VersionId></Deleted></DeleteResult>"
    ).encode()
    refused = contents.read_refused(answer, asked)
    assert [(each.version.key, each.code) for each in refused] == [("b", "AccessDenied"), ("c", "no answer")]
