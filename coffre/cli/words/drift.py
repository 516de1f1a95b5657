"""The English words for drift; no other module has them."""

from collections.abc import Mapping
from typing import Any

from coffre.outside.text import one_line
from coffre.provisioning.drift.values import Drift, DriftKind, TenantDrift, Unseen, UnseenKind
from coffre.spec.values.sizes import format_bytes
from coffre.storage.survey import find_expiry_days

_LENGTH = 300
"""How much of a platform's or a machine's own words is shown."""


def describe(drift: Drift) -> str:
    """Return a difference as one line."""
    machine = f"{drift.machine}: " if drift.machine is not None else ""
    return f"{_where(drift)}{machine}{_WORDS[drift.what](drift)}"


def describe_unseen(unseen: Unseen) -> str:
    """Return what was not looked at as one line."""
    machine = f"{unseen.machine}: " if unseen.machine is not None else ""
    said = f": {one_line(unseen.error, _LENGTH)}" if unseen.error else ""
    text = _UNSEEN[unseen.what].format(seconds=f"{unseen.limit_seconds or 0:.0f}")
    hint = f". {one_line(unseen.hint, _LENGTH)}" if unseen.hint else ""
    return f"{_where(unseen)}{machine}unknown: {text}{said}{hint}"


def _where(found: Drift | Unseen) -> str:
    if found.copied_to is not None:
        return f"second copy on {found.copied_to}: "
    return f"part on {found.part}: " if found.part is not None else ""


def sum_up(tenants: list[TenantDrift]) -> str:
    """Return the whole result in one line."""
    drifted = sum(bool(each.drift) for each in tenants)
    unseen = sum(bool(each.unseen) for each in tenants)
    what = f"{drifted} of {_tenants(len(tenants))} {'differs' if drifted == 1 else 'differ'}" if drifted else "no drift"
    if not drifted:
        what = f"no drift in {_tenants(len(tenants))}"
    return what + (f"; {unseen} could not be looked at in full" if unseen else "")


def _tenants(count: int) -> str:
    return "1 tenant" if count == 1 else f"{count} tenants"


def _compared(thing: str) -> Any:
    """Return the words for a thing that is missing, or has other values than it should have."""

    def say(drift: Drift) -> str:
        named = f"{thing} {one_line(drift.detail, _LENGTH)}".strip() if drift.detail else thing
        if drift.found is None and (not drift.detail or drift.expected is not None):
            return f"{named} is missing"
        if drift.expected is None and drift.found is not None:
            return f"{named} is there, and nobody asked for it"
        if drift.expected is None or isinstance(drift.expected, Mapping) or isinstance(drift.found, Mapping):
            return f"{named} differs"
        return f"{named} is {_show(drift.found)} instead of {_show(drift.expected)}"

    return say


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return one_line(str(value), _LENGTH)


def _wall(drift: Drift) -> str:
    found = "none" if drift.found is None else format_bytes(int(drift.found))
    wanted = "" if drift.expected is None else f" instead of {format_bytes(int(drift.expected))}"
    return f"the owner's hard quota is {found}{wanted}"


def _rule(drift: Drift) -> str:
    found, expected = find_expiry_days(drift.found), find_expiry_days(drift.expected)
    if found is not None and expected is not None and found != expected:
        return f"lifecycle rule {drift.detail}: earlier versions expire after {found} days instead of {expected}"
    return str(_compared("lifecycle rule" if drift.detail else "the lifecycle")(drift))


def _switch(thing: str, on: str, off: str) -> Any:
    def say(drift: Drift) -> str:
        found, expected = (on if each else off for each in (drift.found, drift.expected))
        return f"{thing} is {found}; it should be {expected}"

    return say


def _quota(drift: Drift) -> str:
    return f"a limit for a single bucket, on {one_line(drift.detail, _LENGTH)}: {format_bytes(int(drift.found))}"


def _orders_not_taken(drift: Drift) -> str:
    if drift.expected is None:
        return f"newer orders wait for the machine ({one_line(drift.detail, _LENGTH)})"
    obeyed = "" if drift.found is None else f", the machine obeys generation {drift.found}"
    return f"orders of generation {drift.expected} are due{obeyed}"


def _with_detail(text: str) -> Any:
    return lambda drift: text + (f" ({one_line(drift.detail, _LENGTH)})" if drift.detail else "")


