"""Turns findings of a document into problems of a file, with line, column, path, and the user's own text."""

from collections.abc import Sequence

from yaml.nodes import MappingNode, Node, ScalarNode

from coffre.spec.parsing.characters import explain_odd
from coffre.spec.parsing.documents import Document
from coffre.spec.parsing.positions import Positions, path_text, position_of
from coffre.spec.problems.problems import FileProblem, Loc, Problem
from coffre.spec.problems.quoting import on_one_line
from coffre.spec.values.fields import VALUE

# A person does not read more, and a hostile file could have a hundred thousand.
LIMIT = 200
# Messages and hints also contain names and words of the file, which may hold escape sequences.
_MESSAGE_LENGTH = 400


def report(document: Document, file: str, findings: Sequence[FileProblem]) -> list[Problem]:
    """Return a file's problems in order: the reader's, and the findings about the parts that were read.

    There are no findings below an unread place.
    """
    return _limit(sorted({*document.problems, *report_findings(document, file, findings)}), file)


def report_findings(document: Document, file: str, findings: Sequence[FileProblem]) -> list[Problem]:
    """Return findings about the parts that were read as problems, in no order."""
    positions = Positions(document.root)
    problems = []
    for finding in findings:
        loc, node, key_node = positions.follow(finding.loc)
        if any(loc[:length] in document.unread for length in range(len(loc) + 1)):
            continue
        at_key = finding.at_key and key_node is not None
        line, column = position_of(key_node if at_key and key_node is not None else node)
        about = key_node if at_key and key_node is not None else node
        quoted = _quote(about)
        is_shown = at_key or VALUE in finding.message
        odd = explain_odd(str(about.value)) if is_shown and isinstance(about, ScalarNode) else ""
        hint = "; ".join(filter(None, (odd, finding.hint)))
        problems.append(
            Problem(
                file,
                line,
                column,
                path_text(_with_missing(loc, finding.loc)),
                on_one_line(finding.message.replace(VALUE, quoted), _MESSAGE_LENGTH),
                on_one_line(hint.replace(VALUE, quoted), _MESSAGE_LENGTH),
            )
        )
    return problems


def _with_missing(loc: Loc, asked: Loc) -> Loc:
    """Name a missing key too: the document has only the block around it."""
    return loc if not asked or (loc and loc[-1] == asked[-1]) else (*loc, asked[-1])


def _quote(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return f'"{on_one_line(str(node.value))}"'
    return "a block of keys" if isinstance(node, MappingNode) else "a list"


def _limit(problems: list[Problem], file: str) -> list[Problem]:
    if len(problems) <= LIMIT:
        return problems
    first = problems[LIMIT]
    return [
        *problems[:LIMIT],
        Problem(file, first.line, first.column, "", "more problems from here on", "correct these first"),
    ]
