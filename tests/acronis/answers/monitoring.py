"""Alerts and activities: filters that are functions, times as nanoseconds there and as ISO texts here."""

import operator
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from tests.acronis.calls import Answer, Call, answers
from tests.acronis.refusals import Refused
from tests.acronis.world import Record, shown

_SEVERITIES = ("ok", "information", "warning", "error", "critical")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "gt": operator.gt, "lt": operator.lt, "ge": operator.ge, "le": operator.le, "eq": operator.eq
}  # fmt: skip


@answers("listAlerts")
def _list_alerts(call: Call) -> Answer:
    return call.page(_choose_alerts)


def _choose_alerts(call: Call) -> Sequence[Record]:
    root, query = call.reach_numbered(), call.query
    found = [alert for alert in call.world.alerts.values() if call.sees(alert, root)]
    if "deleted_at" not in query:
        found = [alert for alert in found if alert["_deleted_ns"] is None]
    if "severity" in query:
        severities = _read_severities(query["severity"])
        found = [alert for alert in found if alert["severity"] in severities]
    if "query" in query:
        text = query["query"].casefold()
        found = [alert for alert in found if any(text in str(each).casefold() for each in alert["details"].values())]
    for key in ("id", "type"):
        found = [alert for alert in found if query.get(key) in (None, alert[key])]
    for key, kept in (("updated_at", "_updated_ns"), ("deleted_at", "_deleted_ns")):
        if key in query:
            compare = _read_comparison(query[key], int)
            found = [alert for alert in found if alert[kept] is not None and compare(alert[kept])]
    if "order" in query:
        found.sort(key=lambda alert: alert["_created_ns"], reverse=query["order"].startswith("desc"))
    return [shown(alert) for alert in found]


def _read_severities(text: str) -> tuple[str, ...]:
    """Return the severities that a filter means: one, `or(a,b)`, or `gt(a)` and its like by their order."""
    called = re.fullmatch(r"(\w+)\(([a-z,]+)\)", text)
    named = (called[2] if called else text).split(",")
    if not set(named) <= set(_SEVERITIES):
        raise Refused(400, f"The severity {text} is not known.")
    if called is None or called[1] == "or":
        return tuple(named)
    if called[1] not in _OPERATORS or len(named) != 1:
        raise Refused(400, f"The severity {text} is not known.")
    compare, least = _OPERATORS[called[1]], _SEVERITIES.index(named[0])
    return tuple(each for rank, each in enumerate(_SEVERITIES) if compare(rank, least))


def _read_comparison(text: str, read: Callable[[str], float]) -> Callable[[float], bool]:
    name, _, value = text.removesuffix(")").partition("(")
    compare, limit = _OPERATORS[name], read(value)
    return lambda each: compare(each, limit)


@answers("listActivities")
def _list_activities(call: Call) -> Answer:
    answer = call.page(_choose_activities)
    assert isinstance(answer.body, dict)
    return Answer(body=answer.body | {"size": len(answer.body["items"])})


def _choose_activities(call: Call) -> Sequence[Record]:
    root, query = call.reach_numbered(), call.query
    found = [each for each in call.world.activities.values() if call.sees(each, root)]
    if "completedAt" in query:
        try:
            compare = _read_comparison(query["completedAt"], _read_moment)
        except ValueError as error:
            raise Refused(400, "completedAt is not a time.") from error
        found = [each for each in found if "completedAt" in each and compare(_read_moment(each["completedAt"]))]
    if "resultCode" in query:
        found = [each for each in found if each.get("result", {}).get("code") == query["resultCode"]]
    if "policyType" in query:
        found = [each for each in found if each["_policy_type"] == query["policyType"]]
    found.sort(key=lambda each: each["_started"], reverse=True)
    return [shown(each) for each in found]


def _read_moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
