"""Prints a plan: what apply would change, in the terms of the tenant file, and the effect."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from coffre.cli import output
from coffre.cli.words.lines import describe_uploads
from coffre.cli.words.machines import describe_retired
from coffre.secrets.identifiers import describe
from coffre.spec.values.sizes import format_bytes, format_sold

if TYPE_CHECKING:
    from coffre.observation.judge.uplink import Uploads
    from coffre.provisioning.changes import ResourceChange
    from coffre.provisioning.drift.values import Drift, Unseen
    from coffre.provisioning.plan import TenantPlan
    from coffre.provisioning.terms.differences import Difference
    from coffre.provisioning.terms.found import AccessSwitch, Change, CopyPlan, UnseenPart, Value
    from coffre.provisioning.terms.notes import CostsNote, Note

_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "install": "+", "remove": "-"}


def show_plan(
    planned: "TenantPlan", on_machines: "Sequence[Drift | Unseen]" = (), uploads: "Uploads | None" = None
) -> None:
    """Print a plan, with what the machines say if they were asked, and how long the first backups take."""
    is_needed = planned.is_needed or bool(on_machines or planned.unseen)
    output.result(f"{planned.tenant}:" if is_needed else f"{planned.tenant}: nothing to change")
    for line in (*say_plan(planned), *_say_machines(on_machines)):
        output.result(f"  {line}")
    for line in () if uploads is None else describe_uploads(uploads):
        output.result(f"  ! {line}")


def say_plan(planned: "TenantPlan") -> Iterator[str]:
    """Yield what a plan changes and notes, line by line."""
    yield from _say_secrets(planned.secrets_to_mint)
    for change in planned.storage:
        yield from _say_change(change)
    yield from _say_copy(planned.second_copy)
    yield from map(describe_unseen_part, planned.unseen)
    for machine in planned.machines:
        if machine.action != "none":
            said = [describe_difference(each, f"{planned.tenant} {machine.machine}") for each in machine.differences]
            reasons = f": {', '.join(said)}" if said else ""
            yield f"{_SIGNS[machine.action]} agent on {machine.machine}{reasons}"
    for text in (*map(describe_switch, planned.access), *map(describe_step, planned.steps)):
        yield f"~ {text}"
    for note in planned.notes:
        yield f"! {describe_note(note, planned.tenant)}"
    for rotation in planned.rotations:
        state = (
            "the old key is revoked, and a machine still lacks the new one"
            if rotation.is_cut
            else "both keys are valid until `apply` or `rotate` finishes it"
        )
        yield f"! {describe(rotation.secret)}: rotation in progress; {state}"
    for option, how in planned.options.items():
        if how == "manual":
            yield f"! option {option}: manual, not yet carried out by Coffre"


def _say_secrets(owners: "Sequence[str]") -> Iterator[str]:
    """Yield whose keys and passwords are created; the stack of a tenant without any key has a passphrase of its own."""
    from coffre.provisioning.terms.found import STACK

    named = [each for each in owners if each != STACK]
    if named:
        yield f"keys and passwords to create for: {', '.join(named)}"
    if STACK in owners:
        yield "to create: the passphrase of its stack, and its signing key; there are no access keys"


def _say_machines(found: "Sequence[Drift | Unseen]") -> Iterator[str]:
    """Yield what a deployment would change, or leave, on the machines that were asked, and which were not reached."""
    if not found:
        return
    from coffre.cli.words.drift import describe, describe_unseen
    from coffre.provisioning.drift.values import Drift

    for each in found:
        if isinstance(each, Drift):
            yield f"{'~' if each.is_undone_by_apply else '!'} agent on {describe(each)}"
        else:
            yield f"! {describe_unseen(each)}"


def describe_unseen_part(part: "UnseenPart") -> str:
    """Say that a part of the space was not looked at, which machines that concerns, and what to do."""
    machines = f", nor are its machines ({', '.join(part.machines)})" if part.machines else ""
    return f"! part on {part.platform}: NOT compared{machines}: {part.error}. {part.hint}".rstrip()


def _say_copy(copied: "CopyPlan | None") -> Iterator[str]:
    """Yield what apply would change on the platform of the second copy."""
    if copied is None:
        return
    where = f"second copy on {copied.platform}"
    if copied.unseen:
        yield f"! {where}: not compared: {copied.unseen}"
    if copied.is_needed:
        yield f"{where}:"
    if copied.needs_key:
        yield "  a key of its own to create"
    for change in copied.storage:
        yield from (f"  {line}" for line in _say_change(change))
    for step in copied.steps:
        yield f"  ~ {describe_step(step)}"


def describe_switch(switch: "AccessSwitch") -> str:
    """Say which machines apply would shut out of their repositories, or let in again."""
    machines = ", ".join(switch.machines)
    if switch.reason is None:
        return f"let in again: {machines}"
    return f"shut out of their repositories ({switch.reason}): {machines}"


def describe_difference(difference: "Difference", machine: str = "") -> str:
    """Say what differs between a machine's agent and its tenant file; ``machine`` is TENANT MACHINE of a command."""
    from coffre.provisioning.terms.differences import (
        ConnectionDifference,
        OrdersFieldDifference,
        StateDifference,
        UndeliveredDifference,
    )

    match difference:
        case StateDifference():
            return _DIFFERENCES[difference.kind.value].format(machine=machine)
        case OrdersFieldDifference():
            return difference.field
        case UndeliveredDifference():
            return f"orders {difference.generation} not delivered yet"
        case ConnectionDifference():
            return f"connection {difference.recorded} is now {difference.wanted}"


