"""What is printed is seen, and does nothing to the terminal."""

import re
import sys

import pytest
from rich.console import Console

from coffre.cli import output
from coffre.errors import ExpectedError

STEERING = "a\x1b]0;title\x07 \x1b[2J\x9b2J\r\u202egnp.exe \udcff"
SEEN = r"a\x1b]0;title\x07 \x1b[2J\x9b2J\r\u202egnp.exe \udcff"


def test_what_a_machine_says_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.result(f"  not read: {STEERING}")
    output.table(["path"], [[STEERING]])
    output.warning(STEERING)
    output.expected_error(ExpectedError(STEERING, STEERING))
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count(SEEN) == 5
    assert "\x1b" not in printed.out + printed.err


@pytest.mark.parametrize(
    "text",
    ["Comptabilité 2026", "644\u00a0245\u202f094 octets", "[x]*? [red]", "a\nb", "日本 🥐", "2001:db8:cd:1 :fire:"],
)
def test_anything_that_is_only_seen_is_printed_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    output.result(text)
    output.table(["path"], [[text.partition("\n")[0]]])
    assert capsys.readouterr().out.startswith(f"{text}\n")
    assert output.visible(text) == text


def test_no_row_of_a_table_ends_in_blanks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["a", "long enough", "x"], ["longer than a", "", ""], ["é", "no", "yes and no"]]
    output.table(["one", "two", "three"], rows, right=["two"])
    monkeypatch.setattr(output, "_result", Console(force_terminal=True, width=80))
    monkeypatch.setenv("FORCE_COLOR", "1")
    output.table(["one", "two", "three"], rows)
    lines = capsys.readouterr().out.splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    assert len(plain) == 8
    assert "\x1b[1m" in lines[4]
    assert [line for line in plain if line != line.rstrip()] == []
    assert plain[1] == "a              long enough  x"


def test_a_document_is_printed_byte_for_byte(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    output.result_bytes(b"Subject: x\r\n\r\n\x1b=C3\r\n")
    sys.stdout.flush()
    assert capfdbinary.readouterr().out == b"Subject: x\r\n\r\n\x1b=C3\r\n"
