"""Streams files of a snapshot, counts and hashes them: the reads of a drill, which write nothing here."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

from coffre.agents.repository import Repository, RepositoryError
from coffre.operations.drill.sampling import Sample, exact_bytes, readable

STREAMED_AT_ONCE = 4
"""Each file is a process of restic, which mostly waits for the platform."""
BEGIN_SECONDS = 15 * 60.0
SLOWEST_BYTES_PER_SECOND = 100_000


@dataclass(frozen=True)
class Streamed:
    """The result for one file: bytes counted (at most one too many), their SHA-256, and why it ended early."""

    size_bytes: int
    sha256: str
    problem: str = ""


def stream_sample(repository: Repository, snapshot_id: str, sample: Sample) -> dict[str, Streamed]:
    """Read every file of a sample to its end, or to one byte beyond its listed size."""

    def stream(path: str, size_bytes: int) -> Streamed:
        return stream_file(repository, snapshot_id, exact_bytes(path), size_bytes)

    with ThreadPoolExecutor(STREAMED_AT_ONCE) as executor:
        running = {path: executor.submit(stream, path, size_bytes) for path, size_bytes in sample.sizes.items()}
        try:
            return {path: future.result() for path, future in running.items()}
        finally:
            executor.shutdown(cancel_futures=True)


def stream_file(repository: Repository, snapshot_id: str, path: bytes, size_bytes: int) -> Streamed:
    """Read one file; the read stops when the repository gives more than its listing says."""
    digest, count = hashlib.sha256(), 0
    deadline_seconds = BEGIN_SECONDS + size_bytes / SLOWEST_BYTES_PER_SECOND
    try:
        with closing(repository.dump(snapshot_id, path, deadline_seconds)) as blocks:
            for block in blocks:
                taken = block[: size_bytes + 1 - count]
                digest.update(taken)
                count += len(taken)
                if count > size_bytes:
                    break
    except RepositoryError as problem:
        return Streamed(count, digest.hexdigest(), problem.message)
    return Streamed(count, digest.hexdigest())


def compare(sample: Sample, streamed: Mapping[str, Streamed]) -> Iterator[str]:
    """Yield the faults: missing, of another size, or with other content than reported. Pure."""
    yield from dict.fromkeys(each.problem for each in streamed.values() if each.problem)
    for path, size_bytes in sample.sizes.items():
        found, shown = streamed.get(path), readable(path)
        if found is None or (found.problem and found.size_bytes != size_bytes):
            yield f"{shown}: not restored"
        elif found.size_bytes > size_bytes:
            yield f"{shown}: more than {size_bytes} bytes"
        elif found.size_bytes != size_bytes:
            yield f"{shown}: {found.size_bytes} bytes instead of {size_bytes}"
    for file in sample.reported:
        found = streamed.get(file.path)
        if found is not None and found.size_bytes == file.size_bytes and found.sha256 != file.sha256:
            yield f"{readable(file.path)}: its content differs from what the machine reported"
