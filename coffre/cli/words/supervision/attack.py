"""The words for signs of an attack and for frozen retentions; no other module has them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from coffre.outside.text import one_line
from coffre.records.facts.fact import RecordedFinding
from coffre.spec.values.sizes import format_bytes
from coffre.supervision.judge.attacks.signs import SignKind

if TYPE_CHECKING:
    from coffre.tenant.estate.freezes import Freeze

Evidence = Mapping[str, object]
_LENGTH = 200


def describe_freeze(freeze: "Freeze") -> str:
    """Say since when, by whom and why the retention of a machine is frozen, and which backup is the last good one."""
    fact = freeze.fact
    signs = [describe_sign(each) for each in fact.signs]
    why = "; ".join(([one_line(fact.reason, _LENGTH)] if fact.reason else []) + signs)
    good = describe_last_good(fact.last_good_snapshot_id, None if fact.last_good_at is None else str(fact.last_good_at))
    return f"{freeze.machine}: frozen since {freeze.since:%Y-%m-%d %H:%M} UTC by {freeze.actor}: {why}{good}"


def describe_last_good(snapshot_id: object, at: object) -> str:
    """Say which backup is the last one from before the first sign, as the end of a sentence."""
    if snapshot_id is None:
        return ""
    return f"; the last good backup is {str(snapshot_id)[:8]}" + ("" if at is None else f" of {at}")


def describe_sign(sign: RecordedFinding) -> str:
    """Return one sign in words; one of a newer version by its name."""
    words = SIGNS.get(sign.kind)
    return one_line(sign.kind, _LENGTH) if words is None else words(sign.evidence)


def _number(evidence: Evidence, name: str) -> int:
    value = evidence.get(name)
    return value if isinstance(value, int) else 0


def _size(evidence: Evidence, name: str) -> str:
    return format_bytes(_number(evidence, name))


def _text(evidence: Evidence, name: str) -> str:
    return one_line(str(evidence.get(name)), _LENGTH)


def _bait(evidence: Evidence, what: str) -> str:
    return f"{_number(evidence, 'count')} of {_number(evidence, 'of')} bait files {what}"


def _settings(evidence: Evidence) -> str:
    commit = evidence.get("commit")
    said = "" if commit is None else f" from commit {str(commit)[:12]}"
    names = _text(evidence, "settings").replace(",", ", ")
    return f"applied settings protect less than before ({names}; by {_text(evidence, 'by')}{said})"


SIGNS: Mapping[str, Callable[[Evidence], str]] = {
    SignKind.BAIT_CHANGED: lambda evidence: _bait(evidence, "were changed or renamed"),
    SignKind.BAIT_GONE: lambda evidence: _bait(evidence, "are gone"),
    SignKind.BAIT_READ: lambda evidence: _bait(evidence, "were read by another program"),
    SignKind.REWRITTEN: lambda evidence: (
        f"{_number(evidence, 'files')} of {_number(evidence, 'files_before')} files have new content that does not "
        "compress"
    ),
    SignKind.REMOVED: lambda evidence: (
        f"{_number(evidence, 'files')} of {_number(evidence, 'files_before')} files are gone"
    ),
    SignKind.ADDED: lambda evidence: (
        f"{_size(evidence, 'bytes')} of new data that does not compress, in few files; usual are "
        f"{_size(evidence, 'usual_bytes')}"
    ),
    SignKind.STORE_OVERWRITTEN: lambda evidence: (
        f"{_number(evidence, 'count')} objects of its repository were overwritten ({_text(evidence, 'key')})"
    ),
    SignKind.STORE_LOST: lambda evidence: (
        f"{_number(evidence, 'count')} objects of its repository are gone, and Coffre did not remove them"
    ),
    SignKind.UNREPORTED: lambda evidence: f"{_number(evidence, 'count')} snapshots came without a report",
    SignKind.UNDERSTATED: lambda evidence: (
        f"its repository grew by {_size(evidence, 'bytes')}, and its reports say {_size(evidence, 'reported_bytes')}"
    ),
    SignKind.SETTINGS_WEAKENED: _settings,
}
