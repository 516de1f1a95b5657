"""Probes of a platform as values: what one attempt to write, read back and delete gave."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

PROBE_NAME = "coffre-probe"
"""The user and the bucket of probes on a platform; no tenant's name has this form (`coffre.spec.naming`)."""


class ProbeStep(StrEnum):
    """A step of a probe, in their order. The database keeps the values."""

    OPEN = "open"
    """The probe's own user, key and bucket are looked up, or made."""
    WRITE = "write"
    READ = "read"
    COMPARE = "compare"
    DELETE = "delete"


class ProbeFault(StrEnum):
    """Why a step failed. The database keeps the values."""

    CERTIFICATE = "certificate"
    """The certificate is not accepted: it has expired, names another host, or is of an unknown authority."""
    UNREACHABLE = "unreachable"
    """No connection, or it was closed without an answer."""
    TIMEOUT = "timeout"
    """No answer within the time of a probe."""
    UNAVAILABLE = "unavailable"
    """The gateway, or a proxy in front of it, answered that it cannot serve now."""
    REFUSED = "refused"
    """The platform answered with another error."""
    DIFFERENT = "different"
    """What was read is not what was written, or no longer there."""
    CANNOT_LOOK = "cannot_look"
    """The fault is on this side, so nobody knows whether the platform serves (see `Probe.run`)."""


@dataclass(frozen=True)
class ProbeResult:
    """The result of one probe: ``failed`` is the step that failed and why, None when all went well."""

    at: datetime
    duration_ms: int
    failed: tuple[ProbeStep, ProbeFault] | None = None

    @property
    def is_up(self) -> bool:
        return self.failed is None


class Probe(Protocol):
    """Probes one platform through its public endpoint, with a user, a key and a bucket of its own."""

    def run(self, at: datetime) -> ProbeResult:
        """Write an object, read it back, compare it, delete it, on a new connection; a failure is a result.

        ExpectedError when the fault is on this side (settings, the administrator's rights, the probe's own user and
        key, this computer's clock): then nobody knows whether the platform serves.
        """
