"""What `coffre offboard` prints of a departure: its outcome, its dates, what would be erased, its verification."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from coffre.cli import output
from coffre.records.facts.departure import Stage
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.offboarding.erase.verification import ErasureVerification
    from coffre.offboarding.lifecycle.calendar import Calendar
    from coffre.offboarding.lifecycle.procedure import DepartureOutcome
    from coffre.offboarding.lifecycle.rehearsal import MachineFound, Rehearsal
    from coffre.offboarding.lifecycle.stages import Waiting


def show_outcome(outcome: "DepartureOutcome") -> None:
    """Print what a run has done, and what the departure waits for."""
    output.result(f"{outcome.tenant}: {outcome.stage.value if outcome.stage else 'not begun'}")
    for text in outcome.done:
        output.result(f"  {text}")
    for path in outcome.documents:
        output.result(f"  document: {path}")
    _show_waiting(outcome.waiting)
    if outcome.is_late:
        output.warning(f"{outcome.tenant}: this is later than its calendar (coffre offboard {outcome.tenant} --plan)")


def _show_waiting(waiting: "Waiting | None", due: Stage | None = None) -> None:
    if waiting is None:
        output.result("  nothing is left to do" if due is None else f"  due now: {due.value}")
        return
    until = f" (next run: {waiting.until})" if waiting.until is not None else ""
    output.result(f"  waiting for {waiting.what}{until}")


def show_french(calendar: "Calendar") -> None:
    """Print a calendar as the letter has it."""
    from coffre.offboarding.notices.words import describe_calendar

    for line in describe_calendar(calendar):
        output.result(line)


def show_rehearsal(found: "Rehearsal") -> None:
    """Print the dates of a departure, and what would be erased."""
    at = found.stage.value if found.stage else "not begun"
    output.result(f"{found.tenant}: leaving, {found.choice} chosen; the departure is at: {at}; today is {found.today}")
    for entry in found.calendar.entries:
        sign = ">" if entry.on >= found.today else " "
        output.result(f"  {sign} {entry.on}  {entry.milestone.value.replace('_', ' '):16}  {entry.source}")
    _show_waiting(found.waiting, found.due)
    if found.is_late:
        output.warning("the departure is late")
    if found.refused:
        output.warning(f"the departure cannot continue: {found.refused}")
    elif found.approved is not None:
        how = "proved" if found.approved.is_proved else "declared"
        output.result(
            f"  approved by {found.approved.approved_by} ({how}); block of commit {found.approved.commit[:12]}"
        )
    if found.hold is not None:
        output.warning(f"a hold stands ({found.hold}): nothing is deleted")
    _show_to_be_erased(found)


def _show_to_be_erased(found: "Rehearsal") -> None:
    output.result("to be erased:")
    show_machines(found.machines)
    for owner in found.owners:
        below = f", {owner.below} tenants below it" if owner.below else ""
        used = ", ".join(owner.used) or "nothing in use"
        output.result(
            f"  customer {owner.name} ({owner.uuid}) on {owner.platform}, with everything in it: {used}{below}"
        )
    for user in found.users:
        output.result(f"  user {user.uid}: {len(user.access_key_ids)} keys")
    for path in found.bundles:
        output.result(f"  bundle {path}")
    if found.stack_resources is not None:
        output.result(f"  stack {found.tenant}: {found.stack_resources} resources, with its history")
    for each in found.records:
        stays = f"kept: {each.kept.reason}" if each.kept else "goes"
        output.result(f"  records {each.kind}: {each.count}, {stays}")


def show_machines(machines: "Sequence[MachineFound]") -> None:
    """Print what is stored of each machine."""
    rows = [
        (
            machine.name if machine.copied_to is None else f"{machine.name} (copy on {machine.copied_to})",
            machine.bucket if machine.vendor is None else f"(in the customer on {machine.vendor})",
            *(
                (str(machine.holds.objects), str(machine.holds.versions), str(machine.holds.markers))
                if machine.holds
                else ("none", "", "")
            ),
            str(machine.holds.uploads) if machine.holds else "",
            format_bytes(machine.holds.bytes) if machine.holds else "",
            "yes" if machine.has_agent else "no",
            f"{machine.last_seen_at:%Y-%m-%d %H:%M}" if machine.last_seen_at else "never",
        )
        for machine in machines
    ]
    counts = ("objects", "versions", "markers", "uploads", "bytes")
    output.table(("machine", "bucket", *counts, "agent", "last seen"), rows, right=counts)


def show_verification(done: "ErasureVerification") -> None:
    """Print each check of a verification, and who verified."""
    from coffre.cli.words.checks import describe_check

    for check in done.verified.checks:
        output.result(f"  {'passed' if check.passed else 'FAILED'}  {describe_check(check)}")
    if done.is_proved:
        how = " (another person than the eraser and the approver, proved by signature)"
    elif done.is_same_person:
        how = " (the same person as the eraser: a second person is better evidence)"
    else:
        how = " (declared: no proof that this is another person than the eraser)"
    word = "verified" if done.verified.is_passed else "NOT verified"
    output.result(f"{done.tenant}: {word} by {done.actor}{how}")
