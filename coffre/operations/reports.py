"""The reports that agents put in their buckets, newest first by the server's clock: a machine's own may be wrong.

A machine may write anything under reports/: what is no report of today is set aside and named, and hides no other.
"""

import heapq
from collections.abc import Iterator
from datetime import datetime

from coffre.agents.applied import Applied, parse_applied
from coffre.agents.report import LIMIT_BYTES, InvalidReportError, Report, parse_report
from coffre.operations.findings import SetAside
from coffre.records.events import utc_now
from coffre.spec import naming
from coffre.storage.driver import Bucket, Unusable

LOOK_BACK_REPORTS = 60
"""How many reports are read in search of one; twice a day makes a month."""


def iter_entries(bucket: Bucket, now: datetime) -> Iterator[Report | SetAside]:
    """Yield what a bucket's newest objects under reports/ are, newest first; memory stays the same however many."""
    objects = (facts for facts in bucket.walk_objects(naming.REPORTS_PREFIX) if facts.key.endswith(".json"))
    for facts in heapq.nlargest(LOOK_BACK_REPORTS, objects, key=lambda facts: facts.modified_at):
        body = bucket.find(facts.key, LIMIT_BYTES)
        if body is None:
            continue
        if isinstance(body, Unusable):
            yield SetAside(facts.key, body.fault)
            continue
        try:
            yield parse_report(body, now)
        except InvalidReportError as problem:
            yield SetAside(facts.key, problem.fault, problem.field)


def iter_reports(bucket: Bucket) -> Iterator[Report]:
    """Yield a bucket's newest reports, newest first, without what is set aside."""
    return (entry for entry in iter_entries(bucket, utc_now()) if isinstance(entry, Report))


def look_at_applied(bucket: Bucket, now: datetime) -> Applied | SetAside | None:
    """Return what a machine said when it last applied its orders; None when it never did."""
    body = bucket.find(naming.APPLIED_KEY, LIMIT_BYTES)
    if body is None:
        return None
    if isinstance(body, Unusable):
        return SetAside(naming.APPLIED_KEY, body.fault)
    try:
        return parse_applied(body, now)
    except InvalidReportError as problem:
        return SetAside(naming.APPLIED_KEY, problem.fault, problem.field)


def find_applied(bucket: Bucket) -> Applied | None:
    """Return what a machine said when it last applied its orders; None when it never did, or wrote something else."""
    found = look_at_applied(bucket, utc_now())
    return found if isinstance(found, Applied) else None


def find_report(bucket: Bucket, run_id: str) -> Report | None:
    """Return the report of one run, if the bucket has it."""
    return next((report for report in iter_reports(bucket) if report.run_id == run_id), None)
