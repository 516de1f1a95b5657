"""The canonical form is the same for whatever a database gives back, and for ever."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.records.chain.canonical import write_canonical
from coffre.records.chain.links import Tip, digest_content, event_content, first_hash, link_hash, make_link

AT = datetime(2026, 11, 2, 12, 30, 15, 123456, tzinfo=UTC)
EVENT = {
    "id": 3,
    "tenant_id": "k7f3q9wz2m",
    "slug": "martin",
    "kind": "drill",
    "at": AT,
    "actor": "claire@smileo.example",
    "commit": None,
    "machine": "pc-1",
    "details": {"ratio": 0.1, "large": 1e22, "é": ["😀", True, None, 2.0]},
}


def test_form_1_never_changes() -> None:
    """Links of databases out there were made with it: who changes this breaks every chain."""
    content = event_content(EVENT)
    assert write_canonical(content.values) == (
        '["martin","2026-11-02T12:30:15.123456+00:00","claire@smileo.example",null,"pc-1",'
        '{"large":10000000000000000000000,"ratio":0.1,"\\u00e9":["\\ud83d\\ude00",true,null,2]}]'
    )
    assert digest_content("00" * 16, content) == "f9684ef5407f64baa31b0188a99a36081e31bb6f376da899efb12661f286f6bf"
    tip = Tip("ab" * 16, 0, first_hash("ab" * 16))
    assert tip.hash == "186177215e7348d17d4021298e5813a32246e2e906cd50780d2455c632c4c475"
    link = replace(make_link(tip, content), content="cd" * 32)
    assert link_hash(tip.hash, link) == "6d29276585e03994d3e9c2e54f30f1eac0990752dbd7ad10150ee37509579d04"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1e22, 10**22),
        (100.0, 100),
        (-0.0, 0),
        (1e-07, 0.0000001),
        (1e300, 10**300),
        (AT, AT.astimezone(timezone(timedelta(hours=2)))),
        ({"b": 1, "a": 2}, {"a": 2, "b": 1}),
        (("a", "b"), ["a", "b"]),
    ],
)
def test_what_is_the_same_is_written_the_same(one: object, other: object) -> None:
    assert write_canonical(one) == write_canonical(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, "1"),
        (1, True),
        (None, "null"),
        ([1, [2]], [[1], 2]),
        (["a", "b"], ["a,b"]),
        ({"a": None}, {}),
        (0.1, 0.10000000000000002),
        (date(2026, 1, 1), date(2026, 1, 2)),
        (AT, AT + timedelta(microseconds=1)),
    ],
)
def test_what_differs_is_written_differently(one: object, other: object) -> None:
    assert write_canonical(one) != write_canonical(other)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(JSON)
def test_it_is_json_that_reads_back_and_stays(value: object) -> None:
    text = write_canonical(value)
    again = json.loads(text)
    assert write_canonical(again) == text
    assert write_canonical(json.loads(json.dumps(value))) == text


def test_what_is_no_json_has_no_form() -> None:
    with pytest.raises(TypeError, match="has no canonical form"):
        write_canonical(b"x")


def test_two_links_of_the_same_event_share_nothing_that_tells() -> None:
    tip = Tip("ab" * 16, 0, first_hash("ab" * 16))
    one, other = make_link(tip, event_content(EVENT)), make_link(tip, event_content(EVENT))
    assert one.salt != other.salt
    assert one.content != other.content
