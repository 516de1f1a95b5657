"""A user's own text, fit to stand in a one-line message."""


def on_one_line(text: str, length: int = 60) -> str:
    """Replace what does not print, and cut what is long."""
    line = "".join(character if character.isprintable() else " " for character in text[: length + 1])
    return line if len(text) <= length else line[: length - 1] + "…"