def describe_note(note: "Note", tenant: str) -> str:
    """Say what holds now of a tenant and needs no change."""
    from coffre.operations.holds.settle import describe_hold
    from coffre.provisioning.terms.notes import (
        CostsNote,
        HoldNote,
        LicenceNote,
        MachineNote,
        NoPricesNote,
        OvershootNote,
        RepositoryGoneNote,
        RetiredNote,
        TenantNote,
    )

    match note:
        case HoldNote():
            open_there = "".join(
                f"; NOT enforced on {each}: what the customer's administrator deletes in the vendor's portal is gone"
                for each in note.not_kept_on
            )
            return f"hold ({describe_hold(note.hold)}): nothing expires, and nothing is deleted{open_there}"
        case TenantNote():
            return _TENANT_NOTES[note.kind.value].format(tenant=tenant)
        case RetiredNote():
            return f"{note.machine}: {describe_retired(note.retired)}"
        case MachineNote():
            return f"{note.machine}: {_MACHINE_NOTES[note.kind.value]}"
        case LicenceNote():
            return (
                f"{note.machine}: {note.editor} should count it as a {note.licence}, which is not what the file sells: "
                "it may be refused as beyond the licences"
            )
        case RepositoryGoneNote():
            return (
                f"{note.machine}: its repository is gone, and it held {note.snapshots} snapshots: "
                "apply refuses this machine"
            )
        case OvershootNote():
            return describe_overshoot(note.beyond_bytes, note.look_seconds)
        case CostsNote():
            return _describe_costs(note)
        case NoPricesNote():
            return f"costs: Coffre has no prices for region {note.region}"


def describe_overshoot(beyond_bytes: int, look_seconds: int) -> str:
    """Say what may pass the sold quota where the gate is the only limit."""
    return (
        f"the platform has no wall: the gate is the only limit, and up to {format_bytes(beyond_bytes)} may exceed the "
        f"sold quota between two looks; while backups run, run `coffre gate` every {look_seconds} s"
    )


def _describe_costs(costs: "CostsNote") -> str:
    """Say what a tenant costs in a month, with a full quota and now, and what one restore of everything costs."""
    of = "" if costs.copied_to is None else f" of the second copy on {costs.copied_to}"
    return (
        f"costs{of}: about {costs.month} USD a month with a full quota (storage {costs.storage_month}, requests "
        f"{costs.requests_month}, verification {costs.verification_month}); storage of the present "
        f"{format_bytes(costs.present_bytes)}: {costs.present_month} USD a month; a full restore: {costs.restore} USD "
        f"(list prices for {costs.region} of {costs.prices_of}, without tax)"
    )


