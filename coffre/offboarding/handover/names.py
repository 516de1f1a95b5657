"""The names that a bag's manifest and its target accept, and substitutes for the others. Pure."""

import hashlib
import re
import unicodedata

LONGEST_NAME_BYTES = 255
_LONGEST_EXTENSION_BYTES = 20

# A manifest is UTF-8, one path per line. bagit.py reads every Unicode line break as the end of a line, removes white
# space at the end of a path, and decodes these percent codes (RFC 8493, 2.1.3); S3 answers in XML, which cannot
# contain control characters; rclone encodes
# some characters by a few rare ones, which it then decodes.
_CANNOT_BE_HELD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u201b\u2400-\u2421\uff0e\uff0f]|%0[AaDd]|%25|\\s+\\Z")

# Microsoft, "Naming Files, Paths, and Namespaces": these characters, these ends, and the names of devices.
_WINDOWS_CANNOT_HOLD = re.compile(r'[<>:"\\|?*]|[. ]+\Z')
_WINDOWS_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\.|\Z)", re.IGNORECASE)


def may_be_held(name: bytes, *, is_windows: bool = False) -> bool:
    """Tell whether a manifest can contain a name unchanged, and every verifier reads the same name.

    With ``is_windows``, Windows and its disks must accept it too.
    """
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return False
    if _CANNOT_BE_HELD.search(text):
        return False
    return not (is_windows and (_WINDOWS_CANNOT_HOLD.search(text) or _WINDOWS_DEVICE.match(text)))


def same_text(name: bytes, *, is_windows: bool = False) -> str:
    """Return the normal form of a name: equal for names that a verifier (or Windows) cannot distinguish."""
    text = unicodedata.normalize("NFC", name.decode())
    return text.upper().casefold() if is_windows else text


def stand_in(name: bytes, *, is_windows: bool = False) -> bytes:
    """Return the substitute of a name that is not accepted: readable, and unique for each name."""
    text = _CANNOT_BE_HELD.sub("_", name.decode("utf-8", "replace").replace("\ufffd", "_"))
    text = _WINDOWS_CANNOT_HOLD.sub("_", text) if is_windows else text
    stem, dot, extension = text.rpartition(".")
    tail = f"~{hashlib.sha256(name).hexdigest()[:8]}".encode()
    if dot and stem and len(extension.encode()) <= _LONGEST_EXTENSION_BYTES:
        text, tail = stem, tail + f".{extension}".encode()
    readable = text.encode()[: LONGEST_NAME_BYTES - len(tail)].decode("utf-8", "ignore")
    return readable.encode() + tail
