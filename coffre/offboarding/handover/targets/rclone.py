"""Runs rclone, which copies objects between buckets and folders: secrets by environment, no configuration file."""

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
from coffre.storage.values import AccessKey

KEPT_LINES = 200
PRINTED_BYTES = 8 * 1024**3
"""The longest listing: 30 million objects with their hashes."""
NOTHING_THERE = 3
"""rclone's exit code for a missing folder; in an existing bucket every folder exists."""
# Only these words are repeated: any other one may be part of a customer's file name.
_S3_CODE = re.compile(
    r"\b(AccessDenied|EntityTooLarge|InternalError|InvalidAccessKeyId|NoSuchBucket|PermanentRedirect|QuotaExceeded|"
    r"RequestTimeTooSkewed|ServiceUnavailable|SignatureDoesNotMatch|SlowDown)\b"
)
_SETTINGS = (
    # rclone would encode names with special characters; ours are chosen to need no encoding.
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
"""Called from time to time with the number of copied bytes."""


class RcloneError(RemoteError):
    """rclone failed. ``said`` may name a customer's files: it goes into no message and no log."""

    def __init__(self, message: str, hint: str, said: str) -> None:
        super().__init__(message, hint)
        self.said = said


@dataclass(frozen=True)
class Remote:
    """A bucket's service for rclone; ``name`` is the prefix of its paths."""

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
    """rclone with its allowed services, and their trusted authorities."""

    def __init__(self, remotes: Sequence[Remote], ca_file: Path | None) -> None:
        self._environment = {name: value for each in remotes for name, value in each.environment().items()}
        self._urls = [each.url for each in remotes]
        self._secrets = [each.key.secret_access_key for each in remotes]
        self._ca_file = ca_file

    def copy(
        self, source: str, target: str, *options: str, is_again: bool = False, on_bytes: OnBytes | None = None
    ) -> None:
        """Copy missing objects and those of another size; existing ones stay, unless this ``is_again``."""
        skipped = "--ignore-times" if is_again else "--size-only"
        for _ in self._stream(["copy", skipped, *options, source, target], on_bytes):
            continue

    def list_names(self, path: str, *options: str) -> list[str]:
        """Return the names below a path; none where nothing exists."""
        return [line.rstrip("\n") for line in self._stream(["lsf", *options, path], None)]

    def hash_objects(self, path: str, *options: str, on_bytes: OnBytes | None = None) -> Iterator[tuple[str, str]]:
        """Yield the path and the SHA-256 of every object below a path, reading each one completely."""
        for line in self._stream(["hashsum", "sha256", "--download", *options, path], on_bytes):
            sha256, _, name = line.rstrip("\n").partition("  ")
            yield name, sha256

    def _stream(self, arguments: Sequence[str], on_bytes: OnBytes | None) -> Iterator[str]:
        """Run rclone and yield its output lines; it has ended when this returns, raises or is closed."""
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
                # A bucket with an endless listing cannot fill the disk here: the kernel ends rclone at that size.
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
    """Trust a platform's own authority in addition to the system's: rclone would use only the given file."""
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
    """Process one line of rclone's log: report the numbers, keep the rest for the end."""
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
    """Describe the failure without file names."""
    text = "\n".join(said)
    if "no space left on device" in text:
        return RcloneError("no room is left", "Make room, then run the same command again: it continues.", text)
    if code == NOTHING_THERE:
        return RcloneError(
            "the bucket or folder does not exist",
            "Ask the customer for an existing bucket, or plug the disk in again, then run this again.",
            text,
        )
    if "file too large" in text:
        return RcloneError(
            "a file is too large for the target",
            "A FAT32 disk accepts no file above 4 GiB: format it as exFAT, or return the repository.",
            text,
        )
    codes = list(dict.fromkeys(_S3_CODE.findall(text)))
    named = f" ({', '.join(codes[:3])})" if codes else ""
    return RcloneError(
        f"rclone could not copy everything: it ended with {code}{named}",
        "Run the same command again: it keeps existing files and continues where it stopped.",
        text,
    )


def _redact(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
