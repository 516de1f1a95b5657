"""offboard: end a contract, from the customer's letter to the certificate."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.context import open_checkout, turn_of
from coffre.errors import RefusedError, UsageError
from coffre.records.facts.departure import Attested, Stage
from coffre.spec.values.sizes import format_bytes

if TYPE_CHECKING:
    from coffre.offboarding.erase.verification import ErasureVerification
    from coffre.offboarding.lifecycle.calendar import Calendar
    from coffre.offboarding.lifecycle.procedure import DepartureOutcome, Manner
    from coffre.offboarding.lifecycle.rehearsal import MachineFound, Rehearsal
    from coffre.offboarding.lifecycle.stages import Waiting
    from coffre.spec.loader import Checkout

DayOption = Annotated[
    datetime | None,
    typer.Option(
        "--today",
        formats=["%Y-%m-%d"],
        metavar="DAY",
        help="Use this date instead of today: for rehearsals, only on the embedded platform.",
        show_default=False,
    ),
]


FAILED = 1


@dataclass(frozen=True)
class _Asked:
    """The input of every form of the command: a tenant or one of its retired machines, a day, and the signer."""

    checkout: "Checkout"
    tenant: str
    machine: str | None
    day: date | None
    as_json: bool
    key: Path | None = None
    on_behalf_of: str | None = None


def register(app: typer.Typer) -> None:
    app.command("offboard")(offboard)


def offboard(
    context: typer.Context,
    tenant: Annotated[
        str | None, typer.Argument(metavar="TENANT", help="The tenant, by file name.", show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every tenant whose file says `status: leaving`: for a nightly run.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Show the dates and, from live facts, what would be erased. Changes nothing.")
    ] = False,
    french: Annotated[bool, typer.Option("--french", help="With --plan: the calendar as in the letter.")] = False,
    ics: Annotated[
        Path | None,
        typer.Option("--ics", metavar="FILE", help="With --plan: write the calendar as iCalendar.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result, for programs.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check by other means that everything is gone: for a second person.")
    ] = False,
    approve: Annotated[
        bool,
        typer.Option("--approve", help="Sign the departure that the branch declares; its author cannot do it."),
    ] = False,
    key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="COFFRE_SIGNING_KEY",
            help="Your OpenSSH key; it signs what you approve, erase or verify.",
            show_default=False,
        ),
    ] = None,
    on_behalf_of: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="The person for whom a pipeline signs; the entry of its key has the namespace coffre-platform.",
            show_default=False,
        ),
    ] = None,
    machine: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="One retired machine whose keep_until is over.", show_default=False),
    ] = None,
    attest: Annotated[
        Attested | None,
        typer.Option(help="Record what a document of the customer attests; with --document and --dated."),
    ] = None,
    document: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The document, for example a scan.", show_default=False)
    ] = None,
    dated: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="The date of the document.", show_default=False),
    ] = None,
    resend: Annotated[
        bool, typer.Option("--resend", help="Send a letter again when it is unknown whether it was sent.")
    ] = False,
    to: Annotated[
        Stage | None,
        typer.Option(help="End with 4 and the reason unless this stage is reached; for pipelines.", show_default=False),
    ] = None,
    today: DayOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the erasure.")] = False,
) -> None:
    """End a tenant's contract: do what is due today, and show the next step and its date.

    `status: leaving` and a `leaving:` block in the file declare the departure; every run continues where the last one
    stopped. docs/offboarding.md is the runbook.
    """
    from coffre.offboarding.lifecycle.stages import refuse_unless_reached

    if every:
        others = (tenant, machine, plan, french, ics, as_json, verify, approve, attest, document, dated, resend, to)
        _run_all(open_checkout(context), _day(today), is_alone=not any(others) and not yes)
        return
    if tenant is None:
        raise UsageError("no tenant is named", "Name one, or give --all.")
    asked = _Asked(open_checkout(context), tenant, machine, _day(today), as_json, key, on_behalf_of)
    _refuse_together(asked, [plan, verify, approve, attest is not None], needs_plan=french or ics is not None)
    if plan:
        _plan(asked, french=french, ics=ics)
    elif approve:
        _approve(asked)
    elif verify:
        _verify(asked)
    elif attest is not None:
        _attest(asked, attest, document, _day(dated))
    else:
        with _failed_checks_in_words():
            outcome = _run(asked, _say_yes if yes else _ask, resend=resend)
        if to is not None:
            refuse_unless_reached(tenant, to, outcome.stage, outcome.waiting)


def _refuse_together(asked: _Asked, commands: Sequence[bool], *, needs_plan: bool) -> None:
    """Raise UsageError for options that exclude each other; ``commands`` begins with --plan."""
    if sum(commands) > 1:
        raise UsageError("--plan, --approve, --verify and --attest are four commands", "Give one of them.")
    if asked.on_behalf_of is not None and asked.key is None:
        raise UsageError("--on-behalf-of needs --key", "Give the pipeline's key with --key.")
    if needs_plan and not commands[0]:
        raise UsageError("--french and --ics need --plan", "Give --plan too.")


def _run_all(checkout: "Checkout", day: date | None, *, is_alone: bool) -> None:
    """Go on with every departure, up to its erasure: that is a person's."""
    from coffre.spec.tenant import TenantStatus

    if not is_alone:
        raise UsageError("--all goes with --today alone", "Name one tenant for the other options.")
    leaving = sorted(slug for slug, each in checkout.tenants.items() if each.status is TenantStatus.LEAVING)
    failed: list[str] = []
    for slug in leaving:
        with turn_of(slug, failed, alone=False), _failed_checks_in_words():
            _run(_Asked(checkout, slug, None, day, as_json=False), partial(_leave_to_a_person, slug), resend=False)
    output.result(f"{len(leaving) - len(failed)} of {len(leaving)} departures are where they can be today")
    if failed:
        raise typer.Exit(FAILED)


