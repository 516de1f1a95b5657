"""The English words for findings about the service: quota, due backups and drills, retention, accounts, platforms."""

from collections.abc import Callable, Mapping

from coffre.cli.words.supervision import drills
from coffre.cli.words.supervision.attack import describe_last_good
from coffre.cli.words.supervision.availability import describe_outage, format_duration
from coffre.cli.words.supervision.vendor_findings import VENDOR_WORDS
from coffre.findings import Evidence, FindingKind
from coffre.outside.text import one_line
from coffre.spec.values.sizes import format_bytes, format_sold

_TEXT_LENGTH = 200

_NOT_KNOWN: Mapping[str, str] = {
    "never_complete": "no apply of it was completed",
    "earlier_version": "an earlier version of Coffre applied it, which kept no files",
    "lost": "the file that was applied is no longer in the records, or was changed there",
    "settings": "the platform.yaml of the newest apply is not in the records, or cannot be read",
    "unreadable": "this version of Coffre cannot read the file that was applied",
}


def count_snapshots(count: object) -> str:
    """Return a number of snapshots."""
    return f"{count} snapshot{'' if count == 1 else 's'}"


def count_more(evidence: Evidence) -> str:
    """Return how many there are besides the one that is named."""
    more = int(evidence.get("count") or 1) - 1
    return f" and {more} more" if more > 0 else ""


def _text(evidence: Evidence, name: str) -> str:
    return one_line(str(evidence[name]), _TEXT_LENGTH)


def _used(evidence: Evidence) -> str:
    used, sold = int(evidence["used_bytes"] or 0), int(evidence["quota_bytes"] or 0)
    return f"{format_bytes(used)} of the sold {format_sold(sold)} are used"


