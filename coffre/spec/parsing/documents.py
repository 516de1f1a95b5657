"""Reads the bytes of a YAML file into plain data, more strictly than YAML.

It refuses ambiguous text, which two readers could read differently, before a model sees it.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node

from coffre.spec.files import SIZE_LIMIT_BYTES, refuse_large
from coffre.spec.parsing.characters import find_odd
from coffre.spec.parsing.plain import DEPTH_LIMIT, PlainReader
from coffre.spec.parsing.positions import Position, Positions, last_line_of, position_of
from coffre.spec.parsing.syntax import explain_syntax, split_lines
from coffre.spec.problems.problems import Loc, Problem

# libyaml composes recursively, in C: past some 20,000 levels the process dies.
_SAFE_DEPTH = 2000
_TAB_INDENT = re.compile(r"[ ]*\t[ \t]*[^ \t#]")
_TABS_TOLD = 20


@dataclass(frozen=True)
class Document:
    """A file that is a mapping: its nodes, its plain data, the refused places and the unread ones."""

    root: Node
    data: dict[str, Any]
    problems: list[Problem]
    unread: set[Loc]

    def position(self, loc: Loc) -> Position:
        """Return line and column of the value at ``loc``, or of the block around it."""
        return position_of(Positions(self.root).follow(loc)[1])


def read_document(content: bytes, file: str) -> Document | list[Problem]:
    """Read one YAML file; a list of problems when it has no readable data."""
    flaw = _check_text(content, file)
    if flaw:
        return flaw
    text = content.decode("utf-8-sig")
    try:
        depth_flaw = _check_depth(text, file)
        root = None if depth_flaw else _compose(text)
    except yaml.MarkedYAMLError as error:
        return [explain_syntax(error, text, file)]
    except yaml.YAMLError as error:
        return [Problem(file, 1, 1, "", "this is not YAML", str(error).partition("\n")[0])]
    if depth_flaw:
        return [depth_flaw]
    if root is None:
        return [Problem(file, 1, 1, "", "the file is empty", "start with version: 1")]
    if not isinstance(root, MappingNode):
        return [Problem(file, *position_of(root), "", "this is not a block of keys", "start with version: 1")]
    return _read(root, text, file)


def _compose(text: str) -> Node | None:
    # Imported here so that a PyYAML without libyaml is an error that the CLI can show.
    from coffre.spec.parsing.composer import Composer

    root: Node | None = Composer(text).get_single_node()
    return root


def _read(root: MappingNode, text: str, file: str) -> Document:
    reader = PlainReader(file)
    data = reader.read(root)
    problems = reader.problems
    if reader.aliases:
        problems = problems + _alias_problems(text, file, {problem.line for problem in problems})
    return Document(root, data if isinstance(data, dict) else {}, problems, reader.unread)


def _check_text(content: bytes, file: str) -> list[Problem]:
    if len(content) > SIZE_LIMIT_BYTES:
        return [refuse_large(file)]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_and_column(content[: error.start].decode("utf-8", "replace"))
        return [Problem(file, line, column, "", "the file is not UTF-8 from here on", "save it as UTF-8")]
    odd = [Problem(file, each.line, each.column, "", each.message, each.hint) for each in find_odd(text)]
    return odd or _check_tabs(text, file)


def _check_tabs(text: str, file: str) -> list[Problem]:
    if "\t" not in text:
        return []
    numbers = (number for number, line in enumerate(split_lines(text), 1) if _TAB_INDENT.match(line))
    return [
        Problem(file, number, 1, "", "the line is indented with a tab", "indent with spaces")
        for number in itertools.islice(numbers, _TABS_TOLD)
    ]


def _line_and_column(before: str) -> tuple[int, int]:
    lines = split_lines(before)
    return len(lines), len(lines[-1]) + 1


def _check_depth(text: str, file: str) -> Problem | None:
    """Refuse deep nesting, without composing it where possible.

    Flow nesting needs one bracket per level; block nesting needs more indentation per level, and a list at its key's
    own column adds one level. So an upper bound of the depth is cheap, and only files beyond it are parsed twice.
    """
    longest = max(map(len, text.splitlines()), default=0)
    if text.count("[") + text.count("{") + 2 * longest + 2 <= _SAFE_DEPTH:
        return None
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_LIMIT + 1:
            return Problem(
                file, *position_of(event), "", "this is nested too deeply", f"{DEPTH_LIMIT} levels are the limit"
            )
    return None


def _alias_problems(text: str, file: str, explained_lines: set[int]) -> list[Problem]:
    events = [event for event in yaml.parse(text, Loader=yaml.CSafeLoader) if isinstance(event, yaml.AliasEvent)]
    return [
        Problem(file, *position_of(event), "", "aliases (*name) are not read", "write the value out here")
        for event in events
        if position_of(event)[0] not in explained_lines
    ]


def find_block(content: bytes, file: str, key: str) -> str | None:
    """Return the lines of a top-level key with its block, as they are written; None when the file has none."""
    document = read_document(content, file)
    if not isinstance(document, Document):
        return None
    loc, node, key_node = Positions(document.root).follow((key,))
    if not loc or key_node is None:
        return None
    lines = split_lines(content.decode("utf-8-sig"))[position_of(key_node)[0] - 1 : last_line_of(node)]
    return "".join(f"{line.rstrip()}\n" for line in lines)