@contextmanager
def _failed_checks_in_words() -> Iterator[None]:
    from coffre.cli.words.checks import describe_checks
    from coffre.offboarding.erase.checks import ChecksFailedError

    try:
        yield
    except ChecksFailedError as problem:
        raise RefusedError(f"{problem.message}: {describe_checks(problem.failed)}", problem.hint) from problem


def _run(asked: _Asked, confirm: Callable[[str], None], *, resend: bool) -> "DepartureOutcome":
    from coffre.offboarding.erase.retired_machine import offboard_machine
    from coffre.offboarding.lifecycle.procedure import Manner
    from coffre.offboarding.lifecycle.procedure import offboard as run

    manner = Manner(
        on_progress=partial(output.progress_of, asked.tenant),
        confirm=confirm,
        resends=resend,
        key=asked.key,
        on_behalf_of=asked.on_behalf_of,
    )
    if asked.machine is None:
        outcome = run(asked.checkout, asked.tenant, asked.day, manner)
    else:
        outcome = offboard_machine(asked.checkout, asked.tenant, asked.machine, asked.day, manner)
    if asked.as_json:
        output.result_json(outcome)
    else:
        _show_outcome(outcome)
    return outcome


def _say_yes(_: str) -> None:
    return


def _ask(question: str) -> None:
    asking.confirm(question)


def _leave_to_a_person(tenant: str, _: str) -> None:
    raise RefusedError(
        "its data may be erased today, which --all never does", f"A person runs `coffre offboard {tenant}`."
    )


def _show_outcome(outcome: "DepartureOutcome") -> None:
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


