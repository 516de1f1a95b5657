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
from coffre.cli.departure.showing import (
    show_french,
    show_machines,
    show_outcome,
    show_rehearsal,
    show_verification,
)
from coffre.errors import RefusedError, UsageError
from coffre.records.facts.departure import Attested, Stage

if TYPE_CHECKING:
    from coffre.offboarding.lifecycle.procedure import DepartureOutcome, Manner
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
        show_outcome(outcome)
    return outcome


def _say_yes(_: str) -> None:
    return


def _ask(question: str) -> None:
    asking.confirm(question)


def _leave_to_a_person(tenant: str, _: str) -> None:
    raise RefusedError(
        "its data may be erased today, which --all never does", f"A person runs `coffre offboard {tenant}`."
    )


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
        show_french(found.calendar)
    else:
        show_rehearsal(found)


def _plan_machine(asked: _Asked, machine: str) -> None:
    from coffre.offboarding.lifecycle.rehearsal import rehearse_machine

    found = rehearse_machine(asked.checkout, asked.tenant, machine, asked.day)
    if asked.as_json:
        output.result_json(found)
        return
    output.result(f"{asked.tenant}/{machine}: retired, its backups are kept until {found.keep_until}")
    show_machines(found.machines)
    if found.hold is not None:
        output.warning(f"a hold stands ({found.hold}): nothing is deleted")


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
        show_verification(done)
    if not done.verified.is_passed:
        raise typer.Exit(1)


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
