"""The position of a place of a document in its file, and its name in a message."""

import re

from yaml.events import Event
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from coffre.spec.problems.problems import Loc
from coffre.spec.problems.quoting import on_one_line

Position = tuple[int, int]
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def position_of(marked: Node | Event) -> Position:
    """Return line and column of a node's or event's first character, both from 1."""
    mark = marked.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def last_line_of(node: Node) -> int:
    """Return the last line, from 1, of a node's own text: the marks of a block also cover the lines after it."""
    if isinstance(node, MappingNode):
        inner = [each for pair in node.value for each in pair]
    else:
        inner = node.value if isinstance(node, SequenceNode) else []
    if inner and not getattr(node, "flow_style", False):
        return max(map(last_line_of, inner))
    return node.end_mark.line + 1 if node.end_mark is not None else position_of(node)[0]


class Positions:
    """The places of one document. Each block of keys is indexed once: a file may hold thousands of problems."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._indexes: dict[int, dict[str, tuple[Node, Node]]] = {}

    def follow(self, loc: Loc) -> tuple[Loc, Node, Node | None]:
        """Follow ``loc`` as far as the document has it.

        Return the part of it that exists, the node there, and the key node that leads to it (none for the root and
        for list items). Parts that the document lacks are skipped: pydantic names union tags and missing fields too.
        """
        node, key_node = self._root, None
        followed: list[str | int] = []
        for part in loc:
            step = self._step(node, part)
            if step is not None:
                key_node, node = step
                followed.append(part)
        return tuple(followed), node, key_node

    def _step(self, node: Node, part: str | int) -> tuple[Node | None, Node] | None:
        if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            return None, node.value[part]
        if isinstance(node, MappingNode):
            return self._index(node).get(str(part))
        return None

    def _index(self, node: MappingNode) -> dict[str, tuple[Node, Node]]:
        index = self._indexes.get(id(node))
        if index is None:
            # Of two equal keys the first one is used, as for the data.
            pairs = [(key, value) for key, value in reversed(node.value) if isinstance(key, ScalarNode)]
            index = self._indexes[id(node)] = {str(key.value): (key, value) for key, value in pairs}
        return index


def path_text(loc: Loc) -> str:
    """Write a place as ``plans.office.schedule[0]``; odd keys in quotes."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        shown = part if _PLAIN_KEY.fullmatch(part) else f'"{on_one_line(part)}"'
        text += f".{shown}" if text else shown
    return text
