"""How buckets of a tenant are looked for by name, before their tag decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.spec import naming
from coffre.storage.aws.names import bucket_prefix


@pytest.mark.parametrize(
    ("uid", "prefix"),
    [
        ("martin-k7f3q9wz2m", "martin"),
        ("atelier-durand-k7f3q9wz2m", "atelier-durand"),
        ("martin-k7f3q9wz2m.compta-01", "martin"),
        ("nobody", "nobody"),
    ],
)
def test_the_prefix_is_the_slug(uid: str, prefix: str) -> None:
    assert bucket_prefix(uid) == prefix


@given(
    st.from_regex(naming.NAME_PATTERN, fullmatch=True),
    st.from_regex(naming.ID_PATTERN, fullmatch=True),
    st.from_regex(naming.NAME_PATTERN, fullmatch=True),
)
def test_each_bucket_of_a_tenant_begins_so(slug: str, tenant_id: str, machine: str) -> None:
    bucket = naming.bucket_name(slug, tenant_id, machine)
    assert bucket.startswith(bucket_prefix(f"{slug}-{tenant_id}"))
    assert bucket.startswith(bucket_prefix(f"{slug}-{tenant_id}.{machine}"))
