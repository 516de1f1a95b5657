"""The English words for findings about drills."""

from coffre.findings import Evidence

_COUNTED = (("problems", "problems of files"), ("losses", "losses of storage"), ("gaps", "paths without data"))


def describe_overdue(evidence: Evidence) -> str:
    """Say that a drill is overdue, and what to run."""
    last = "it was never drilled" if evidence["last_at"] is None else f"the last one was at {evidence['last_at']}"
    return f"a drill was due at {evidence['due_at']}, and {last}: run `coffre drill --due`"


def describe_failed(evidence: Evidence) -> str:
    """Say that the last drill failed, by numbers, and how it is repeated."""
    is_copy = evidence["platform"] is not None
    whose = f"the last drill of its second copy on {evidence['platform']}" if is_copy else "its last drill"
    counted = ", ".join(f"{words}: {evidence[name]}" for name, words in _COUNTED if evidence[name])
    again = f"coffre drill TENANT --seed {evidence['seed']}" + (" --from-copy" if is_copy else "")
    return (
        f"{whose} failed at {evidence['at']}, snapshot {str(evidence['snapshot'])[:8]} ({counted}): `{again}` repeats "
        "it and names the files; `coffre verify` reads all packs"
    )
