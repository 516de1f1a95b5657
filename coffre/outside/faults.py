"""The reasons to refuse foreign data: one word each, never a sentence."""

from enum import StrEnum


class Fault(StrEnum):
    """The fault of one entry from outside; the entry is set aside and named, and the other entries are used."""

    TOO_LARGE = "too_large"
    """More bytes, entries or levels than such an entry ever has."""

    UNREADABLE = "unreadable"
    """Not the expected document, object or line, or with a value that no honest writer writes."""

    UNBELIEVABLE_TIME = "unbelievable_time"
    """A time before 2000 or later than tomorrow."""

    FOREIGN = "foreign"
    """Complete and readable, but not signed by a key of ours."""

    OUTDATED = "outdated"
    """Ours and genuine, but older than the recorded one."""

    UNSEALED = "unsealed"
    """Not encrypted, although its machine encrypts its reports."""

    MISSEALED = "missealed"
    """Not sealed by this machine for this place: forged, from another machine, or an earlier one moved."""

    REPLAYED = "replayed"
    """Complete and from its own machine, but earlier than what was seen before."""
