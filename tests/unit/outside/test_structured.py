"""JSON of others: what passes is small, flat and plain, and whatever does not pass is refused in one way."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.outside.faults import Fault
from coffre.outside.structured import LARGEST_NUMBER, UnreadableJsonError, read_json, read_json_object

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_NUMBER, LARGEST_NUMBER)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e200, max_value=1e200)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(PLAIN)
def test_what_is_plain_is_read_as_it_is(value):
    assert read_json(json.dumps(value), 10**6) == value


@given(st.binary() | st.text() | st.text(alphabet='[]{}",:0123456789.eE+-\\ud8 nulltrfasINity'))
def test_anything_is_a_value_or_refused(content):
    try:
        value = read_json(content, 10**6)
    except UnreadableJsonError:
        return
    json.dumps(value, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("9" * 5000, Fault.TOO_LARGE),
        ("-" + "9" * 21, Fault.TOO_LARGE),
        ("1e999", Fault.TOO_LARGE),
        ("NaN", Fault.UNREADABLE),
        ("-Infinity", Fault.UNREADABLE),
        ('{"a": 1, "a": 2}', Fault.UNREADABLE),
        ('"\\ud800"', Fault.UNREADABLE),
        ('{"\\udfff": 1}', Fault.UNREADABLE),
        ("[" * 33 + "]" * 33, Fault.TOO_LARGE),
        ("[" * 400_000, Fault.TOO_LARGE),
        (b"\xff", Fault.UNREADABLE),
        (b"x" * 1_000_001, Fault.TOO_LARGE),
        ("", Fault.UNREADABLE),
    ],
    ids=lambda value: str(value)[:12],
)
def test_what_no_honest_writer_writes_is_refused(content, fault):
    with pytest.raises(UnreadableJsonError) as refused:
        read_json(content, 1_000_000)
    assert refused.value.fault is fault


def test_an_object_is_asked_for():
    assert read_json_object("{}", 10) == {}
    assert read_json('{"a": 1, "a": 2}', 100, keys_once=False) == {"a": 2}
    with pytest.raises(UnreadableJsonError, match="not a JSON object"):
        read_json_object("[]", 10)
