"""Reports of use: what bills are made from, as the figures of `usages` lag."""

import time
from collections.abc import Callable
from datetime import date
from typing import Any

from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.errors import AcronisAwayError
from coffre.acronis.exchange import Question, absurd
from coffre.acronis.identifiers import ReportId, TenantUuid
from coffre.acronis.session import Session

WAITED_SECONDS = 300.0
_SECONDS_BETWEEN_LOOKS = 3.0


class Reports:
    """The calls about reports."""

    def __init__(self, session: Session, pause: Callable[[float], None] = time.sleep) -> None:
        self._session, self._pause = session, pause

    def order(self, tenant: TenantUuid, first: date, last: date) -> ReportId:
        """Order the report of use of a tenant over a span of days; OutcomeUnknownError when the answer was lost."""
        doing = f"order a report of tenant {tenant}"
        parameters = {
            "kind": "usage_summary",
            "tenant_id": TenantUuid.text(tenant),
            "level": "accounts",
            "formats": ["csv_v2_0"],
            "period": {"start": first.isoformat(), "end": last.isoformat()},
            "show_skus": False,
            "hide_zero_usage": False,
        }
        body = {
            "parameters": parameters,
            "schedule": {"type": "once"},
            "result_action": "save",
            "recipients": [],
        }
        return self._id_of(doing, self._session.create(doing, path(ACCOUNT, "reports"), body))

    def fetch(self, report: ReportId, seconds: float = WAITED_SECONDS) -> bytes:
        """Return a report as CSV once it is made; AcronisAwayError when that lasts longer than so many seconds."""
        doing, stored = f"read report {report}", path(ACCOUNT, "reports", ReportId.text(report), "stored")
        until = time.monotonic() + seconds
        while True:
            items = self._session.items_of(doing, self._session.read(doing, stored))
            first = items[0] if items else None
            if isinstance(first, dict) and first.get("status") == "saved":
                where = path(stored, ReportId.text(self._id_of(doing, first)))
                return self._session.whole(Question(doing, "GET", where))
            if time.monotonic() + _SECONDS_BETWEEN_LOOKS > until:
                raise AcronisAwayError(f"{doing}: it was not made within {seconds:.0f} s", "Ask for it again later.")
            self._pause(_SECONDS_BETWEEN_LOOKS)

    def _id_of(self, doing: str, value: Any) -> ReportId:
        try:
            return ReportId(str(value["id"]))
        except (TypeError, KeyError, ValueError):
            raise absurd(doing, self._session.url, "it has no id") from None
