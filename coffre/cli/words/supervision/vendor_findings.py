"""The English words for findings about the parts of a tenant's space, and about a vendor's agents and licences."""

from collections.abc import Callable, Mapping

from coffre.findings import Evidence, FindingKind
from coffre.outside.text import one_line
from coffre.spec.values.sizes import format_bytes, format_sold

_TEXT_LENGTH = 120


def _text(evidence: Evidence, name: str) -> str:
    return one_line(str(evidence[name]), _TEXT_LENGTH)


VENDOR_WORDS: Mapping[FindingKind, Callable[[Evidence], str]] = {
    FindingKind.PART_NOT_SEEN: lambda evidence: (
        f"its part on {_text(evidence, 'platform')} could not be looked at: {_text(evidence, 'error')}; how much of "
        "the sold quota is used is unknown until then"
    ),
    FindingKind.PART_FULL: lambda evidence: (
        f"its part on {_text(evidence, 'platform')} is nearly full: {format_bytes(int(evidence['used_bytes'] or 0))} "
        f"of {format_sold(int(evidence['quota_bytes'] or 0))} are used, and "
        f"{format_bytes(int(evidence['free_bytes'] or 0))} are free elsewhere: divide the quota differently "
        "(`storage.parts` of its file) and run `coffre apply`; the sold quota stays, so no amendment is needed"
    ),
    FindingKind.USE_NOT_TOLD: lambda evidence: (
        f"{_text(evidence, 'platform')} does not tell how much of its quota is used, so this is unknown: look in the "
        "vendor's portal, and ask the vendor"
    ),
    FindingKind.VENDOR_ALERT: lambda evidence: (
        f"the vendor shows {evidence['count']} open alert(s) of more types: look in its portal"
        if evidence["type"] is None
        else f"the vendor shows {evidence['count']} open alert(s) {_text(evidence, 'type')} "
        f"({_text(evidence, 'severity')}), the oldest of {evidence['since'] or 'an unknown time'}: look in its portal"
    ),
    FindingKind.AGENT_OFFLINE: lambda evidence: (
        f"the vendor does not reach its agent since {evidence['since']}: see whether the machine is on and its network "
        "lets it out"
    ),
    FindingKind.AGENT_GONE: lambda evidence: (
        f"the vendor does not list its agent {_text(evidence, 'agent')} any more: find out who deleted it, then run "
        "`coffre apply`"
    ),
    FindingKind.AGENT_NOT_DECLARED: lambda evidence: (
        f"{evidence['count']} more agents at the vendor's are of no machine of its file"
        if evidence["agent"] is None
        else f"the agent {_text(evidence, 'agent')} at the vendor's, of host {_text(evidence, 'host_name')}, is of no "
        "machine of its file: it may use a licence; find out whose it is, and declare the machine or remove the agent "
        "in the vendor's portal"
    ),
    FindingKind.PLAN_MISSING: lambda _: (
        "by the vendor's word no protection plan is on for it, so nothing is backed up: `coffre apply` applies the plan"
    ),
    FindingKind.LICENCES_NOT_GRANTED: lambda evidence: (
        f"the vendor grants {evidence['granted']} licence(s) {_text(evidence, 'licence')}, and {evidence['ordered']} "
        f"were ordered ({_text(evidence, 'order')}): run `coffre drift`; if nobody changed them, call the distributor"
    ),
    FindingKind.LICENCES_NOT_ORDERED: lambda evidence: (
        f"{evidence['used']} licence(s) {_text(evidence, 'licence')} are in use at the vendor's, and "
        f"{evidence['ordered']} were ordered ({_text(evidence, 'order')}): order the others, or retire machines"
    ),
}