def _plan(asked: _Asked, *, french: bool, ics: Path | None) -> None:
    from coffre.offboarding.lifecycle.rehearsal import rehearse
    from coffre.offboarding.notices.ics import render

    if asked.machine is not None:
        _plan_machine(asked, asked.machine)
        return
    found = rehearse(asked.checkout, asked.tenant, asked.day)
    if ics is not None:
        ics.write_bytes(render(asked.checkout.tenants[asked.tenant], found.calendar))
        output.progress(f"written: {ics}")
    if asked.as_json:
        output.result_json(found)
    elif french:
        _show_french(found.calendar)
    else:
        _show_rehearsal(found)


def _plan_machine(asked: _Asked, machine: str) -> None:
    from coffre.offboarding.lifecycle.rehearsal import rehearse_machine

    found = rehearse_machine(asked.checkout, asked.tenant, machine, asked.day)
    if asked.as_json:
        output.result_json(found)
        return
    output.result(f"{asked.tenant}/{machine}: retired, its backups are kept until {found.keep_until}")
    _show_machines(found.machines)
    if found.hold is not None:
        output.warning(f"a hold stands ({found.hold}): nothing is deleted")


def _show_french(calendar: "Calendar") -> None:
    from coffre.offboarding.notices.words import describe_calendar

    for line in describe_calendar(calendar):
        output.result(line)


def _show_rehearsal(found: "Rehearsal") -> None:
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
    output.result("to be erased:")
    _show_machines(found.machines)
    for user in found.users:
        output.result(f"  user {user.uid}: {len(user.access_key_ids)} keys")
    for path in found.bundles:
        output.result(f"  bundle {path}")
    if found.stack_resources is not None:
        output.result(f"  stack {found.tenant}: {found.stack_resources} resources, with its history")
    for each in found.records:
        stays = f"kept: {each.kept.reason}" if each.kept else "goes"
        output.result(f"  records {each.kind}: {each.count}, {stays}")


def _show_machines(machines: "Sequence[MachineFound]") -> None:
    rows = [
        (
            machine.name if machine.copied_to is None else f"{machine.name} (copy on {machine.copied_to})",
            machine.bucket,
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


def _approve(asked: _Asked) -> None:
    from coffre.offboarding.approval.approving import approve

    approved = approve(asked.checkout, asked.tenant, asked.day, _quiet_manner(asked))
    if asked.as_json:
        output.result_json(approved)
    else:
        output.result(f"{asked.tenant}: the departure is approved by {approved.name}, proved by {approved.fingerprint}")


def _quiet_manner(asked: _Asked) -> "Manner":
    from coffre.offboarding.lifecycle.procedure import Manner

    on_progress = partial(output.progress_of, asked.tenant)
    return Manner(on_progress, _say_yes, key=asked.key, on_behalf_of=asked.on_behalf_of)


def _verify(asked: _Asked) -> None:
    from coffre.offboarding.erase.verification import verify_erasure

    done = verify_erasure(asked.checkout, asked.tenant, asked.machine, asked.day, _quiet_manner(asked))
    if asked.as_json:
        output.result_json(done)
    else:
        _show_verification(done)
    if not done.verified.is_passed:
        raise typer.Exit(1)


def _show_verification(done: "ErasureVerification") -> None:
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


def _attest(asked: _Asked, what: Attested, document: Path | None, dated_on: date | None) -> None:
    from coffre.offboarding.certificate.attesting import attest
    from coffre.offboarding.lifecycle.procedure import open_departure

    if document is None or dated_on is None:
        raise UsageError("--attest needs the customer's document", "Give --document FILE and --dated DAY.")
    manner = _quiet_manner(asked)
    with open_departure(
        asked.checkout, asked.tenant, "offboard --attest", asked.day, manner, asked.machine
    ) as departure:
        attested = attest(
            departure.opened.tenant, departure.opened.checkout, departure.journal, what, document, dated_on
        )
    output.result(
        f"{asked.tenant}: {what.value.replace('_', ' ')}, attested by {attested.document} of {attested.dated_on} "
        f"(SHA-256 {attested.document_sha256})"
    )


def _day(moment: datetime | None) -> date | None:
    return None if moment is None else moment.date()
