"""An agent's report of one backup run: sealed under `reports/` in the bucket, `last-report.json` on the machine.

Earlier agent versions wrote it there in clear, as `reports/*.json`.
"""

import base64
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from coffre.agents.identity import MachineIdentity
from coffre.agents.report_paths import Integrity, PathState, read_integrity, read_state
from coffre.errors import ExpectedError
from coffre.outside.faults import Fault
from coffre.outside.structured import LARGEST_NUMBER, UnreadableJsonError, read_json_object
from coffre.outside.times import UnbelievableTimeError, check_time

Document = TypeVar("Document", bound=BaseModel)

LIMIT_BYTES = 1024**2
"""The largest report that is read: a machine can write anything under reports/; a normal report has some kilobytes."""

LONGEST_OFFSET_SECONDS = 86_400.0
"""A clock with a larger offset gives no usable time."""


class ReportResult(StrEnum):
    """How a run ended; `partial`: there is a snapshot, but it lacks something."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    QUOTA = "quota"


class InvalidReportError(ExpectedError):
    """An object that is no valid report: a machine wrote something else, or another version.

    ``fault`` is the kind of fault, ``field`` its place (empty: the whole document).
    """

    def __init__(self, message: str, hint: str = "", fault: Fault = Fault.UNREADABLE, field: str = "") -> None:
        super().__init__(message, hint)
        self.fault = fault
        self.field = field


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
# An argument of restic and a part of an object's key: only hexadecimal is accepted.
SnapshotId = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
Count = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
# Agents cut longer texts; a path has 4,096 bytes on Linux and 32,767 characters on Windows.
Line = Annotated[str, Field(max_length=4096)]
Text = Annotated[str, Field(max_length=65_536)]
Path = Annotated[str, Field(max_length=32_767)]
MAX_ENTRIES = 1000
"""The maximum of each list in a report; agents write 20."""


class _ReportModel(BaseModel):
    # A newer agent may report more fields than this Coffre knows.
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class ReportSample(_ReportModel):
    """A file that did not change while the run read it: a drill compares its restore with it.

    ``path_base64`` has the bytes of a path that is not UTF-8 ("": it is UTF-8, or an agent older than this field).
    """

    path: Path
    size_bytes: Count
    sha256: Digest
    path_base64: Annotated[str, Field(max_length=65_536)] = ""

    @property
    def exact_path(self) -> str:
        """The path, with non-UTF-8 bytes as Python's surrogates; the displayed path when the bytes are unknown."""
        try:
            exact = base64.b64decode(self.path_base64, validate=True)
        except ValueError:
            exact = b""
        return exact.decode("utf-8", "surrogateescape") if exact else self.path


class ReportPath(_ReportModel):
    """What one path of the plan gave; ``stored_as`` is its place in the snapshot: another one for a link.

    ``files_before`` and ``bytes_before`` are what it gave in the last good run, None when unknown; ``bytes`` is None
    when a file system did not give it. ``mount_point`` is a file system that is no longer mounted, usually empty.
    """

    path: Path
    state: Annotated[PathState, BeforeValidator(read_state)]
    files: Count = 0
    bytes: Count | None = None
    stored_as: Path = ""
    files_before: Count | None = None
    bytes_before: Count | None = None
    mount_point: Path = ""

    @property
    def is_elsewhere(self) -> bool:
        """Whether the path is a link, and the snapshot has its target. On Windows C:\\x is stored as /C/x."""
        return self.path.startswith("/") and self.stored_as not in ("", self.path.rstrip("/") or "/")


class ReportChanges(_ReportModel):
    """The files of a snapshot against those of the snapshot before; ``files_removed`` is None when it is not known.

    ``files_incompressible`` are those of the new and changed ones whose new content does not compress, ``bytes_large``
    the bytes of the large new ones among them.
    """

    files_new: Count = 0
    files_changed: Count = 0
    files_unmodified: Count = 0
    files_removed: Count | None = None
    files_incompressible: Count = 0
    bytes_large: Count = 0


class ReportBait(_ReportModel):
    """What became of the bait files of the agent; ``read`` are those of the intact ones that something has read."""

    intact: Count = 0
    changed: Count = 0
    gone: Count = 0
    read: Count = 0


