"""Makes a user's own text fit for a one-line message."""


def on_one_line(text: str, length: int = 60) -> str:
    """Replace unprintable characters, and cut long text."""
    line = "".join(character if character.isprintable() else " " for character in text[: length + 1])
    return line if len(text) <= length else line[: length - 1] + "…"
