"""The values of an agent's report: the state of each path of its plan, and the integrity of its snapshot."""

from enum import StrEnum


class PathState(StrEnum):
    """Whether a path of the plan gave the expected content; `unknown`: a value of a newer agent."""

    SAVED = "saved"
    """Its content is in the snapshot."""
    ACCEPTED = "accepted"
    """It gave nothing, and SMILÉO has accepted this."""
    MISSING = "missing"
    EMPTY = "empty"
    EXCLUDED = "excluded"
    """It has files, but the plan's patterns exclude all of them."""
    UNREADABLE = "unreadable"
    SHRUNK = "shrunk"
    """It gave nearly nothing compared with the last good run."""
    UNMOUNTED = "unmounted"
    """A file system that had its files in the last good run is not mounted."""
    LINK_REFUSED = "link_refused"
    """A link of an ordinary user to files that are not the user's own, or one that forms a loop."""
    UNKNOWN = "unknown"

    @property
    def is_good(self) -> bool:
        return self in (PathState.SAVED, PathState.ACCEPTED)

    @property
    def may_be_accepted(self) -> bool:
        """Whether SMILÉO can accept this state; any other must be corrected on the machine or in the plan."""
        return self in (PathState.MISSING, PathState.EMPTY, PathState.SHRUNK, PathState.UNMOUNTED)


class Integrity(StrEnum):
    """The result of reading a new snapshot back; `unknown`: a value of a newer agent."""

    WHOLE = "whole"
    PACKS_MISSING = "packs_missing"
    SNAPSHOT_UNREADABLE = "snapshot_unreadable"
    UNCHECKED = "unchecked"
    UNKNOWN = "unknown"


def read_state(value: object) -> object:
    """Read a state; a newer agent may have more of them."""
    return PathState.UNKNOWN if isinstance(value, str) and value not in set(PathState) else value


def read_integrity(value: object) -> object:
    """Read an integrity as `read_state` does; an empty one is None."""
    if value == "":
        return None
    return Integrity.UNKNOWN if isinstance(value, str) and value not in set(Integrity) else value
