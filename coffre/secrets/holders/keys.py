"""Identity files and recipient files: where they are, what they may say, and how they must be kept."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from coffre.outside.environment import expand_home, home
from coffre.outside.text import split_lines
from coffre.secrets import age
from coffre.secrets.errors import IdentityError, RecipientsError

IDENTITY_VARIABLE = "COFFRE_IDENTITY"
IDENTITY_FILE = "identity.txt"
RECIPIENTS_FILE = "recipients.txt"
MINIMUM_RECIPIENTS = 2

_SHARED_BITS = 0o077


def identity_path(environment: Mapping[str, str]) -> Path:
    """Return where the operator's identity is, or would be: COFFRE_IDENTITY, else the user's configuration folder."""
    named = environment.get(IDENTITY_VARIABLE)
    if named:
        return expand_home(Path(named), environment).absolute()
    configured = Path(environment.get("XDG_CONFIG_HOME") or "")
    # The XDG specification has relative paths ignored.
    base = configured if configured.is_absolute() else home(environment) / ".config"
    return base / "coffre" / IDENTITY_FILE


def check_outside(identity: Path, root: Path) -> None:
    """Refuse an identity under the checkout, also through a link: it would travel with the repository."""
    if identity.resolve().is_relative_to(root.resolve()):
        raise IdentityError(
            f"the identity {identity} lies inside {root}",
            f"Move it out of the checkout and name it with {IDENTITY_VARIABLE}, or leave it to the default place.",
        )


def read_identities(path: Path, root: Path) -> tuple[SecretStr, ...]:
    """Return the identities of a file (one a line, # for comments), checked for how the file is kept."""
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
        raise IdentityError(f"the identity {path} is readable by others than its owner", f"Run: chmod 600 {path}")
    return _parse_identities(text, path)


def read_recipients(path: Path) -> tuple[str, ...]:
    """Return the recipients of a file, each once, in its order; fewer than two are refused."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise RecipientsError(
            f"there is no list of recipients at {path}",
            "Run `coffre secrets init` the first time; later, put the file back from the escrow.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipientsError(f"the list of recipients {path} cannot be read") from error
    recipients = tuple(dict.fromkeys(_parse_recipients(text, path)))
    if len(recipients) < MINIMUM_RECIPIENTS:
        raise RecipientsError(
            f"{path} has {len(recipients)} recipient{'' if len(recipients) == 1 else 's'}; "
            f"at least {MINIMUM_RECIPIENTS} different ones are needed",
            "One lost key must never lose every backup: add the public half of a key that is kept in a safe.",
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


def _parse_recipients(text: str, path: Path) -> Iterator[str]:
    for number, line in _meaningful_lines(text):
        if line.upper().startswith(age.SECRET_KEY_PREFIX):
            raise RecipientsError(
                f"{path}:{number}: this is a private key, where public ones belong",
                "Remove it at once and treat that key as known to everybody who could read the file.",
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
