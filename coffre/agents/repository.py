"""A repository of backups that SMILÉO opens without the machine: plain values, and the protocols for them.

The content of a repository comes from a customer's machine: every reader here treats it as hostile input.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from coffre.agents.reach.ssh import SshMachine
from coffre.errors import RefusedError, RemoteError
from coffre.outside.faults import Fault

if TYPE_CHECKING:
    from coffre.agents.pruning import RepositoryPruner

LONG_SECONDS = 24 * 3600.0
"""For an operation that reads a whole snapshot, or a whole repository."""

QUICK_SECONDS = 60.0
"""For an operation that reads or writes a handful of objects."""

REPLACED = "\ufffd"
"""A listing has this for each byte of a name that is not UTF-8."""

OnFraction = Callable[[float], None]
"""Called with the completed part, 0 to 1."""


@dataclass(frozen=True)
class Snapshot:
    """One snapshot: its full id, its time by the machine's clock, its paths, and its tags."""

    id: str
    taken_at: datetime
    host: str
    paths: tuple[str, ...]
    tags: tuple[str, ...] = ()
    run: timedelta | None = None
    """How long its backup took, by its own words; None: it does not say."""


@dataclass(frozen=True)
class Node:
    """One entry of a snapshot; ``type`` is file, dir, symlink, …; ``path`` is absolute.

    Each byte that is not UTF-8 is U+FFFD in ``path``. ``mode`` has Unix's permission bits; ``mtime`` is ISO 8601, with
    nanoseconds and offset.
    """

    path: str
    type: str
    size_bytes: int
    mode: int = 0
    uid: int = 0
    gid: int = 0
    mtime: str = ""


@dataclass(frozen=True)
class RestoreSummary:
    """The result of a restore; files are entries of any type.

    ``seconds`` is how long a restore on a machine took, None when programs were sent first, or when it was here.
    """

    files: int
    restored_bytes: int
    seconds: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class OddSnapshot:
    """A snapshot that no honest agent writes: it is named, but never chosen; ``field`` is its irregular field."""

    id: str
    fault: Fault
    field: str


@dataclass(frozen=True)
class SnapshotList:
    """A repository's snapshots: the usable ones, oldest first by the machine's clock, and the irregular ones."""

    usable: tuple[Snapshot, ...]
    odd: tuple[OddSnapshot, ...] = ()


class Part(StrEnum):
    """A kind of object of a repository."""

    CONFIG = "config"
    KEYS = "keys"
    DATA = "data"
    """Packs: the content of the backups."""
    INDEX = "index"
    """What names the content of packs."""
    SNAPSHOTS = "snapshots"
    LOCKS = "locks"


@dataclass(frozen=True)
class RepositoryObject:
    """One object of a repository; ``name`` is the SHA-256 of its content, in hexadecimal, and empty for the config."""

    part: Part
    name: str


class RepositoryLayout(Protocol):
    """The keys of a repository's objects in a machine's bucket. Pure."""

    @property
    def prefix(self) -> str:
        """The beginning of every key of the repository."""

    @property
    def read_at_start(self) -> frozenset[Part]:
        """The parts that are read completely each time the repository is opened: one bad object stops that."""

    @property
    def start_limit_bytes(self) -> int:
        """A size that no object of these parts reaches."""

    @property
    def order(self) -> tuple[Part, ...]:
        """The parts in the order of their restore: a partial result never claims data that is not there.

        Locks are not among them; snapshots are last.
        """

    def prefix_of(self, part: Part) -> str:
        """Return the beginning of every key of a part; for the config, its key."""

    def part_of(self, key: str) -> Part | None:
        """Return the part in whose place a key is, whatever its form; None for any other place."""

    def find(self, key: str) -> RepositoryObject | None:
        """Return the object of a key; None for a key that the agent would not write."""

    def key_of(self, found: RepositoryObject) -> str:
        """Return the key of an object."""

    def misleads(self, key: str) -> bool:
        """Tell whether a foreign key stops the agent: it looks for an object of `read_at_start` that does not exist."""

    def pattern_of(self, part: Part) -> str:
        """Return the glob pattern of a part's keys, below the prefix."""


