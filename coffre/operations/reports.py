"""The reports that agents put in their buckets, newest first by the server's clock: a machine's own may be wrong."""

from collections.abc import Iterator

from coffre.agents.applied import Applied, parse_applied
from coffre.agents.report import Report, parse_report
from coffre.errors import ExpectedError
from coffre.spec import naming
from coffre.storage.driver import Bucket

LOOK_BACK_REPORTS = 60
"""How many reports are read in search of one; twice a day makes a month."""


def iter_reports(bucket: Bucket) -> Iterator[Report]:
    """Yield a bucket's newest reports, newest first; what is not a report of ours is passed over.

    A machine may write anything under reports/: an unreadable one must not hide those before it.
    """
    objects = [facts for facts in bucket.list_objects(naming.REPORTS_PREFIX) if facts.key.endswith(".json")]
    for facts in sorted(objects, key=lambda facts: facts.modified_at, reverse=True)[:LOOK_BACK_REPORTS]:
        body = bucket.find(facts.key)
        if body is None:
            continue
        try:
            yield parse_report(body)
        except ExpectedError:
            continue


def find_applied(bucket: Bucket) -> Applied | None:
    """Return what a machine said when it last applied its orders; None when it never did, or wrote something else."""
    body = bucket.find(naming.APPLIED_KEY)
    if body is None:
        return None
    try:
        return parse_applied(body)
    except ExpectedError:
        return None


def find_report(bucket: Bucket, run_id: str) -> Report | None:
    """Return the report of one run, if the bucket has it."""
    return next((report for report in iter_reports(bucket) if report.run_id == run_id), None)
