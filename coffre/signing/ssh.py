"""Signs and verifies with ssh-keygen; only this module runs it. It ignores the user's OpenSSH settings."""

import base64
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from coffre.errors import ExpectedError, RefusedError
from coffre.outside import processes
from coffre.outside.environment import child_environment, expand_home, temporary_folder
from coffre.outside.text import one_line
from coffre.signing.signers import Signer, fingerprint_of

_SECONDS = 20
_SIGN_SECONDS = 120
"""A key on a token waits for a touch, a key with a passphrase for its owner."""
_LIMIT_BYTES = 32 * 1024
_ARMOR = re.compile(r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n?")
_MAGIC = b"SSHSIG"


@dataclass(frozen=True)
class Signature:
    """An armored signature with its own declarations, which prove nothing alone."""

    text: str
    fingerprint: str
    namespace: str


def read_signature(text: str) -> Signature | None:
    """Read an OpenSSH signature; None for anything else, for example a PGP or X.509 signature."""
    if len(text) > _LIMIT_BYTES:
        return None
    found = _ARMOR.fullmatch(text.strip() + "\n")
    if found is None:
        return None
    try:
        blob = base64.b64decode(found[1])
        if not blob.startswith(_MAGIC):
            return None
        key, rest = _take(blob[len(_MAGIC) + 4 :])
        namespace, _ = _take(rest)
        return Signature(text.strip() + "\n", fingerprint_of(key), namespace.decode("ascii"))
    except ValueError:
        return None


def sign(payload: bytes, namespace: str, key: Path) -> str:
    """Return a signature by a private key, or by the agent when the public key is named.

    RefusedError without the key, or when its owner did not allow its use.
    """
    file = expand_home(key, os.environ)
    if not file.is_file():
        raise _no_key(key)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(file), "-n", namespace]
    done = _run(command, payload, _SIGN_SECONDS, child_environment(os.environ))
    if done.exit_code != 0:
        said = one_line(done.stderr.decode(errors="replace"), 300)
        raise RefusedError(f"{key} cannot sign: {said}", "Name your own OpenSSH key with --key.")
    return done.stdout.decode()


def read_fingerprint(key: Path) -> str:
    """Return the fingerprint of a key: from the public key beside it, else from ssh-keygen."""
    file = expand_home(key, os.environ)
    if not file.is_file():
        raise _no_key(key)
    public = file if file.suffix == ".pub" else file.with_name(f"{file.name}.pub")
    if public.is_file():
        words = public.read_text(encoding="utf-8", errors="replace")[:_LIMIT_BYTES].split()
    else:
        done = _run(["ssh-keygen", "-y", "-f", str(file)], b"", _SIGN_SECONDS, child_environment(os.environ))
        words = done.stdout.decode(errors="replace").split()
    try:
        return fingerprint_of(base64.b64decode(words[1], validate=True))
    except (IndexError, ValueError) as error:
        hint = "Name your own with --key, or make one: ssh-keygen."
        raise RefusedError(f"{key} is not an OpenSSH key", hint) from error


def is_signed(payload: bytes, signature: Signature, namespace: str, signer: Signer, at: datetime) -> bool:
    """Tell whether an allowed signer's key signed some bytes, for a namespace, and was valid at a time."""
    if signature.namespace != namespace or signature.fingerprint != signer.fingerprint:
        return False
    moment = at.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    with tempfile.TemporaryDirectory(prefix="coffre-signature-", dir=temporary_folder()) as folder:
        allowed, signed = Path(folder, "allowed"), Path(folder, "signature")
        allowed.write_text(f"{signer.line}\n", encoding="ascii")
        signed.write_text(signature.text, encoding="ascii")
        command = ["ssh-keygen", "-q", "-Y", "verify", "-f", str(allowed), "-I", signer.name, "-n", namespace]
        settled = child_environment(os.environ)
        environment = {name: settled[name] for name in ("PATH", "LC_ALL", "TMPDIR")}
        verify = [*command, "-s", str(signed), f"-Overify-time={moment}"]
        return _run(verify, payload, _SECONDS, environment).exit_code == 0


def _no_key(key: Path) -> RefusedError:
    return RefusedError(f"there is no key {key}", "Name your own OpenSSH key with --key, or make one: ssh-keygen.")


def _run(command: list[str], payload: bytes, seconds: float, environment: dict[str, str]) -> processes.Completed:
    try:
        return processes.run(command, processes.Limits(seconds, _LIMIT_BYTES), stdin=payload, environment=environment)
    except FileNotFoundError as error:
        raise ExpectedError("ssh-keygen is not installed here", "Install openssh-client, then run it again.") from error


def _take(blob: bytes) -> tuple[bytes, bytes]:
    """Return the first string of OpenSSH's encoding and the rest; ValueError when it is incomplete."""
    length = int.from_bytes(blob[:4], "big")
    if len(blob) < 4 + length:
        raise ValueError("cut short")
    return blob[4 : 4 + length], blob[4 + length :]
