"""The lifecycle rules of a machine's bucket, as a map by rule id. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

Rule = dict[str, Any]

LOCK_DAYS = 1
UPLOAD_DAYS = 2
_LOCKS = "locks"


def rules(undelete_days: int) -> dict[str, Rule]:
    """Return the rules by id: old versions expire after ``undelete_days``, lock files after 1 day, uploads after 2.

    Ids are always set, since RGW gives a random id to a rule without one.
    """
    return {
        "all": {
            "Status": "Enabled",
            "Prefix": "",
            "NoncurrentVersionExpiration": {"NoncurrentDays": undelete_days},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        },
        _LOCKS: {
            "Status": "Enabled",
            "Prefix": "restic/locks/",
            "Expiration": {"Days": LOCK_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": LOCK_DAYS},
        },
    }


def find_undelete_days(live: Mapping[str, Rule]) -> int | None:
    """Return the minimum number of days after which earlier versions of backups expire; None without such a rule."""
    found = [
        rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
        for name, rule in live.items()
        if name != _LOCKS and rule.get("Status") == "Enabled"
    ]
    return min((days for days in found if isinstance(days, int)), default=None)


def by_id(live: Iterable[Mapping[str, Any]]) -> dict[str, Rule]:
    """Return S3's list of rules as a map by id, in normal form: RGW writes a prefix in several ways.

    RGW answers sorted by id, and with a top-level ``Prefix`` for an empty Filter.
    """
    return dict(sorted((str(rule.get("ID", "")), normalise(rule)) for rule in live))


def normalise(rule: Mapping[str, Any]) -> Rule:
    """Return a rule without id, with its prefix at the top; a filter with more than a prefix stays unchanged."""
    result = {name: value for name, value in rule.items() if name not in ("ID", "Filter", "Prefix")}
    condition = rule.get("Filter") or {}
    if set(condition) - {"Prefix"}:
        result["Filter"] = condition
    else:
        result["Prefix"] = condition.get("Prefix", rule.get("Prefix", ""))
    return dict(sorted(result.items()))


def normalise_all(by_rule_id: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    """Return rules by id in normal form, sorted, as `by_id` returns the live ones."""
    return {rule_id: normalise(rule) for rule_id, rule in sorted(by_rule_id.items())}


def document(wanted: Mapping[str, Rule]) -> list[Rule]:
    """Return S3's list of rules from a map by id."""
    result = []
    for rule_id, rule in sorted(wanted.items()):
        body = {name: value for name, value in rule.items() if name != "Prefix"}
        body.setdefault("Filter", {"Prefix": rule.get("Prefix", "")})
        result.append({"ID": rule_id, **body})
    return result
