import json

import pytest

from coffre.outside.text import one_line, split_lines, visible, visible_json


@pytest.mark.parametrize(
    "steering", ["\x1b[2J", "\x9b2J", "\u202e", "\u2066", "\ud800", "\u2028", "\r", "\u200b", "\ue000", "\u0378"]
)
def test_what_steers_a_terminal_is_written_out(steering: str) -> None:
    assert all(character.isprintable() for character in visible(f"a{steering}b"))


def test_a_forged_second_line_becomes_part_of_the_first() -> None:
    assert one_line("closed\n2026-11-28 all is well", 80) == "closed 2026-11-28 all is well"


def test_a_long_text_is_cut_before_it_is_looked_at() -> None:
    assert one_line("x" * 10_000_000, 20) == "x" * 19 + "…"
    assert len(one_line("\x1b" * 20, 20)) == 20


@pytest.mark.parametrize(
    "text",
    ["\x1b[2J", "\x9b2J", "\x7f", "\u202e", "\u2066", "\ud800", "\u2028", "\r\n", "\u200b", "\U000e0041", "é €\t😀"],
)
def test_json_says_the_same_without_a_raw_character_that_steers(text: str) -> None:
    written = visible_json(json.dumps({text: [text]}, indent=2, ensure_ascii=False))
    assert json.loads(written) == {text: [text]}
    assert written.replace("\n", "").isprintable()


@pytest.mark.parametrize("hiding", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r"])
def test_a_line_of_a_reviewed_file_ends_at_its_line_feed_alone(hiding: str) -> None:
    assert split_lines(f"# a note{hiding}counts\r\nnext") == [f"# a note{hiding}counts", "next"]


def test_the_lines_of_a_file_are_those_that_it_has() -> None:
    assert [split_lines(text) for text in ("", "\n", "a", "a\n", "a\n\nb\n")] == [
        [],
        [""],
        ["a"],
        ["a"],
        ["a", "", "b"],
    ]