SERVICE_WORDS: Mapping[FindingKind, Callable[[Evidence], str]] = {
    **VENDOR_WORDS,
    FindingKind.DRILL_OVERDUE: drills.describe_overdue,
    FindingKind.DRILL_FAILED: drills.describe_failed,
    FindingKind.SIZE_JUMPED: lambda evidence: (
        f"{_text(evidence, 'path')} gave {format_bytes(int(evidence['bytes'] or 0))} in the run of {evidence['at']}, "
        f"and {format_bytes(int(evidence['bytes_before'] or 0))} in the one before: ask the customer "
        "whether that is meant"
    ),
    FindingKind.QUOTA_NEAR: lambda evidence: (
        f"{_used(evidence)}, above {evidence['percent']} %: tell the customer, and propose an amendment"
    ),
    FindingKind.QUOTA_REACHED: lambda evidence: (
        f"{_used(evidence)}: backups are stopped, and no machine backs up; tell the customer, and propose an amendment"
    ),
    FindingKind.BACKUP_LATE: lambda evidence: (
        f"no backup since {evidence['last_success_at'] or 'its installation'}, but one was due at "
        f"{evidence['due_at']}: "
        "the machine is probably off"
    ),
    FindingKind.BACKUP_MISSED: lambda evidence: (
        f"no backup since {evidence['last_success_at'] or 'its installation'}, but one was due at "
        f"{evidence['due_at']}: "
        "call the customer, and look at the machine"
    ),
    FindingKind.BACKUP_FAILED: lambda evidence: (
        f"its last run ended as {evidence['result']}: read its report with `coffre status`, and look at the machine"
    ),
    FindingKind.WITNESSES_DISAGREE: lambda evidence: (
        f"it reports a backup of {evidence['reported_at']} that storage does not have (the newest there is of "
        f"{evidence['newest_snapshot_at'] or 'no time'}): run `coffre verify`, and look at the machine"
    ),
    FindingKind.SNAPSHOTS_MISDATED: lambda evidence: (
        f"not pruned: {count_snapshots(evidence['count'])} with another date than storage gives them, for example "
        f"{str(evidence['snapshot'])[:8]} "
        + (
            f"({evidence['taken_at']} in it, {evidence['stored_at']} in storage)"
            if evidence["taken_at"]
            else "(which no agent writes)"
        )
        + ": find out who wrote them with the machine's key. They stay if you run `coffre prune --agree dates`; "
        "`coffre snapshot set-aside` takes one away"
    ),
    FindingKind.RETENTION_TOO_MUCH: lambda evidence: (
        f"not pruned: {count_snapshots(evidence['count'])} would go, and {evidence['days']} of {evidence['of_days']} "
        "days would have no backup any more; `coffre prune --dry-run` shows it, `--agree amount` carries it out"
    ),
    FindingKind.RETENTION_LATE: lambda evidence: (
        f"{count_snapshots(evidence['count'])} older than its plan keeps them; it was last pruned "
        f"{evidence['last_at'] or 'never'}: run `coffre prune` daily"
    ),
    FindingKind.RETENTION_FREES_NOTHING: lambda evidence: (
        f"snapshots were removed at {evidence['at']}, and {format_bytes(int(evidence['bytes'] or 0))} of them are "
        "still there: "
        + (
            "the platform deletes no earlier versions; check the bucket's lifecycle with `coffre drift`"
            if evidence["why"] == "versions"
            else "there was no room to repack; sell more space, or run `coffre prune --agree loss`"
        )
    ),
    FindingKind.NOT_KNOWN: lambda evidence: (
        f"nobody supervises it: {_NOT_KNOWN.get(str(evidence['reason']), str(evidence['reason']))}; run `coffre apply`"
    ),
    FindingKind.TENANT_NOT_SEEN: lambda evidence: f"nobody could look at it: {evidence['error']}",
    FindingKind.MACHINE_NOT_DEPLOYED: lambda evidence: (
        f"its agent was never deployed, and it is declared since {evidence['since']}: its licence protects nothing; "
        "run `coffre apply`, or retire the machine"
    ),
    FindingKind.BUCKET_NOT_DECLARED: lambda evidence: (
        f"the bucket {evidence['bucket']} ({format_bytes(int(evidence['stored_bytes'] or 0))}) belongs to none of its "
        "machines: find out whose data it is"
    ),
    FindingKind.USER_NOT_DECLARED: lambda evidence: (
        f"{evidence['users']} more user(s) on the platform have names of Coffre's, and no record knows their tenants"
        if evidence["user"] is None
        else f"{evidence['users']} user(s) of {_text(evidence, 'user')}, with {evidence['buckets']} bucket(s), belong "
        "to no tenant of the records or of a file: find out whose they are; if another repository of Coffre uses the "
        "platform too, declare it by `shared: true`"
    ),
    FindingKind.STACK_GONE: lambda evidence: (
        f"Pulumi's state has no stack {_text(evidence, 'stack')} any more: restore it from a copy, or run "
        "`coffre apply`, which adopts what is there"
    ),
    FindingKind.USERS_GONE: lambda evidence: (
        f"{_text(evidence, 'platform')} lacks {evidence['count']} of its users, for example {_text(evidence, 'user')}: "
        "find out who deleted them, then run `coffre apply`"
    ),
    FindingKind.KEY_UNKNOWN: lambda evidence: (
        f"the user {_text(evidence, 'user')} has access key {_text(evidence, 'key_id')}{count_more(evidence)}, which "
        "no bundle has"
        + ("" if evidence["used_at"] is None else f", and a run used it at {evidence['used_at']}")
        + ": find out who made it; `coffre apply` deletes it"
    ),
    FindingKind.KEY_UNUSED: lambda evidence: (
        f"its access key {_text(evidence, 'key_id')} was not used for {evidence['days']} days (last at "
        f"{evidence['used_at'] or 'an unknown time'}): retire the machine, or `coffre rotate` the key"
    ),
    FindingKind.PLATFORM_AWAY: lambda evidence: describe_outage(evidence),
    FindingKind.PLATFORM_IN_MAINTENANCE: lambda evidence: describe_outage(evidence),
    FindingKind.PROBES_MISSING: lambda evidence: (
        f"nobody probes the platform since {evidence['last_at']}: start `coffre probe` again; until then its "
        "availability is unknown"
    ),
    FindingKind.PROBE_CANNOT_LOOK: lambda evidence: (
        f"probes say nothing about the platform since {evidence['since']}, and the fault is ours: run `coffre probe`, "
        "it says what is refused; until then its availability is unknown"
    ),
    FindingKind.AVAILABILITY_SPENT: lambda evidence: (
        f"{evidence['percent']} % of the time that the platform may be down in {evidence['year']} are used: "
        f"{format_duration(int(evidence['used_seconds'] or 0))} of "
        f"{format_duration(int(evidence['budget_seconds'] or 0))}; `coffre sla` shows when"
    ),
    FindingKind.CUSTOMER_NOT_TOLD: lambda evidence: (
        "a message to the customer did not leave: "
        + (
            "platform.yaml names no mail server; call the customer, and add `mail:`"
            if evidence["reason"] == "no_mail_server"
            else f"{evidence['error']}; call the customer, and see `coffre messages list --unsent`"
        )
    ),
    FindingKind.CHANNEL_FAILING: lambda evidence: (
        f"the channel {evidence['channel']} takes no message ({evidence['error']}): `coffre notify test "
        f"{evidence['channel']}` tries it, `coffre messages list --unsent` shows what waits"
    ),
    FindingKind.SUSPECTED_ATTACK: lambda evidence: (
        f"suspected attack ({_text(evidence, 'signs').replace(',', ', ')}): its retention is frozen since "
        f"{evidence['frozen_at']}{describe_last_good(evidence['last_good'], evidence['last_good_at'])}; call the "
        "customer, look at the machine, then `coffre brake release`"
    ),
    FindingKind.SETTINGS_WEAKENED: lambda evidence: (
        f"{_text(evidence, 'settings').replace(',', ', ')} of {evidence['machines']} machine(s) protect less since "
        f"{evidence['at']}, applied by {_text(evidence, 'by')}"
        + ("" if evidence["commit"] is None else f" from commit {_text(evidence, 'commit')[:12]}")
    ),
    FindingKind.OF_NEWER_VERSION: lambda evidence: (
        f"a newer version of Coffre found {evidence['kind']}, which this one does not know: update Coffre here"
    ),
}
