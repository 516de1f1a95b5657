"""Names that a bag's manifest can hold, and what stands for those that it cannot. Pure."""

import hashlib
import re

LONGEST_NAME_BYTES = 255
_LONGEST_EXTENSION_BYTES = 20

# A manifest is UTF-8, one path a line. bagit.py takes every Unicode line break for the end of a line, cuts white space
# at a path's end, and reads these percent codes as what they encode (RFC 8493, 2.1.3); S3 answers in XML, which cannot
# carry control characters; rclone writes
# others by a few rare signs, which it then takes for those.
_CANNOT_BE_HELD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u201b\u2400-\u2421\uff0e\uff0f]|%0[AaDd]|%25|\\s+\\Z")


def may_be_held(name: bytes) -> bool:
    """Tell whether a manifest holds a name as it is, and every verifier reads it back as the same."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return False
    return _CANNOT_BE_HELD.search(text) is None


def stand_in(name: bytes) -> bytes:
    """Return the name that stands for one that cannot be held: as readable as can be, never the same for two names."""
    text = _CANNOT_BE_HELD.sub("_", name.decode("utf-8", "replace").replace("\ufffd", "_"))
    stem, dot, extension = text.rpartition(".")
    tail = f"~{hashlib.sha256(name).hexdigest()[:8]}".encode()
    if dot and stem and len(extension.encode()) <= _LONGEST_EXTENSION_BYTES:
        text, tail = stem, tail + f".{extension}".encode()
    readable = text.encode()[: LONGEST_NAME_BYTES - len(tail)].decode("utf-8", "ignore")
    return readable.encode() + tail


def as_restic_writes(name: bytes) -> str:
    """Return a name as restic's JSON has it: each byte that is no UTF-8 is U+FFFD."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join("\ufffd" if "\udc80" <= character <= "\udcff" else character for character in text)
