"""Turns YAML nodes into plain data: only text, whole numbers, true and false, lists and blocks of keys."""

import re
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode

from coffre.spec.parsing.positions import path_text, position_of
from coffre.spec.problems.problems import Loc, Problem
from coffre.spec.problems.quoting import on_one_line

DEPTH_LIMIT = 10
_CORE_TAGS = {None, *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))}
_CONSTANTS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_OLD_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
# Everything else that some reader reads as a number (010, 0x1F, 1_000, 22:22) stays text.
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{0,17}([eE][-+]?[0-9]{1,2})?")


class PlainReader:
    """Reads one document; ``problems`` has the refused places, ``unread`` the unread ones."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.unread: set[Loc] = set()
        self.aliases: list[Loc] = []
        self._seen: set[int] = set()

    def read(self, node: Node, loc: Loc = ()) -> Any:
        """Return the plain data of ``node``."""
        if id(node) in self._seen:
            # The composer gives an alias the node of its anchor: following it could grow without end.
            self.aliases.append(loc)
            self.unread.add(loc)
            return None
        self._seen.add(id(node))
        if node.tag not in _CORE_TAGS:
            return self._refuse(node, loc, f"the tag {_tag_text(node)} has no meaning here", "remove it")
        if isinstance(node, ScalarNode):
            return self._read_scalar(node, loc)
        if len(loc) >= DEPTH_LIMIT:
            return self._refuse(node, loc, "is nested too deeply", f"{DEPTH_LIMIT} levels are the limit")
        if isinstance(node, MappingNode):
            return self._read_mapping(node, loc)
        return [self.read(child, (*loc, place)) for place, child in enumerate(node.value)]

    def _read_mapping(self, node: MappingNode, loc: Loc) -> dict[str, Any]:
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag not in _CORE_TAGS:
                self._note(key, loc, "this key is not plain text", "a key is one word")
                continue
            name = str(key.value)
            if name == "<<" and not key.style:
                self._note(key, (*loc, name), "merge keys are not read", "write the merged keys out here")
            elif name in data:
                message = f"is given twice, first on line {lines[name]}"
                self._note(key, (*loc, name), message, "keep one of them")
            else:
                lines[name] = key.start_mark.line + 1
                data[name] = None
                data[name] = self.read(value, (*loc, name))
        return data

    def _read_scalar(self, node: ScalarNode, loc: Loc) -> Any:
        text = str(node.value)
        if node.style:
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if text[0] in "+-0123456789":
            if _WHOLE.fullmatch(text):
                return int(text)
            return float(text) if _FRACTION.fullmatch(text) else text
        meant = _OLD_BOOLEANS.get(text.lower()) if len(text) <= 3 else None
        if meant is None:
            return text
        hint = f'write {meant}, or "{text}" in quotes if text is meant'
        return self._refuse(node, loc, f"{text} is true or false to some YAML readers and text to others", hint)

    def _refuse(self, node: Node, loc: Loc, message: str, hint: str) -> None:
        self._note(node, loc, message, hint)
        self.unread.add(loc)

    def _note(self, node: Node, loc: Loc, message: str, hint: str) -> None:
        line, column = position_of(node)
        self.problems.append(Problem(self.file, line, column, path_text(loc), message, hint))


def _tag_text(node: Node) -> str:
    return on_one_line(str(node.tag).replace("tag:yaml.org,2002:", "!!"))
