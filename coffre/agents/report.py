"""What an agent says of one backup run: `reports/*.json` in the bucket, `last-report.json` on the machine."""

from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from coffre.errors import ExpectedError

Document = TypeVar("Document", bound=BaseModel)

LIMIT_BYTES = 1024**2
"""The largest report that is read: a machine may write anything under reports/, and we write at most some kilobytes."""


class ReportResult(StrEnum):
    """How a run ended; `partial`: there is a snapshot, and something could not be read."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    QUOTA = "quota"


class InvalidReportError(ExpectedError):
    """An object that is not a report: a machine wrote something else, or another version of it."""


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RunId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
# Handed to restic as an argument and made part of an object's key: nothing but hexadecimal passes.
SnapshotId = Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")]
Count = Annotated[int, Field(ge=0)]


class _ReportModel(BaseModel):
    # A newer agent may say more than this Coffre knows of.
    model_config = ConfigDict(frozen=True, extra="ignore")


class ReportSample(_ReportModel):
    """A file that did not change while the run read it: what a drill compares a restore with."""

    path: str
    size_bytes: Count
    sha256: Digest


class Report(_ReportModel):
    """One finished run. Times are the machine's own clock; readers order reports by the server's.

    ``bytes_added`` is what the repository grew by, ``bytes_processed`` the size of the files looked at;
    ``clock_offset_seconds`` is the machine's clock minus the server's, None when no server answered.
    ``access_key_id`` is the key that the run used ("": an agent older than this field); ``failed_generation`` is newer
    than ``generation_applied``, and could not be applied for the reason beside it.
    """

    version: Annotated[int, Field(ge=1, le=1)]
    tenant_id: str
    machine: str
    run_id: RunId
    started_at: AwareDatetime
    finished_at: AwareDatetime
    result: ReportResult
    message: str = ""
    snapshot_id: SnapshotId | None = None
    restic_exit_code: int | None = None
    bytes_added: Count = 0
    bytes_processed: Count = 0
    files_processed: Count = 0
    unreadable: tuple[str, ...] = ()
    unreadable_count: Count = 0
    agent_version: str = ""
    restic_version: str = ""
    generation_applied: Count = 0
    generation_seen: Count = 0
    access_key_id: str = ""
    failed_generation: Annotated[int, Field(ge=1)] | None = None
    failed_generation_reason: str = ""
    clock_offset_seconds: float | None = None
    samples: tuple[ReportSample, ...] = ()

    @property
    def duration_seconds(self) -> float:
        """How long the run took."""
        return (self.finished_at - self.started_at).total_seconds()


def parse_report(body: bytes) -> Report:
    """Read a report; InvalidReportError says which field is wrong, without quoting it."""
    return parse_document(body, Report, "a report")


def parse_document(body: bytes, model: type[Document], name: str) -> Document:
    """Read what an agent put under reports/; InvalidReportError says which field is wrong, without quoting it."""
    if len(body) > LIMIT_BYTES:
        raise InvalidReportError(f"a report of {len(body)} bytes is no report", "The agent's are below 1 MiB.")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"]) or "the document"
        raise InvalidReportError(
            f"{name} cannot be read: {where}: {problem['msg']}", "Is the agent on that machine of this version?"
        ) from None
