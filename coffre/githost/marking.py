"""The line in a comment by which it is found again. Readers do not see it: it is a comment of HTML. Pure."""


def mark(text: str, marker: str) -> str:
    """Return the body of a comment."""
    return f"{_line(marker)}\n{text}"


def is_marked(body: str, marker: str) -> bool:
    """Tell whether a comment begins with a marker; hosts may write CR LF."""
    return body.splitlines()[:1] == [_line(marker)]


def _line(marker: str) -> str:
    return f"<!-- coffre: {marker} -->"
