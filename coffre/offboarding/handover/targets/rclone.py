"""One run of rclone, which carries objects between buckets and folders: secrets by environment, nothing in its file."""

import os
import re
import resource
import ssl
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from coffre import toolchain
from coffre.errors import RemoteError
from coffre.outside import processes
from coffre.outside.environment import NOT_FOR_GO_PROGRAMS, child_environment, temporary_folder
from coffre.outside.proxies import proxy_environment, refuse_broken
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.storage.driver import AccessKey

KEPT_LINES = 200
PRINTED_BYTES = 8 * 1024**3
"""The longest listing: 30 million objects with their hashes."""
NOTHING_THERE = 3
"""rclone's exit code for a folder that is not there; in an existing bucket every folder is."""
# Only these are repeated: any other word may be of a customer's file name.
_S3_CODE = re.compile(
    r"\b(AccessDenied|EntityTooLarge|InternalError|InvalidAccessKeyId|NoSuchBucket|PermanentRedirect|QuotaExceeded|"
    r"RequestTimeTooSkewed|ServiceUnavailable|SignatureDoesNotMatch|SlowDown)\b"
)
_SETTINGS = (
    # rclone would write names that it takes for awkward in another way; ours are chosen to need none.
    "--local-encoding=None",
    "--s3-encoding=None",
    "--s3-no-check-bucket",
    "--contimeout=15s",
    "--timeout=2m",
    "--low-level-retries=5",
    "--retries=2",
    "--use-json-log",
    "--stats=2s",
    "--stats-log-level=NOTICE",
)

OnBytes = Callable[[int], None]
"""Told from time to time how many bytes were carried."""


class RcloneError(RemoteError):
    """rclone ended badly. ``said`` may name a customer's files: it goes into no message and no log."""

    def __init__(self, message: str, hint: str, said: str) -> None:
        super().__init__(message, hint)
        self.said = said


@dataclass(frozen=True)
class Remote:
    """A bucket's service as rclone is told of it; ``name`` is what its paths begin with."""

    name: str
    url: str
    region: str
    key: AccessKey

    def path(self, bucket: str, key: str) -> str:
        return f"{self.name}:{bucket}/{key}"

    def environment(self) -> dict[str, str]:
        values = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ENDPOINT": self.url,
            "REGION": self.region,
            "ACCESS_KEY_ID": self.key.access_key_id,
            "SECRET_ACCESS_KEY": self.key.secret_access_key,
        }
        return {f"RCLONE_CONFIG_{self.name.upper()}_{name}": value for name, value in values.items()}


