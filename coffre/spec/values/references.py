"""References to values that must not be in a file of the repository: ``env:NAME`` and ``file:PATH``."""

import os
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.outside.files import read_plain
from coffre.spec.files import repository_file

LIMIT_BYTES = 1 << 20
"""The maximum size of a value: a key, or some lines about a platform."""


def read_reference(text: str, root: Path) -> str:
    """Return the value of a reference; a relative ``file:`` path starts at ``root``.

    Surrounding white space is removed. ExpectedError when it is missing, empty, unreadable or not a reference.
    """
    kind, _, target = text.partition(":")
    if kind == "env" and target:
        return _read_environment(target)
    if kind == "file" and target:
        return _read_file(root, target)
    # Not quoted: somebody may have written the secret itself instead of its reference.
    raise ExpectedError(
        "a reference is neither env:NAME nor file:PATH", "Write env:NAME or file:PATH in platform.yaml."
    )


def _read_environment(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise ExpectedError(
            f"the environment variable {name} is not set", f"Set it: platform.yaml refers to env:{name}."
        )
    return value


def _read_file(root: Path, target: str) -> str:
    path = root / target
    try:
        # Outside the repository, links are the operator's own.
        value = read_plain(repository_file(root, target).resolve(), LIMIT_BYTES).decode().strip()
    except OSError as error:
        reason = error.strerror or "it is not a plain file of a few lines"
        raise ExpectedError(f"cannot read {path}: {reason}", f"platform.yaml refers to file:{path}.") from error
    except UnicodeDecodeError as error:
        raise ExpectedError(f"{path} is not UTF-8 text", f"platform.yaml refers to file:{path}.") from error
    except ValueError as error:
        raise ExpectedError("a reference names an impossible path", "Write file:PATH in platform.yaml.") from error
    if not value:
        raise ExpectedError(f"{path} is empty", f"platform.yaml refers to file:{path}.")
    return value
