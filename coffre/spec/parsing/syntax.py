"""Explains libyaml's syntax errors to somebody who does not know YAML's grammar."""

import re

import yaml
from yaml.error import Mark

from coffre.spec.parsing.positions import Position
from coffre.spec.problems.problems import Problem
from coffre.spec.problems.quoting import on_one_line

_COLON = 'check the indentation, write key: value with a space, and put text that holds ": " in quotes'
_ESCAPE = ("a \\ in double quotes begins an escape", r"use single quotes, like 'C:\Users'")
_ALIAS = ("aliases (*name) are not read", "write the value out here, or put the text in quotes")
# By a part of libyaml's own message: the problem, and what to do.
_SENTENCES = {
    "found another document": ("a second document begins here", "one file holds one document: remove the --- line"),
    "mapping keys are not allowed": ("a key cannot begin here", _COLON),
    "did not find expected comment or line break": (
        "text after | or > begins on the next line",
        "begin a new line here",
    ),
    "mapping values are not allowed": ("a key cannot begin here", _COLON),
    "could not find expected ':'": ("the key before this has no colon", _COLON),
    "did not find expected key": ("the indentation does not match the lines before", "indent a block's keys equally"),
    "block sequence entries are not allowed": ("a list cannot begin here", "begin it on its own line, below its key"),
    "did not find expected '-' indicator": ("the list ends too early", "indent its entries equally, each with a -"),
    "found character that cannot start": ("text cannot begin with {character}", "put the text in quotes"),
    "found unexpected ':'": ("a : is not allowed here", _COLON),
    "found duplicate anchor": ("anchors (&name) are not read", "remove it, or put the text in quotes"),
    "found undefined alias": _ALIAS,
    "did not find expected alphabetic or numeric character": _ALIAS,
    "found unknown escape character": _ESCAPE,
    "did not find expected hexdecimal number": _ESCAPE,
    "did not find expected <document start>": ("the file should have ended before this", "check the indentation"),
    "did not find expected node content": ("a value is missing before this", "write the value, or remove the sign"),
    "did not find expected whitespace or line break": ("a text cannot begin with !", "put it in quotes"),
    "did not find expected tag URI": ("a text cannot begin with !", "put it in quotes"),
    "directive": ("a line cannot begin with %", "put the text in quotes"),
    "found undefined tag handle": ("a text cannot begin with !", "put it in quotes"),
    "found invalid Unicode character escape code": ("this escape is not a character", "write the character itself"),
}
# Opened and never closed: the message shows where it was opened.
_UNCLOSED = {
    "while parsing a flow sequence": ("this list is not closed by line {line}", "add the missing , or ]"),
    "while parsing a flow mapping": ("this block in braces is not closed by line {line}", "add the missing , or }}"),
    "while scanning a quoted scalar": ("these quotes are not closed", "add the closing quote"),
}


def split_lines(text: str) -> list[str]:
    """Split a text into lines like YAML and editors, in fewer places than Python's own splitlines."""
    return re.split(r"\r\n|\r|\n", text)


def explain_syntax(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    """Return a syntax error as a problem: at the place of the error, or where something was left open."""
    lines = split_lines(text)
    line, column = _position(error.problem_mark or error.context_mark, lines)
    unclosed = _UNCLOSED.get(error.context or "")
    if unclosed and error.context_mark is not None and not _is_said(error):
        message, hint = unclosed
        message, hint = message.format(line=line), hint.format()
        line, column = _position(error.context_mark, lines)
        return Problem(file, line, column, "", message, hint)
    message, hint = _sentence(error, lines[line - 1][column - 1 : column])
    quote_line = _find_open_quote(lines[:line])
    if quote_line and quote_line < line:
        hint += f"; line {quote_line} opens quotes that it does not close"
    return Problem(file, line, column, "", message, hint)


def _is_said(error: yaml.MarkedYAMLError) -> bool:
    """Tell whether the error is inside the opened part, for example an escape in quotes."""
    return any(part in (error.problem or "") for part in _SENTENCES)


def _sentence(error: yaml.MarkedYAMLError, character: str) -> tuple[str, str]:
    said = f"{error.context or ''} {error.problem or ''}"
    for part, (message, hint) in _SENTENCES.items():
        if part in said:
            named = "a tab" if character == "\t" else character if character.isprintable() else ""
            return message.replace("{character}", named or "this character"), hint
    return f"this is not YAML ({on_one_line(error.problem or 'it cannot be read')})", _COLON


def _position(mark: Mark | None, lines: list[str]) -> Position:
    if mark is None:
        return 1, 1
    # libyaml reports the end of the file one line after the last, where no editor can jump to.
    if mark.line >= len(lines) or (mark.line == len(lines) - 1 and not lines[-1] and len(lines) > 1):
        last = len(lines) - 1 if not lines[-1] and len(lines) > 1 else len(lines)
        return last, len(lines[last - 1]) + 1
    return mark.line + 1, mark.column + 1


def _find_open_quote(lines: list[str]) -> int | None:
    """Return the first line with an odd number of double quotes: libyaml reports the error much later."""
    for number, line in enumerate(lines, 1):
        code = re.sub(r"'[^']*'|(^|\s)#.*", "", line)
        if len(re.findall(r'(?<!\\)"', code)) % 2:
            return number
    return None
