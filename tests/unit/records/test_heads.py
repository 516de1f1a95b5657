"""Heads that somebody kept, in whatever text they come back: a head, or none; never anything else."""

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.records.chain.heads import Head, is_genuine, read_heads, write_head

HEAD = Head("d" * 32, 7, "a" * 64, datetime(2026, 11, 28, tzinfo=UTC), "AAAA", "AAAA")
ODD = st.sampled_from(
    [
        None, True, -1, 10**400, 0.5, float("inf"), "", "x", "\ud800", "é", [], {}, [[]],
        "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-28",
    ]
)  # fmt: skip
FIELDS = st.dictionaries(st.sampled_from([*vars(HEAD), "form"]), ODD, max_size=4)


def document(changes):
    return {**json.loads(write_head(HEAD)), **changes}


@settings(max_examples=100, deadline=None)
@given(
    st.text(max_size=80)
    | st.sampled_from(["[" * 100_000, '{"proof":' * 50_000, "9" * 5000, "{" * 200])
    | FIELDS.map(lambda changes: json.dumps(document(changes)))
    | FIELDS.map(lambda changes: json.dumps({"certificate": {"proof": {"records": document(changes)}}}))
)
def test_any_text(text):
    for head in read_heads(text):
        assert is_genuine(head) is False
        assert head.signed_at.tzinfo is UTC


def test_a_head_is_read_as_it_was_written():
    assert read_heads(f"first\n{write_head(HEAD)}\nlast\n") == [HEAD]
