"""Changes a value in the text of a YAML file; comments and everything else stay. Pure: texts in, texts out."""

import difflib
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, ScalarNode

from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.parsing.positions import Positions, last_line_of


@dataclass(frozen=True)
class Setting:
    """A value of a tenant file, as it is written in YAML."""

    block: str
    key: str
    written: str

    @property
    def loc(self) -> tuple[str, ...]:
        return (self.block, self.key) if self.block else (self.key,)


def show_change(file: str, before: str, after: str) -> str:
    """Return the change of a file as a unified diff, empty when there is none; ``file`` is its path below the root."""
    one, other = (text.splitlines(keepends=True) for text in (before, after))
    return "".join(difflib.unified_diff(one, other, f"a/{file}", f"b/{file}"))


def write_setting(text: str, setting: Setting) -> str | None:
    """Return a file's text with a value set; comments and everything else stay. None where that needs a person.

    A value that is missing is added at the end of its block.
    """
    document = read_document(text.encode(), "")
    if not isinstance(document, Document):
        return None
    loc, node, _ = Positions(document.root).follow(setting.loc)
    if loc == setting.loc:
        return _replace(text, node, setting) if isinstance(node, ScalarNode) else None
    is_block = isinstance(node, MappingNode) and not node.flow_style
    return _add(text, node, setting) if loc == setting.loc[:-1] and is_block else None


def _replace(text: str, node: Node, setting: Setting) -> str | None:
    begin, end = node.start_mark, node.end_mark
    if begin is None or end is None or begin.line != end.line:
        return None
    lines = text.split("\n")
    line = lines[begin.line]
    lines[begin.line] = f"{line[: begin.column]}{setting.written}{line[end.column :]}"
    return "\n".join(lines)


def _add(text: str, node: Node, setting: Setting) -> str:
    indent = " " * (node.start_mark.column if node.start_mark is not None else 0)
    lines = text.split("\n")
    lines.insert(last_line_of(node), f"{indent}{setting.key}: {setting.written}")
    return "\n".join(lines)