@dataclass(frozen=True)
class Remains:
    """The parts found in the place of a repository."""

    has_config: bool
    has_keys: bool
    has_backups: bool


@dataclass(frozen=True)
class BucketStorage:
    """The storage of a machine's backups and its key; ``ca_file`` None: the authorities that this computer trusts.

    ``repository_password`` is None for an agent that has no repository there. ``programs_bucket`` is where the machine
    downloads its programs, with the same key.
    """

    endpoint_url: str
    region: str
    bucket: str
    ca_file: Path | None
    access_key_id: str
    secret_access_key: SecretStr
    repository_password: SecretStr | None
    programs_bucket: str = "coffre-programs"


def password_of(storage: BucketStorage) -> SecretStr:
    """Return the password of the repository in a bucket, for a kind of agent that has one there."""
    assert storage.repository_password is not None  # noqa: S101 - the driver says that it has repositories
    return storage.repository_password


class RepositoryError(RemoteError):
    """A repository cannot give what was requested.

    ``is_late``: the program that reads it was ended at its deadline, so the result is unknown; ``was_stopped``: ended
    then, or by a signal. ``was_refused``: the platform refused its key. ``found_errors``: it ran, and the repository is
    damaged. ``may_name_files``: the message may name the customer's files. ``said`` are its last lines of output,
    without secrets; ``damage`` says in a few words, without any file name, which part of the repository has changed or
    is lost (empty: it does not say so). ``damaged_packs`` are the packs that it names, each with whether it is missing.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        is_late: bool = False,
        was_stopped: bool = False,
        found_errors: bool = False,
        may_name_files: bool = False,
        said: Sequence[str] = (),
        was_refused: bool = False,
        damage: str = "",
        damaged_packs: Mapping[str, bool] | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.is_late = is_late
        self.was_stopped = was_stopped
        self.found_errors = found_errors
        self.may_name_files = may_name_files
        self.said = tuple(said)
        self.was_refused = was_refused
        self.damage = damage
        self.damaged_packs = dict(damaged_packs or {})


class IncompleteRestoreError(RepositoryError):
    """Everything was restored except ``failed`` single entries, which the target refused."""

    def __init__(self, problem: RepositoryError, summary: RestoreSummary, failed: int) -> None:
        super().__init__(problem.message, problem.hint, may_name_files=True, said=problem.said)
        self.summary = summary
        self.failed = failed


class HostileSnapshotError(RefusedError):
    """A snapshot that no honest agent writes: nothing of it is restored, read or shown. ``snapshot`` is its id."""

    def __init__(self, snapshot: str, why: str) -> None:
        super().__init__(
            f"snapshot {snapshot} is refused: {why}",
            "No honest agent writes that: its author has the machine's key and password. Nothing of it was "
            "restored. Examine the machine, replace its key (`coffre rotate --now`), and put the snapshot aside: "
            f"`coffre snapshot set-aside TENANT --machine NAME --snapshot {snapshot[:8]} --reason TEXT`.",
        )
        self.snapshot = snapshot


def as_listed(name: bytes) -> str:
    """Return a name in the form of a listing: each byte that is not UTF-8 is U+FFFD. Pure."""
    text = name.decode("utf-8", "surrogateescape")
    return "".join(REPLACED if "\udc80" <= character <= "\udcff" else character for character in text)


class Repository(Protocol):
    """One open repository. Reads take no lock. Every method raises RepositoryError."""

    def open(self) -> None:
        """Open the repository; returns only when its password opens it."""

    def snapshots(self, deadline_seconds: float = QUICK_SECONDS) -> list[Snapshot]:
        """Return every usable snapshot, oldest first by the machine's clock."""

    def list_snapshots(self, deadline_seconds: float = QUICK_SECONDS) -> SnapshotList:
        """Return every snapshot; one that no honest agent writes is named beside the usable ones."""

    def ls(self, snapshot: str) -> Iterator[Node]:
        """Yield every entry of a snapshot as it is read, each checked as part of a valid file tree.

        HostileSnapshotError at the entry or at the end. ``snapshot`` is a full id.
        """

    def ls_bytes(self, snapshot: str) -> Iterator[tuple[Node, bytes]]:
        """Yield every entry as `ls` does, with its path in bytes."""

    def check_snapshot(self, snapshot: str) -> None:
        """Refuse a snapshot that no honest agent writes, by its whole listing; fast after an earlier read of it."""

    def has_path(self, snapshot: str, path: str) -> bool:
        """Tell whether a snapshot has an absolute path, file or folder. This checks the whole snapshot."""

    def find_link(self, snapshot: str, path: str) -> str | None:
        """Return the link in a snapshot that is part of an absolute path, None when there is none."""

    def restore(
        self, snapshot: str, target: Path, *, includes: Sequence[str] = (), on_progress: OnFraction | None = None
    ) -> RestoreSummary:
        """Restore a snapshot, or only some absolute paths of it with everything below them, under ``target``.

        The whole snapshot is checked before any write, and the writer runs in a cage: RefusedError without one.
        IncompleteRestoreError when everything is there except entries that the target refused.
        """

    def compare(self, snapshot: str, target: Path, skipped: Collection[str] = ()) -> int:
        """Compare the files of a restore under ``target`` with the repository; returns how many bytes differ."""

    def dump(self, snapshot: str, path: bytes, deadline_seconds: float = LONG_SECONDS) -> Generator[bytes, None, None]:
        """Yield the content of one file of a snapshot in blocks; nothing is written here."""

    def check(self, *, read_data: bool = False) -> None:
        """Check the repository's structure, with ``read_data`` every pack's content; returns only without error."""

    def pruner(self) -> "RepositoryPruner":
        """Return what removes backups from the repository."""


