"""Why something that somebody else wrote is not taken for what it should be: one word each, never a sentence."""

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with one entry from outside; it is set aside and named, and what stands beside it is used."""

    TOO_LARGE = "too_large"
    """More bytes, entries or levels than such a thing ever has."""

    UNREADABLE = "unreadable"
    """Not the document, object or line that belongs there, or a value in it that no honest writer writes."""

    UNBELIEVABLE_TIME = "unbelievable_time"
    """A moment before 2000 or later than tomorrow."""

    FOREIGN = "foreign"
    """Whole and readable, and not of whom it should be: no key of ours vouches for it."""

    OUTDATED = "outdated"
    """Ours and genuine, and older than what is recorded to have stood there."""

    UNSEALED = "unsealed"
    """In clear, where its machine seals what it says."""

    MISSEALED = "missealed"
    """Not sealed by this machine for this place: forged, another machine's, or an earlier one put elsewhere."""

    REPLAYED = "replayed"
    """Whole and by its own machine, and earlier than what was seen of it before."""