def _instead(thing: str) -> Any:
    return lambda drift: f"{thing} is {_show(drift.found)} instead of {_show(drift.expected)}"


_WORDS: Mapping[DriftKind, Any] = {
    DriftKind.USER: _compared("the user"),
    DriftKind.KEY: _compared("the access key"),
    DriftKind.WALL: _wall,
    DriftKind.USER_POLICY: _compared("the user's policy"),
    DriftKind.BUCKET: _compared("the bucket"),
    DriftKind.VERSIONING: _compared("versioning of the bucket"),
    DriftKind.POLICY: _compared("the bucket's policy"),
    DriftKind.LIFECYCLE: _rule,
    DriftKind.PUBLIC_ACCESS: _compared("the public access block"),
    DriftKind.OWNERSHIP: _compared("the ownership of objects"),
    DriftKind.ENCRYPTION: _compared("the encryption of the bucket"),
    DriftKind.LICENCES: _compared("what the vendor gives:"),
    DriftKind.SERVICE: _compared("the vendor's service for backups"),
    DriftKind.ACCOUNT: _compared("the account in the vendor's portal"),
    DriftKind.OTHER: _with_detail("a resource that this version of Coffre does not know"),
    DriftKind.USER_SUSPENDED: _with_detail("the user is suspended"),
    DriftKind.EXTRA_USER: _with_detail("a user of this tenant's names that no machine has"),
    DriftKind.FOREIGN_KEY: _with_detail("an access key that is in no bundle"),
    DriftKind.EXTRA_BUCKET: _with_detail("a bucket of this tenant's owner that no machine has"),
    DriftKind.BUCKET_QUOTA: _quota,
    DriftKind.GATE: _switch("the gate", "closed", "open"),
    DriftKind.STOP: _switch("the machine", "stopped from writing anything", "let write"),
    DriftKind.SUSPENSION: _switch("its access", "suspended", "open"),
    DriftKind.NEVER_APPLIED: lambda _: "it was never applied there",
    DriftKind.STACK_LOST: lambda _: "it is on the platform, and Pulumi's state of it is gone",
    DriftKind.NOT_APPLIED: _with_detail("the file asks for changes that no apply has carried out"),
    DriftKind.FILE_GONE: lambda _: "its file is gone, and its storage still exists",
    DriftKind.AGENT_MISSING: lambda _: "it never got its agent",
    DriftKind.ORDERS: _with_detail("its orders are not those of the file"),
    DriftKind.ORDERS_NOT_TAKEN: _orders_not_taken,
    DriftKind.AGENT_PROGRAM: lambda _: "a newer agent program is here",
    DriftKind.AGENT_VERSION: _instead("the agent's version"),
    DriftKind.AGENT_KEY: _instead("the agent's access key"),
    DriftKind.AGENT_SIGNER: lambda _: "the agent trusts another signer of orders than this tenant's",
    DriftKind.CONNECTION: lambda drift: f"it is reached by {_show(drift.expected)}, deployed by {_show(drift.found)}",
    DriftKind.PROGRAMS: _with_detail("the agent's programs differ"),
    DriftKind.CONFIGURATION: _with_detail("the agent's configuration differs"),
    DriftKind.SCHEDULE: _with_detail("what starts the backups is missing, changed or masked"),
    DriftKind.SCHEDULE_OFF: _with_detail("what starts the backups is switched off"),
    DriftKind.SCHEDULE_ADDITION: _with_detail("somebody's file changes what starts the backups"),
    DriftKind.RESTIC: _with_detail("the restic of its orders is not there"),
    DriftKind.AGENT_STATE: _with_detail("the agent would change something"),
}

_UNSEEN: Mapping[UnseenKind, str] = {
    UnseenKind.PLATFORM: "its platform gives no answer",
    UnseenKind.STORAGE: "the platform refuses to show a part of the storage",
    UnseenKind.MACHINE: "the machine was not reached",
    UnseenKind.AGENT: "the agent could not be asked",
    UnseenKind.NO_STATEMENT: "the machine never said which orders it applied",
    UnseenKind.STATEMENT_ASIDE: "what the machine said of its orders cannot be trusted",
    UnseenKind.OTHER_MACHINE: "another machine said under this one's name which orders it applied",
    UnseenKind.TENANT: "the look ended with an error",
    UnseenKind.UNEXPECTED: "the look ended with an unexpected error",
    UnseenKind.TIME: "the look took more than {seconds} s and was left",
}