@dataclass(frozen=True)
class RemoteRestore:
    """The source and the target of a restore: ``folder`` on the machine, None for in place, over existing files."""

    storage: BucketStorage
    snapshot_id: str
    folder: str | None
    path: str | None = None


class Watcher(Protocol):
    """Gets the progress of a restore."""

    def on_step(self, text: str) -> None: ...

    def on_progress(self, fraction: float) -> None: ...


class RepositoryFormat(Protocol):
    """The format of an agent's backups in a machine's bucket, and how to open them without the machine."""

    @property
    def layout(self) -> RepositoryLayout:
        """The keys of a repository's objects."""

    def open(
        self,
        storage: BucketStorage,
        *,
        cache_dir: Path | None = None,
        look: Callable[[], Remains] | None = None,
    ) -> Repository:
        """Return the repository in a bucket; nothing is read yet.

        With ``cache_dir`` its structure is cached there, still encrypted, and read once. ``look`` returns the content
        of the bucket when the repository cannot be opened.
        """

    def open_copy(self, folder: Path, password: SecretStr) -> Repository:
        """Return a copy of a repository in a local folder."""

    def make(self, password: SecretStr, now: datetime) -> Sequence[tuple[str, bytes]]:
        """Return the objects of a new repository for this password, in the order in which they are written."""

    def list_programs(self) -> Mapping[str, Path]:
        """Return the program that reads it for every available system, by system and processor."""

    def look_at(self, machine: SshMachine) -> None:
        """Read a machine's system, before any program is sent there; raises the errors of `ssh_errors`."""

    def refuse_ours(self, path: str | None, machine: str) -> None:
        """Refuse an in-place restore of the files of the machine's agent itself. Pure."""

    def restore_on(self, machine: SshMachine, restore: RemoteRestore, watcher: Watcher) -> RestoreSummary:
        """Restore on a machine and return the result. A second run after a kill continues."""
