"""From platform.yaml's references to an endpoint and a key; nothing is connected here."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coffre.errors import ExpectedError, InvalidFileError
from coffre.spec.storage_platform import CephPlatform
from coffre.storage.ceph.connect import connect, read_admin_key, read_endpoint
from coffre.storage.values import Endpoint

ENDPOINT = {"endpoint": "https://10.0.0.1:7443/", "region": "default", "ca_file": "/lab/ca.pem", "fsid": "f"}
KEY = {"access_key_id": "ID", "secret_access_key": "hunter2hunter2"}


@pytest.fixture
def platform(tmp_path):
    (tmp_path / "endpoints.json").write_text(json.dumps(ENDPOINT))
    (tmp_path / "admin.json").write_text(json.dumps(KEY))

    def build(**changes) -> CephPlatform:
        values = {
            "kind": "ceph",
            "endpoints": "file:endpoints.json",
            "admin_credential": "file:admin.json",
            "hosting": {"operator": "Op", "site": "Here", "country": "FR"},
        }
        return CephPlatform.model_validate({**values, **changes})

    return build


def test_endpoints_and_key_are_resolved_under_the_root(platform, tmp_path):
    endpoint = read_endpoint(platform(), tmp_path)
    assert endpoint == Endpoint("https://10.0.0.1:7443", "default", Path("/lab/ca.pem"), "f")
    (tmp_path / "endpoints.json").write_text(json.dumps({**ENDPOINT, "ca_file": None}))
    assert connect(platform(), tmp_path).endpoint.ca_file is None


def test_platform_yaml_wins_over_the_endpoints_file(platform, tmp_path):
    endpoint = read_endpoint(platform(ca_file="own/ca.pem", region="eu"), tmp_path)
    assert (endpoint.ca_file, endpoint.region) == (tmp_path / "own/ca.pem", "eu")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json hunter2hunter2", ": not JSON"),
        ("[]", "not a JSON object"),
        ('{"secret_access_key": "hunter2hunter2"}', "has no access_key_id"),
    ],
)
def test_a_broken_credential_is_named_and_never_quoted(platform, tmp_path, text, words):
    (tmp_path / "admin.json").write_text(text)
    with pytest.raises(InvalidFileError, match=words) as told:
        read_admin_key(platform(), tmp_path)
    assert "file:admin.json" in told.value.message
    assert "hunter2hunter2" not in told.value.message


def test_a_ca_file_that_is_missing_or_no_certificate_is_named(platform, tmp_path):
    for content in (None, "no certificate"):
        if content:
            (tmp_path / "ca.pem").write_text(content)
        with pytest.raises(InvalidFileError, match=r"the CA file of https://10.0.0.1:7443 cannot be used: .*ca\.pem"):
            connect(platform(ca_file="ca.pem"), tmp_path)


def test_a_missing_endpoints_file_is_named(platform, tmp_path):
    (tmp_path / "endpoints.json").unlink()
    with pytest.raises(ExpectedError, match=r"endpoints\.json"):
        read_endpoint(platform(), tmp_path)


ODD = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2)
NAMES = st.sampled_from(["endpoint", "region", "ca_file", "fsid", "other"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=60)
    | st.sampled_from([b"[" * 100_000, json.dumps({**ENDPOINT, "ca_file": "x" * 5000}).encode()])
    | st.dictionaries(NAMES, ODD | st.sampled_from(["\x00", "../x", "/dev/zero"]), max_size=3).map(
        lambda changes: json.dumps({**ENDPOINT, **changes}).encode()
    )
)
def test_whatever_the_endpoints_file_holds_is_an_endpoint_or_one_refusal(platform, tmp_path, content):
    (tmp_path / "endpoints.json").write_bytes(content)
    try:
        endpoint = read_endpoint(platform(), tmp_path)
    except ExpectedError:
        return
    assert endpoint.url
    assert isinstance(endpoint.region, str)
