"""Why a repository password was used: one type per reason, distinguished by its kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from coffre.records.details import OPTIONAL, Stored


class RoutineTask(StrEnum):
    """A task of Coffre itself that needs no further value. The database keeps the values for ever."""

    MAKE_REPOSITORY = "make_repository"
    INSTALL_AGENT = "install_agent"
    DERIVE_REPORT_KEY = "derive_report_key"
    CHECK_STRUCTURE = "check_structure"
    CHECK_AFTER_UNDELETE = "check_after_undelete"
    MEASURE_RETURN = "measure_return"
    """The size of the return at the end of the contract."""
    PRUNE = "prune"


@dataclass(frozen=True)
class RoutineUse:
    """A task of Coffre itself."""

    task: RoutineTask
    kind: Literal["routine"] = "routine"


@dataclass(frozen=True)
class DrillUse:
    """A drill reads a sample of a snapshot; the seed chose it."""

    snapshot_id: Annotated[str, Stored("snapshot")]
    seed: int
    kind: Literal["drill"] = "drill"


@dataclass(frozen=True)
class RestoreUse:
    """A restore into a directory of the operator's computer; ``snapshot`` is as the operator named it."""

    snapshot: str
    directory: str
    kind: Literal["restore"] = "restore"


@dataclass(frozen=True)
class RemoteRestoreUse:
    """A restore onto a machine, in place without ``folder``; ``is_handed_over``: the machine gets the password."""

    snapshot: str
    machine: str
    folder: Annotated[str | None, OPTIONAL] = None
    is_handed_over: Annotated[bool, Stored("handed_over")] = False
    kind: Literal["remote_restore"] = "remote_restore"


@dataclass(frozen=True)
class HandoverUse:
    """The data is handed over: to an authority under its ``reference``, or returned at the end of the contract.

    ``is_handed_over``: the recipient also gets the password.
    """

    format: str
    via: str
    reference: Annotated[str | None, OPTIONAL] = None
    is_handed_over: Annotated[bool, Stored("handed_over")] = False
    kind: Literal["handover"] = "handover"


@dataclass(frozen=True)
class ExportUse:
    """A tenant's bundles are exported, encrypted for these public keys, for the operator's reason."""

    recipients: tuple[str, ...]
    reason: str
    kind: Literal["export"] = "export"


@dataclass(frozen=True)
class QuotedUse:
    """The unchanged sentence of an earlier version."""

    text: str
    kind: Literal["quoted"] = "quoted"


PasswordReason = RoutineUse | DrillUse | RestoreUse | RemoteRestoreUse | HandoverUse | ExportUse | QuotedUse


def upgrade(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the details of a use in today's form: earlier versions recorded the reason as a sentence. Pure."""
    reason = details["reason"]
    return {**details, "reason": {"kind": "quoted", "text": reason}} if isinstance(reason, str) else details
