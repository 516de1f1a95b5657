"""Names that a bag's manifest and its target can hold, and what stands for those that they cannot. Pure."""

import hashlib
import re
import unicodedata

LONGEST_NAME_BYTES = 255
_LONGEST_EXTENSION_BYTES = 20

# A manifest is UTF-8, one path a line. bagit.py takes every Unicode line break for the end of a line, cuts white space
# at a path's end, and reads these percent codes as what they encode (RFC 8493, 2.1.3); S3 answers in XML, which cannot
# carry control characters; rclone writes
# others by a few rare signs, which it then takes for those.
_CANNOT_BE_HELD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u201b\u2400-\u2421\uff0e\uff0f]|%0[AaDd]|%25|\\s+\\Z")

# Microsoft, "Naming Files, Paths, and Namespaces": these characters, these ends, and what names a device.
_WINDOWS_CANNOT_HOLD = re.compile(r'[<>:"\\|?*]|[. ]+\Z')
_WINDOWS_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE)


def may_be_held(name: bytes, *, is_windows: bool = False) -> bool:
    """Tell whether a manifest holds a name as it is, and every verifier reads it back as the same.

    With ``is_windows`` Windows and its disks have to hold it too.
    """
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return False
    if _CANNOT_BE_HELD.search(text):
        return False
    return not (is_windows and (_WINDOWS_CANNOT_HOLD.search(text) or _WINDOWS_DEVICE.match(text)))


def same_text(name: bytes, *, is_windows: bool = False) -> str:
    """Return what two names have in common that are one to a verifier (or to Windows, which knows no capitals)."""
    text = unicodedata.normalize("NFC", name.decode())
    return text.upper().casefold() if is_windows else text


def stand_in(name: bytes, *, is_windows: bool = False) -> bytes:
    """Return the name that stands for one that cannot be held: as readable as can be, never the same for two names."""
    text = _CANNOT_BE_HELD.sub("_", name.decode("utf-8", "replace").replace("\ufffd", "_"))
    text = _WINDOWS_CANNOT_HOLD.sub("_", text) if is_windows else text
    stem, dot, extension = text.rpartition(".")
    tail = f"~{hashlib.sha256(name).hexdigest()[:8]}".encode()
    if dot and stem and len(extension.encode()) <= _LONGEST_EXTENSION_BYTES:
        text, tail = stem, tail + f".{extension}".encode()
    readable = text.encode()[: LONGEST_NAME_BYTES - len(tail)].decode("utf-8", "ignore")
    return readable.encode() + tail
