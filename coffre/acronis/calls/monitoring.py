"""Alerts and activities. Both are read only."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from coffre.acronis.data_center import ALERTS, TASKS, path
from coffre.acronis.session import Session
from coffre.acronis.values.monitoring import Activity, Alert, ResultCode, Severity

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Monitoring:
    """The calls about what happened."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_alerts(
        self, *, severity: Severity | None = None, updated_after: datetime | None = None
    ) -> Iterator[Alert]:
        """Yield alerts, newest first."""
        doing = "list alerts"
        query = {
            "severity": None if severity is None else severity.sent(),
            "updated_at": None if updated_after is None else f"gt({in_nanoseconds(updated_after)})",
            "order": "desc(created_at)",
        }
        yield from self._session.parts(doing, Alert, self._session.pages(doing, path(ALERTS, "alerts"), query))

    def list_activities(
        self,
        *,
        completed_after: datetime | None = None,
        result: ResultCode | None = None,
        policy_type: str | None = None,
    ) -> Iterator[Activity]:
        """Yield activities; ``policy_type`` like "backup"."""
        doing = "list activities"
        query = {
            "completedAt": None if completed_after is None else f"gt({in_iso(completed_after)})",
            "resultCode": None if result is None else result.sent(),
            "policyType": policy_type,
        }
        yield from self._session.parts(doing, Activity, self._session.pages(doing, path(TASKS, "activities"), query))


def in_nanoseconds(moment: datetime) -> int:
    """Return a time with a zone in nanoseconds since 1970, without the rounding of fractions."""
    return (moment - _EPOCH) // _MICROSECOND * 1000


def in_iso(moment: datetime) -> str:
    """Return a time with a zone in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
