"""The English words of availability: outages, durations, probes."""

from collections.abc import Mapping

from coffre.findings import Evidence
from coffre.records.facts.availability import ExclusionCause
from coffre.storage.probing import ProbeFault, ProbeStep

STEPS: Mapping[str, str] = {
    ProbeStep.OPEN: "preparing the probe",
    ProbeStep.WRITE: "writing",
    ProbeStep.READ: "reading back",
    ProbeStep.COMPARE: "comparing",
    ProbeStep.DELETE: "deleting",
}
FAULTS: Mapping[str, str] = {
    ProbeFault.CERTIFICATE: "its certificate is not accepted",
    ProbeFault.UNREACHABLE: "no connection",
    ProbeFault.TIMEOUT: "no answer in time",
    ProbeFault.UNAVAILABLE: "it says that it cannot serve now",
    ProbeFault.REFUSED: "it refuses the request",
    ProbeFault.CANNOT_LOOK: "the fault is ours",
    ProbeFault.DIFFERENT: "what was read is not what was written",
}
CAUSES: Mapping[ExclusionCause, str] = {
    ExclusionCause.FORCE_MAJEURE: "force majeure",
    ExclusionCause.THIRD_PARTY: "a third party",
    ExclusionCause.CUSTOMER: "the customer",
}


def describe_fault(step: object, fault: object) -> str:
    """Return which step of a probe failed, and why."""
    return f"{STEPS.get(str(step), str(step))}: {FAULTS.get(str(fault), str(fault))}"


def describe_outage(evidence: Evidence) -> str:
    """Return what is known of a platform that does not serve."""
    parts = []
    if evidence.get("began_at"):
        parts.append(
            f"does not serve since {evidence['began_at']} ({describe_fault(evidence['step'], evidence['fault'])})"
        )
    if evidence.get("error"):
        parts.append(f"does not answer, so {evidence['tenants']} tenants could not be looked at: {evidence['error']}")
    if evidence.get("maintenance_until"):
        parts.append(f"a declared maintenance lasts until {evidence['maintenance_until']}")
    return "the platform " + "; ".join(parts)


def format_duration(seconds: int) -> str:
    """Write a duration exactly, like 26 h 16 min 48 s."""
    sign, rest = ("-" if seconds < 0 else ""), abs(seconds)
    hours, minutes, left = rest // 3600, rest // 60 % 60, rest % 60
    parts = [f"{value} {unit}" for value, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if value]
    return sign + (" ".join(parts) or "0 s")
