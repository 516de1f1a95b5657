"""advise: the register of what SMILÉO advised a customer, and what became of it."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.errors import UsageError
from coffre.records.facts.advice import AdviceMeans

if TYPE_CHECKING:
    from coffre.records.facts.advice import AdviceOutcome
    from coffre.spec.loader import Checkout
    from coffre.tenant.advice import Advice


def register(app: typer.Typer) -> None:
    app.command("advise")(advise)


def advise(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    text: Annotated[str | None, typer.Option(metavar="TEXT", help="What you advise, as you told the customer.")] = None,
    by: Annotated[AdviceMeans | None, typer.Option("--by", help="How you told them.")] = None,
    due: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Until when it is to be done.")
    ] = None,
    machine: Annotated[str | None, typer.Option(metavar="MACHINE", help="The machine that it is about.")] = None,
    followed: Annotated[int | None, typer.Option(metavar="NUMBER", help="The customer did it.")] = None,
    declined: Annotated[int | None, typer.Option(metavar="NUMBER", help="The customer will not do it.")] = None,
    withdrawn: Annotated[int | None, typer.Option(metavar="NUMBER", help="You advise it no more.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="How you know; it is recorded.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The register, as a list.")] = False,
) -> None:
    """Show what SMILÉO advised a customer and what became of it; with --text record an advice.

    The contract frees SMILÉO of what comes from advice that the customer did not follow (article 9a): the register says
    who advised what, when and how. It is kept for some years after the end of the contract.
    """
    from coffre.records.facts.advice import AdviceOutcome

    numbers = {AdviceOutcome.FOLLOWED: followed, AdviceOutcome.DECLINED: declined, AdviceOutcome.WITHDRAWN: withdrawn}
    ended = [(number, outcome) for outcome, number in numbers.items() if number is not None]
    if len(ended) + (text is not None) > 1:
        raise UsageError("these options are several acts", "Record one advice, or the end of one, at a time.")
    if text is None and (by is not None or due is not None or machine is not None):
        raise UsageError("an advice needs its text", "Give --text.")
    if bool(ended) != (reason is not None):
        raise UsageError(
            "the end of an advice and its reason belong together",
            "Give --followed, --declined or --withdrawn with --reason.",
        )
    checkout = open_checkout(context)
    if text is not None:
        if by is None:
            raise UsageError("it is not said how the customer was told", "Give --by mail, letter, phone or meeting.")
        _give(checkout, tenant, text, by, None if due is None else due.date(), machine)
    elif ended and reason is not None:
        _end(checkout, tenant, *ended[0], reason)
    else:
        _list(checkout, tenant, as_json=as_json)


def _give(
    checkout: "Checkout", slug: str, text: str, by: AdviceMeans, due_on: date | None, machine: str | None
) -> None:
    from coffre.tenant.advice import give_advice
    from coffre.tenant.lookup import find_machine
    from coffre.tenant.runs import lock_recorded

    with lock_recorded(checkout, slug, "advise", output.warning) as opened:
        if machine is not None:
            find_machine(opened.tenant, machine)
        number = give_advice(opened.log, text, by, due_on, machine)
    output.result(f"{slug}: advice {number} is recorded")


def _end(checkout: "Checkout", slug: str, number: int, outcome: "AdviceOutcome", reason: str) -> None:
    from coffre.tenant.advice import end_advice
    from coffre.tenant.runs import lock_recorded

    with lock_recorded(checkout, slug, "advise", output.warning) as opened:
        end_advice(opened.log, number, outcome, reason)
    output.result(f"{slug}: advice {number} is recorded as {outcome.value}")


def _list(checkout: "Checkout", slug: str, *, as_json: bool) -> None:
    from coffre.tenant.advice import list_advice
    from coffre.tenant.opening import open_tenant
    from coffre.workspace.clock import utc_now

    with open_tenant(checkout, slug, output.warning) as opened:
        found = list_advice(opened.log)
    if as_json:
        output.result_json(found)
        return
    today = utc_now().date()
    for each in found:
        output.result(_line(each, today))
    if not found:
        output.progress(f"{slug}: nothing was advised")


def _line(each: "Advice", today: date) -> str:
    about = "" if each.machine is None else f"{each.machine}: "
    if each.outcome is not None:
        state = f"{each.outcome.value} {each.ended_at:%Y-%m-%d}: {each.reason}"
    elif each.due_on is not None:
        state = f"{'OVERDUE' if each.is_overdue(today) else 'open'}, to be done until {each.due_on}"
    else:
        state = "open"
    told = f"{each.given_at:%Y-%m-%d} by {each.means.value}, {each.given_by}"
    return f"{each.number}. {about}{each.text}  [{told}; {state}]"
