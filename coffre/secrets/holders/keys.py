"""Identity files and recipient files: their paths, their format and their permissions."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from coffre.outside.environment import expand_home, home
from coffre.outside.text import split_lines
from coffre.secrets import age
from coffre.secrets.errors import IdentityError, RecipientsError
from coffre.workspace.file_store import FileStore

IDENTITY_VARIABLE = "COFFRE_IDENTITY"
IDENTITY_FILE = "identity.txt"
RECIPIENTS_FILE = "recipients.txt"
MINIMUM_RECIPIENTS = 2

_SHARED_BITS = 0o077


def identity_path(environment: Mapping[str, str]) -> Path:
    """Return the path of the operator's identity: COFFRE_IDENTITY, else in the user's configuration folder."""
    named = environment.get(IDENTITY_VARIABLE)
    if named:
        return expand_home(Path(named), environment).absolute()
    configured = Path(environment.get("XDG_CONFIG_HOME") or "")
    # The XDG specification says to ignore relative paths.
    base = configured if configured.is_absolute() else home(environment) / ".config"
    return base / "coffre" / IDENTITY_FILE


def check_outside(identity: Path, root: Path) -> None:
    """Refuse an identity inside the checkout, also through a link: it would be copied with the repository."""
    if identity.resolve().is_relative_to(root.resolve()):
        raise IdentityError(
            f"the identity {identity} is inside {root}",
            f"Move it out of the checkout and name it with {IDENTITY_VARIABLE}, or move it to the default place.",
        )


def read_identities(path: Path, root: Path) -> tuple[SecretStr, ...]:
    """Return the identities of a file (one per line, # for comments); also check the file's permissions."""
    check_outside(path, root)
    try:
        descriptor = os.open(path, os.O_RDONLY)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            mode = os.fstat(descriptor).st_mode
            text = file.read()
    except FileNotFoundError:
        raise IdentityError(
            f"there is no identity at {path}",
            f"Put your age identity there or name its file with {IDENTITY_VARIABLE}; on a new installation run "
            "`coffre secrets init`.",
        ) from None
    except OSError as error:
        raise IdentityError(f"the identity {path} cannot be read: {(error.strerror or '').lower()}") from error
    except UnicodeDecodeError:
        text = "not text"
    if mode & _SHARED_BITS:
        raise IdentityError(f"other users can read the identity {path}", f"Run: chmod 600 {path}")
    return _parse_identities(text, path)


def read_recipients(place: FileStore) -> tuple[str, ...]:
    """Return the recipients of a place's list, each once, in its order; fewer than two are refused."""
    path = place.shown(RECIPIENTS_FILE)
    try:
        content = place.read(RECIPIENTS_FILE)
        text = None if content is None else content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipientsError(f"the list of recipients {path} cannot be read") from error
    if text is None:
        raise RecipientsError(
            f"there is no list of recipients at {path}",
            "The first time, run `coffre secrets init`; later, restore the file from the escrow.",
        )
    recipients = tuple(dict.fromkeys(_parse_recipients(text, path)))
    if len(recipients) < MINIMUM_RECIPIENTS:
        raise RecipientsError(
            f"{path} has {len(recipients)} recipient{'' if len(recipients) == 1 else 's'}; "
            f"at least {MINIMUM_RECIPIENTS} different ones are needed",
            "One lost key must not make all backups unreadable: add the public half of a key that is in a safe.",
        )
    return recipients


def _parse_identities(text: str, path: Path) -> tuple[SecretStr, ...]:
    identities = []
    for number, line in _meaningful_lines(text):
        identity = SecretStr(line)
        try:
            age.public_half(identity)
        except ValueError:
            raise IdentityError(
                f"{path}:{number}: this is not an age X25519 identity",
                f"A line is a comment that starts with # or a key that starts with {age.SECRET_KEY_PREFIX}1.",
            ) from None
        identities.append(identity)
    if not identities:
        raise IdentityError(f"{path} holds no identity", "Put your age identity back into it.")
    return tuple(identities)


def _parse_recipients(text: str, path: str) -> Iterator[str]:
    for number, line in _meaningful_lines(text):
        if line.upper().startswith(age.SECRET_KEY_PREFIX):
            raise RecipientsError(
                f"{path}:{number}: this is a private key instead of a public one",
                "Remove it at once, and consider the key known to everybody who could read the file.",
            )
        if not age.is_recipient(line):
            raise RecipientsError(
                f"{path}:{number}: {line!r} is not an age X25519 recipient",
                "A line is a comment that starts with # or a public key that starts with age1.",
            )
        yield line


def _meaningful_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(split_lines(text), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield number, stripped
