"""The refusals of RGW's Admin Ops API by code."""

import pytest

from coffre.storage.ceph.api import faults
from coffre.storage.s3.faults import S3Error
from coffre.storage.values import QuotaExceededError


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchUser", 404, faults.NoSuchUserError),
        ("UserAlreadyExists", 409, faults.UserAlreadyExistsError),
        ("UnknownError", 500, faults.ConcurrentWriteError),
        ("UnknownError", 400, S3Error),
        ("QuotaExceeded", 403, QuotaExceededError),
    ],
)
def test_the_code_decides_the_class(code, status, kind):
    error = faults.error_of("do it", code, status)
    assert isinstance(error, kind)
    assert error.message == f"do it: the platform said {code} (HTTP {status})"


def test_a_missing_right_of_the_administrator_names_the_capabilities():
    assert "users=*;buckets=*" in faults.error_of("list users", "AccessDenied", 403).hint