class Rclone:
    """rclone with the services that it may speak to, and the authorities that vouch for them."""

    def __init__(self, remotes: Sequence[Remote], ca_file: Path | None) -> None:
        self._environment = {name: value for each in remotes for name, value in each.environment().items()}
        self._urls = [each.url for each in remotes]
        self._secrets = [each.key.secret_access_key for each in remotes]
        self._ca_file = ca_file

    def copy(
        self, source: str, target: str, *options: str, is_again: bool = False, on_bytes: OnBytes | None = None
    ) -> None:
        """Copy what is missing or of another size; what is there already stays, unless this ``is_again``."""
        skipped = "--ignore-times" if is_again else "--size-only"
        for _ in self._stream(["copy", skipped, *options, source, target], on_bytes):
            continue

    def list_names(self, path: str, *options: str) -> list[str]:
        """Return the names below a path; none where there is nothing."""
        return [line.rstrip("\n") for line in self._stream(["lsf", *options, path], None)]

    def hash_objects(self, path: str, *options: str, on_bytes: OnBytes | None = None) -> Iterator[tuple[str, str]]:
        """Yield the path and the SHA-256 of every object below one, by reading each back in full."""
        for line in self._stream(["hashsum", "sha256", "--download", *options, path], on_bytes):
            sha256, _, name = line.rstrip("\n").partition("  ")
            yield name, sha256

    def _stream(self, arguments: Sequence[str], on_bytes: OnBytes | None) -> Iterator[str]:
        """Run rclone and yield the lines that it prints; it has ended when this returns, raises or is closed."""
        for url in self._urls:
            refuse_broken(url)
        with _certificates(self._ca_file) as certificates:
            command = [str(toolchain.find_tool("rclone")), *_SETTINGS, *certificates, *arguments]
            with tempfile.TemporaryFile(
                "w+", encoding="utf-8", errors="surrogateescape", dir=temporary_folder()
            ) as printed:
                self._run(command, printed, on_bytes, prints=arguments[0] != "copy")
                printed.seek(0)
                yield from printed

    def _proxies(self) -> dict[str, str]:
        return {name: value for url in self._urls for name, value in proxy_environment(url).items()}

    def _run(self, command: Sequence[str], printed: IO[str], on_bytes: OnBytes | None, *, prints: bool) -> None:
        said: deque[str] = deque(maxlen=KEPT_LINES)
        process = subprocess.Popen(
            command,
            env={
                **child_environment(os.environ, without=(*NOT_FOR_GO_PROGRAMS, "RCLONE_")),
                "RCLONE_CONFIG": os.devnull,
                **self._proxies(),
                **self._environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
        )
        try:
            if prints:
                # A bucket that lists itself for ever fills no disk here: the kernel ends rclone at that size.
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (PRINTED_BYTES, PRINTED_BYTES))
            assert process.stderr is not None  # noqa: S101 - a pipe was asked for
            for line in processes.read_lines(process.stderr, "rclone"):
                _hear(line, said, on_bytes)
            process.wait()
        finally:
            processes.stop(process)
            if process.stderr is not None:
                process.stderr.close()
        if prints and os.fstat(printed.fileno()).st_size >= PRINTED_BYTES:
            raise processes.endless("rclone", PRINTED_BYTES)
        if process.returncode != 0:
            raise _explain(process.returncode, [_redact(line, self._secrets) for line in said])


@contextmanager
def _certificates(ca_file: Path | None) -> Iterator[list[str]]:
    """Trust a platform's own authority beside the system's: rclone takes a file for the only ones there are."""
    if ca_file is None:
        yield []
        return
    system = ssl.get_default_verify_paths().cafile
    with tempfile.NamedTemporaryFile("w", encoding="ascii", suffix=".pem", dir=temporary_folder()) as both:
        for each in (ca_file, *([Path(system)] if system else [])):
            both.write(each.read_text(encoding="utf-8").encode("ascii", "ignore").decode() + "\n")
        both.flush()
        yield [f"--ca-cert={both.name}"]


def _hear(line: bytes, said: deque[str], on_bytes: OnBytes | None) -> None:
    """Take one line of rclone's log: figures go to whoever wants them, the rest is kept for the end."""
    try:
        fields = read_json_object(line, processes.LINE_BYTES)
    except UnreadableJsonError:
        said.append(line.decode("utf-8", "replace").rstrip("\n"))
        return
    stats = fields.get("stats")
    if not isinstance(stats, dict):
        said.append(f"{fields.get('object', '')}: {fields.get('msg', '')}".removeprefix(": "))
    elif on_bytes is not None and isinstance(stats.get("bytes"), int):
        on_bytes(stats["bytes"])


def _explain(code: int, said: Sequence[str]) -> RcloneError:
    """Return what went wrong without the names that it went wrong with."""
    text = "\n".join(said)
    if "no space left on device" in text:
        return RcloneError("no room is left", "Make room, then run the same command again: it goes on.", text)
    if code == NOTHING_THERE:
        return RcloneError(
            "there is no such bucket or folder",
            "Have the customer name a bucket that is there, or plug the disk in again, then run this again.",
            text,
        )
    if "file too large" in text:
        return RcloneError(
            "a file is larger than the target takes",
            "A disk of FAT32 takes none above 4 GiB: format it as exFAT, or return the repository.",
            text,
        )
    codes = list(dict.fromkeys(_S3_CODE.findall(text)))
    named = f" ({', '.join(codes[:3])})" if codes else ""
    return RcloneError(
        f"rclone could not carry everything: it ended with {code}{named}",
        "Run the same command again: what is there stays, and it goes on where it stopped.",
        text,
    )


def _redact(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
