"""RGW's binary forms of settings, as the lean reader takes them."""

import struct

import pytest

from coffre.storage.ceph.survey import Meanings, parse_tags


def form_of(tags: dict[str, str]) -> bytes:
    """Write tags as Ceph 16 to 20 does."""
    texts = [text.encode() for pair in tags.items() for text in pair]
    body = struct.pack("<I", len(tags)) + b"".join(struct.pack("<I", len(text)) + text for text in texts)
    return struct.pack("<BBI", 1, 1, len(body)) + body


@pytest.mark.parametrize("tags", [{}, {"a": "b"}, {"clé": "é €", "n": ""}])
def test_tags_are_read_back(tags: dict[str, str]) -> None:
    assert parse_tags(form_of(tags)) == tags


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"\x01\x01",
        form_of({"a": "b"})[:-1],
        form_of({"a": "b"}) + b"\0",
        b"\x02\x01" + form_of({"a": "b"})[2:],
        struct.pack("<BBII", 1, 1, 4, 0xFFFFFFFF),
        struct.pack("<BBIII", 1, 1, 10, 1, 0xFFFFFFFF) + b"ab",
        form_of({"a": "b"}).replace(b"a", b"\xff"),
    ],
)
def test_another_form_is_not_guessed_at(form: bytes) -> None:
    assert parse_tags(form) is None


def test_a_form_is_asked_about_once_and_never_when_it_changed_meanwhile() -> None:
    meanings, asked = Meanings(), []

    def ask() -> dict[str, str]:
        asked.append(1)
        return {"n": str(len(asked))}

    assert meanings.read("rules", b"a", ask, lambda: b"b") == {"n": "1"}  # somebody changed it in between
    assert meanings.read("rules", b"a", ask, lambda: b"a") == {"n": "2"}
    assert meanings.read("rules", b"a", ask, lambda: b"a") == {"n": "2"}
    assert meanings.read("other", b"a", ask, lambda: b"a") == {"n": "3"}