def describe_step(step: "Change") -> str:
    """Say what apply would do besides storage and agents, and the effect."""
    words = _WORDS[step.kind.value]
    before, after = (_plain(step, value) for value in (step.before, step.after))
    beyond = "" if step.beyond_bytes is None else format_bytes(step.beyond_bytes)
    return words.format(machines=", ".join(step.machines), before=before, after=after, beyond=beyond)


def _say_change(change: "ResourceChange") -> Iterator[str]:
    where = f" on {change.platform}" if change.platform else ""
    yield f"{_SIGNS[change.operation]} {change.kind} {change.name}{where}"
    for item in change.properties:
        values = f": {item.old} → {item.new}" if item.old is not None else ""
        yield f"    {item.path}{values}"


def _plain(step: "Change", value: "Value") -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    if value is not None and step.kind.value == "quota_change":
        return format_sold(value)
    if step.kind.value == "wall":
        return "none" if value is None else format_bytes(value)
    return str(value)


_DIFFERENCES = {
    "orders_untrusted": "orders signed by a foreign key, or an earlier version put back",
    "orders_lost": "orders lost",
    "agent_program": "agent program",
    "plan": "another plan",
    "retired": "retired",
    "former_agent": "its former agent goes: the new one has a good backup",
    "arriving_agent": "its new agent arrives beside the former one",
    "enrolment_needed": "waits for enrolment: `coffre enrol {machine} --output FOLDER`",
    "enrolment_begun": "waits for enrolment, which has begun: `coffre enrol {machine}` says how far it is",
}
_TENANT_NOTES = {
    "leaving": "leaving: `coffre offboard {tenant} --plan` has the dates and what will go",
    "buckets_unread": (
        "the owner's access key opens no bucket: the platform no longer has it, or somebody suspended the owner. What "
        "the buckets have is not compared here, and `coffre apply` mends that first"
    ),
    "suspended": "suspended: its machines neither back up nor restore, and agents are left as they are",
}
_MACHINE_NOTES = {
    "retired_ahead": "that day is to come, but `retired:` counts as soon as it is applied",
    "agent_stands": "its agent still stands there, which each apply tries to remove",
    "former_agent": "it moves from another agent, which stays until the new one has a good backup",
    "retention_frozen": "its retention is frozen for the signs of an attack: none of its backups expires until "
    "`coffre brake release`",
}
_WORDS = {
    "make repository": "repository created: {machines}",
    "begin anew": "the backups of {machines} are given up as lost, and a new repository is created",
    "expire sooner": (
        "undelete_days {before} → {after} on {machines}: objects deleted or overwritten more than {after} days ago "
        "are lost, and `coffre undelete` cannot bring them back"
    ),
    "expire later": (
        "undelete_days {before} → {after} on {machines}: deleted or overwritten objects stay {after} days, and count "
        "towards the wall"
    ),
    "expire again": (
        "expiry starts again on {machines}: objects deleted or overwritten more than {after} days ago are lost"
    ),
    "expire never": "expiry stops on {machines} (it was {before} days)",
    "close gate": "gate closed: the sold quota is reached, and {machines} may not write backups",
    "open gate": "gate opened: {machines} may write backups again",
    "stop filling": "stopped: {machines} fills the storage with something other than backups",
    "let go on": "released: {machines} no longer fills the storage",
    "wall": "wall: {before} → {after}: at most {beyond} beyond the sold quota can ever be stored",
    "new keys": "access keys created by the platform for: {machines}",
    "replace keys": (
        "access keys of {machines}: the platform no longer has them; it creates new ones, and the agents get them"
    ),
    "delete keys": "access keys of {machines} that are in no bundle are deleted",
    "enable users": "users enabled that somebody suspended: {machines}",
    "lift quotas": "limits of single buckets lifted that somebody set: {machines}",
    "quota_change": "quota sold: {before} → {after}",
    "licence_change": "licences sold: {before} → {after}",
    "option_change": "options: {before} → {after}",
    "commission": "once every agent is installed, the service is delivered and billing starts (contract, 1c)",
}
