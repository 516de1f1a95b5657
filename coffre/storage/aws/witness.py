"""CloudWatch as the second witness of a bucket's size: S3's own count of each day, without any listing of Coffre's."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from coffre.outside.structured import LARGEST_NUMBER
from coffre.storage.aws.faults import aws_errors
from coffre.storage.aws.session import AwsSession
from coffre.storage.s3.answers import Progress, moment, reading
from coffre.storage.values import DailyFigure

STORAGE_TYPES = (
    "StandardStorage",
    "StandardIAStorage",
    "OneZoneIAStorage",
    "ReducedRedundancyStorage",
    "IntelligentTieringFAStorage",
    "IntelligentTieringIAStorage",
    "IntelligentTieringAAStorage",
    "IntelligentTieringAIAStorage",
    "IntelligentTieringDAAStorage",
    "GlacierInstantRetrievalStorage",
    "GlacierStorage",
    "GlacierStagingStorage",
    "DeepArchiveStorage",
    "DeepArchiveStagingStorage",
)
"""The dimension StorageType of BucketSizeBytes: a class of storage each, so their sum is the bucket. Not the overheads,
which are billed and contain nothing.
"""

DAYS = 2
_DAY_SECONDS = 86400
_MAX_PAGES = 10
_DOING = "ask CloudWatch for the size of bucket"

Point = tuple[date, int]


def find_daily_bytes(session: AwsSession, bucket: str, now: datetime) -> DailyFigure | None:
    """Return the newest of the last days' figures; None before the first one, about a day after the first object."""
    points = [point for page in _walk(session, bucket, now) for point in read_points(page, bucket)]
    return sum_newest(points)


def sum_newest(points: Sequence[Point]) -> DailyFigure | None:
    """Add up the classes of storage of the newest day. Pure."""
    by_day: defaultdict[date, int] = defaultdict(int)
    for day, size in points:
        by_day[day] += size
    return DailyFigure(max(by_day), by_day[max(by_day)]) if by_day else None


def read_points(page: Mapping[str, Any], bucket: str) -> list[Point]:
    """Return the days and bytes of one page of answers. Pure."""
    points = []
    with reading(f"{_DOING} {bucket}"):
        for result in page["MetricDataResults"]:
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                if not 0 <= value <= LARGEST_NUMBER:
                    raise ValueError("no size")
                points.append((moment(at).date(), int(value)))
    return points


def _walk(session: AwsSession, bucket: str, now: datetime) -> Iterator[Mapping[str, Any]]:
    client, doing = session.client("cloudwatch"), f"{_DOING} {bucket}"
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    asked: dict[str, Any] = {
        "MetricDataQueries": [_query(number, bucket, kind) for number, kind in enumerate(STORAGE_TYPES)],
        "StartTime": today - timedelta(days=DAYS),
        "EndTime": today + timedelta(days=1),
    }
    progress = Progress(doing, _MAX_PAGES)
    while True:
        with aws_errors(doing, client.meta.endpoint_url):
            page: Mapping[str, Any] = client.get_metric_data(**asked)
        yield page
        token = page.get("NextToken")
        if not token:
            return
        progress.go_on(token)
        asked["NextToken"] = token


def _query(number: int, bucket: str, kind: str) -> dict[str, Any]:
    metric = {
        "Namespace": "AWS/S3",
        "MetricName": "BucketSizeBytes",
        "Dimensions": [{"Name": "BucketName", "Value": bucket}, {"Name": "StorageType", "Value": kind}],
    }
    return {"Id": f"m{number}", "MetricStat": {"Metric": metric, "Period": _DAY_SECONDS, "Stat": "Average"}}
