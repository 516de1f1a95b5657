"""The result of a preview or an update: each change of each resource, as plain values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from coffre.errors import RefusedError

_MINTED_KIND = "AccessKey"
"""A key that is created between plan and apply appears in a plan only by its user's name."""


@dataclass(frozen=True, order=True)
class PropertyChange:
    """One property of a resource, before and after; both None where a value is a document, too long for a visual check.

    Secrets are already `[secret]` here: the engine masks them.
    """

    path: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, order=True)
class ResourceChange:
    """One change of one resource, and the differences.

    ``operation`` is create, adopt, update, replace or delete; to adopt is to add an existing resource of the platform
    to the stack's state. ``platform`` is that of a part beside the tenant's own one, empty elsewhere.
    """

    operation: str
    kind: str
    name: str
    properties: tuple[PropertyChange, ...] = ()
    inputs_sha256: str = ""
    """The hash of the wanted inputs, with masked secrets: it shows whether another change has the same result."""
    platform: str = ""


def refuse_other_changes(tenant: str, planned: Iterable[ResourceChange], now: Iterable[ResourceChange]) -> None:
    """Refuse (RefusedError) changes that differ from the planned ones. Pure."""
    others = differing_changes(planned, now)
    if others:
        raise RefusedError(
            f"{tenant}: the plan is out of date; changed since then: {'; '.join(others)}",
            "No resource was changed. Make a new plan, check it, and apply it.",
        )


def differing_changes(planned: Iterable[ResourceChange], now: Iterable[ResourceChange]) -> list[str]:
    """Name the resources whose change differs from the planned one. Pure."""
    return differing(_by_resource(planned), _by_resource(now), "")


def _by_resource(changes: Iterable[ResourceChange]) -> dict[str, ResourceChange]:
    return {
        f"{change.kind} {change.name}": replace(change, inputs_sha256="", properties=())
        if change.kind == _MINTED_KIND
        else change
        for change in changes
    }


def differing(before: Mapping[str, object], after: Mapping[str, object], prefix: str) -> list[str]:
    """Name the entries that differ between two maps. Pure."""
    return [f"{prefix}{name}" for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
