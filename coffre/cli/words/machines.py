"""The English words for machines: what is kept of a retired one, and how a machine stands after an apply."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffre.observation.retired import RetiredStatus
    from coffre.provisioning.terms.done import MachineOutcome


def describe_retired(retired: "RetiredStatus") -> str:
    """Say what is kept of a retired machine, and for how long."""
    text = f"retired on {retired.on:%Y-%m-%d}, its backups "
    if retired.may_be_erased:
        return text + f"may be erased since {retired.keep_until:%Y-%m-%d}"
    if retired.is_kept_by_hold:
        return text + f"are kept by the hold ({retired.keep_until:%Y-%m-%d} is over)"
    return text + f"are kept until {retired.keep_until:%Y-%m-%d}"


def describe_outcome(outcome: "MachineOutcome") -> str:
    """Say in one line how a machine stands after an apply."""
    kept = [] if outcome.retired is None else [describe_retired(outcome.retired)]
    details = " ".join(filter(None, [outcome.message, *kept]))
    return f"{outcome.machine}: {_STATES[outcome.state.value]}" + (f": {details}" if details else "")


_STATES = {
    "installed": "installed",
    "updated": "updated",
    "unchanged": "unchanged",
    "renewed": "unchanged, its orders renewed",
    "unreached": "unreachable; already up to date",
    "awaited": "goes on by itself at its next run",
    "left": "left as it is",
    "removed": "retired, agent removed",
    "retired": "retired",
    "retired_unreached": "retired, not reached: its agent still stands there, its key is dead",
    "pending": "pending",
    "refused": "refused",
    "other": "another machine answers there",
    "failed": "failed",
}