class Report(_ReportModel):
    """One finished run. Times are the machine's own clock; readers order reports by the server's.

    ``bytes_added`` is the growth of the repository, ``bytes_processed`` the size of the files read;
    ``clock_offset_seconds`` is the machine's clock minus the server's, None when no server answered. ``access_key_id``
    is the key that the run used ("": an agent older than this field); ``failed_generation`` is newer than
    ``generation_applied``, and could not be applied for the reason beside it. ``orders_seen_at``: when the machine last
    read valid orders from storage (None: never, or an agent older than this field). ``number`` counts the machine's
    reports one by one (None: an agent older than this field; 0: it could not keep count, its disk was full).
    ``missing_snapshot_id`` is the machine's own last snapshot that storage no longer had, made at the time beside it.
    ``identity`` says which machine it is (None: an agent older than this field). ``paths`` are what each path of the
    plan gave, the deficient ones first (None: nothing was saved, or an agent older than this field), of ``paths_count``
    in all. ``integrity`` is the result of reading the snapshot back (None: there is none, or an older agent),
    ``missing_packs`` how many packs the index names but storage lacks. ``bytes_new`` is what the repository did not
    have, before compression (``bytes_added`` is what that came to), 0 from an older agent. ``changes`` is None without
    an earlier snapshot to compare with, ``bait`` without bait files, both from an older agent.
    ``upload_bytes_per_second`` is ``bytes_added`` over the seconds that the agent's program ran (None: too little was
    stored to tell, or an older agent); a machine may claim anything there.
    """

    version: Annotated[int, Field(ge=1, le=1)]
    tenant_id: Line
    machine: Line
    run_id: RunId
    started_at: AwareDatetime
    finished_at: AwareDatetime
    result: ReportResult
    message: Text = ""
    snapshot_id: SnapshotId | None = None
    restic_exit_code: Annotated[int, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)] | None = None
    bytes_added: Count = 0
    bytes_processed: Count = 0
    files_processed: Count = 0
    unreadable: Annotated[tuple[Path, ...], Field(max_length=MAX_ENTRIES)] = ()
    unreadable_count: Count = 0
    agent_version: Line = ""
    restic_version: Line = ""
    generation_applied: Count = 0
    generation_seen: Count = 0
    access_key_id: Line = ""
    failed_generation: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)] | None = None
    failed_generation_reason: Text = ""
    orders_seen_at: AwareDatetime | None = None
    clock_offset_seconds: Annotated[float, Field(ge=-LARGEST_NUMBER, le=LARGEST_NUMBER)] | None = None
    number: Count | None = None
    missing_snapshot_id: SnapshotId | None = None
    missing_snapshot_at: AwareDatetime | None = None
    identity: MachineIdentity | None = None
    samples: Annotated[tuple[ReportSample, ...], Field(max_length=MAX_ENTRIES)] = ()
    paths: Annotated[tuple[ReportPath, ...], Field(max_length=MAX_ENTRIES)] | None = None
    paths_count: Count = 0
    integrity: Annotated[Integrity | None, BeforeValidator(read_integrity)] = None
    missing_packs: Count = 0
    bytes_new: Count = 0
    changes: ReportChanges | None = None
    bait: ReportBait | None = None
    upload_bytes_per_second: Annotated[int, Field(ge=1, le=LARGEST_NUMBER)] | None = None

    def by_server(self, moment: datetime) -> datetime:
        """Convert a time of the machine's own clock to the server's, as far as the two were compared."""
        offset = self.clock_offset_seconds
        return moment if offset is None or abs(offset) > LONGEST_OFFSET_SECONDS else moment - timedelta(seconds=offset)

    @property
    def duration_seconds(self) -> float:
        """How long the run took."""
        return (self.finished_at - self.started_at).total_seconds()


def parse_report(body: bytes, now: datetime) -> Report:
    """Read a report; InvalidReportError names the wrong field, without quoting it."""
    report = parse_document(body, Report, "a report")
    check_moment(report.started_at, now, "a report", "started_at")
    check_moment(report.finished_at, now, "a report", "finished_at")
    if report.orders_seen_at is not None:
        check_moment(report.orders_seen_at, now, "a report", "orders_seen_at")
    if report.missing_snapshot_at is not None:
        check_moment(report.missing_snapshot_at, now, "a report", "missing_snapshot_at")
    if report.identity is not None:
        return report.model_copy(update={"identity": report.identity.believable(now)})
    return report


def check_moment(moment: datetime, now: datetime, name: str, field: str) -> None:
    """Refuse (InvalidReportError) a document with a time that no correct clock gives today."""
    try:
        check_time(moment, now)
    except UnbelievableTimeError as problem:
        raise InvalidReportError(
            f"{name} cannot be read: {field}: {problem}",
            "Check the clock of that machine.",
            Fault.UNBELIEVABLE_TIME,
            field,
        ) from None


def parse_document(body: bytes, model: type[Document], name: str) -> Document:
    """Read an agent's document under reports/; InvalidReportError names the wrong field, without quoting it."""
    try:
        return model.model_validate(read_json_object(body, LIMIT_BYTES))
    except UnreadableJsonError as problem:
        raise InvalidReportError(
            f"{name} cannot be read: {problem}", "An agent writes JSON of less than 1 MiB.", problem.fault
        ) from None
    except ValidationError as error:
        problem_found = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem_found["loc"]) or "the document"
        raise InvalidReportError(
            f"{name} cannot be read: {where}: {problem_found['msg']}",
            "Check that the agent on that machine has this version of Coffre.",
            field=where,
        ) from None
