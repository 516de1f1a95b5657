"""What an agent says of each path of its plan, and of the snapshot that it read back: the words of its report."""

from enum import StrEnum


class PathState(StrEnum):
    """Whether a path of the plan gave what it should; `unknown`: in the word of a newer agent."""

    SAVED = "saved"
    """What is there is in the snapshot."""
    ACCEPTED = "accepted"
    """It gave nothing, and SMILÉO has said that this is right."""
    MISSING = "missing"
    EMPTY = "empty"
    EXCLUDED = "excluded"
    """There are files in it, and the plan's patterns leave out all of them."""
    UNREADABLE = "unreadable"
    SHRUNK = "shrunk"
    """It gave nearly nothing of what it gave in the last good run."""
    UNMOUNTED = "unmounted"
    """A file system that held its files in the last good run is not mounted."""
    LINK_REFUSED = "link_refused"
    """A link that a plain user set to what is not his own, or one that leads in circles."""
    UNKNOWN = "unknown"

    @property
    def is_good(self) -> bool:
        return self in (PathState.SAVED, PathState.ACCEPTED)

    @property
    def may_be_accepted(self) -> bool:
        """Whether SMILÉO can say that this is right; anything else is mended on the machine or in the plan."""
        return self in (PathState.MISSING, PathState.EMPTY, PathState.SHRUNK, PathState.UNMOUNTED)


class Integrity(StrEnum):
    """What reading a new snapshot back showed; `unknown`: in the word of a newer agent."""

    WHOLE = "whole"
    PACKS_MISSING = "packs_missing"
    SNAPSHOT_UNREADABLE = "snapshot_unreadable"
    UNCHECKED = "unchecked"
    UNKNOWN = "unknown"


def read_state(value: object) -> object:
    """Read a state; a newer agent may know more of them."""
    return PathState.UNKNOWN if isinstance(value, str) and value not in set(PathState) else value


def read_integrity(value: object) -> object:
    """Read an integrity as `read_state` does; an empty one is none."""
    if value == "":
        return None
    return Integrity.UNKNOWN if isinstance(value, str) and value not in set(Integrity) else value
