"""Names of remote things: derived, within limits, and never two things under one name."""

import re
from dataclasses import dataclass

import pytest

from coffre.spec import naming


@dataclass(frozen=True)
class Named:
    slug: str = "boulangerie-martin"
    id: str = "k7f3q9wz2m"
    is_copy: bool = False
    is_part: bool = False


def test_names_are_the_ones_that_running_platforms_hold() -> None:
    """Changing any of these loses every bucket and user that there is."""
    assert naming.owner_uid(Named()) == "boulangerie-martin-k7f3q9wz2m"
    assert naming.machine_uid(Named(), "compta-01") == "boulangerie-martin-k7f3q9wz2m.compta-01"
    assert naming.bucket_name("boulangerie-martin", "k7f3q9wz2m", "compta-01") == (
        "boulangerie-martin-compta-01-779e82c9b5"
    )


def test_names_of_a_second_copy_are_the_ones_that_running_platforms_hold() -> None:
    """Changing any of these loses the copy of every tenant that has one."""
    copied = Named(is_copy=True)
    assert naming.owner_uid(copied) == "boulangerie-martin-k7f3q9wz2m_copy"
    assert naming.stack_name(copied) == "boulangerie-martin_copy"
    assert naming.bucket_name("boulangerie-martin", "k7f3q9wz2m", "compta-01", is_copy=True) == (
        "boulangerie-martin-compta-01-800483fcd6"
    )


@pytest.mark.parametrize("slug", ["abc", "a-c", "a" * 40, "0" + "-" * 38 + "9"])
@pytest.mark.parametrize("machine", ["pc1", "m" * 40, "7" + "-" * 38 + "z"])
def test_every_allowed_name_gives_a_valid_bucket_and_uid(slug: str, machine: str) -> None:
    assert re.fullmatch(naming.NAME_PATTERN, slug)
    assert re.fullmatch(naming.NAME_PATTERN, machine)
    bucket = naming.bucket_name(slug, "k7f3q9wz2m", machine)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket)
    assert len(naming.machine_uid(Named(slug), machine)) <= 128


def test_buckets_that_look_alike_differ() -> None:
    """The cut and the hyphen make equal readable parts; the digest keeps them apart."""
    names = {
        naming.bucket_name("abc", "k7f3q9wz2m", "def-ghi"),
        naming.bucket_name("abc-def", "k7f3q9wz2n", "ghi"),
        naming.bucket_name("a" * 40, "k7f3q9wz2m", "pc1"),
        naming.bucket_name("a" * 40, "k7f3q9wz2m", "pc2"),
        naming.bucket_name("a" * 40, "k7f3q9wz2n", "pc1"),
    }
    assert len(names) == 5


@pytest.mark.parametrize("text", ["ab", "a" * 41, "-ab", "ab-", "Abc", "a_c", "a.c", "a c", "abc\n", "é12"])
def test_other_names_are_refused(text: str) -> None:
    assert not re.fullmatch(naming.NAME_PATTERN, text)
