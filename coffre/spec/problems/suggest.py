"""Suggests the known word nearest to a mistyped one."""

import difflib
from collections.abc import Iterable


def find_nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word nearest to ``word``, in any case, or None when no word is near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    # A very long word is not a typing error, and the comparison is quadratic.
    near = difflib.get_close_matches(word[:100].casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint: the nearest known word, else all of them, else nothing."""
    words = list(known)
    nearest = find_nearest(word, words)
    if nearest is not None:
        return f"did you mean {nearest}?"
    return f"known here: {', '.join(words)}" if words else ""
