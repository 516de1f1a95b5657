"""Returns a tenant's data, machine by machine: machines that are recorded as returned are skipped."""

from collections.abc import Callable

from coffre.offboarding.handover import plan_return, return_machine
from coffre.offboarding.lifecycle.due import get_leaving, list_unreturned
from coffre.offboarding.lifecycle.evidence import Returned, ReturnPlanned, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.spec.values.sizes import format_bytes
from coffre.tenant.opening import OpenTenant

OnProgress = Callable[[str], None]


def return_all(opened: OpenTenant, journal: Journal, say: OnProgress, on_progress: OnProgress) -> None:
    """Return the remaining machines' data. May run twice, also after a kill; RefusedError when there is no room."""
    wanted = get_leaving(opened.tenant).return_
    names = list_unreturned(opened.tenant, journal)
    if wanted is None or not names:
        return
    if not journal.steps(Step.RETURN_PLANNED):
        # Checks the room for all of them before the first one; later ones use their own part of it.
        planned = plan_return(opened, wanted, on_progress)
        total = ReturnPlanned(sum(each.files for each in planned), sum(each.bytes for each in planned))
        journal.note(Step.RETURN_PLANNED, total)
    for name in names:
        returned = return_machine(opened, name, wanted, on_progress)
        journal.note(Step.RETURNED, returned, name)
        say(describe_returned(returned))


def describe_returned(returned: Returned) -> str:
    """Describe the returned data in a sentence. Pure."""
    renamed = f", {returned.renamed} under another name (listed)" if returned.renamed else ""
    ids = ", ".join(each[:8] for each in returned.set_aside)
    aside = f"; set aside and not included: {ids}" if ids else ""
    flaws = returned.flaws
    foreign = f"; {flaws.foreign} foreign keys left in the bucket (listed)" if flaws.foreign else ""
    damaged = f"; {flaws.damaged} damaged objects beside the repository (data/abimes)" if flaws.damaged else ""
    whole = "" if flaws.is_whole else "; restic reports an incomplete repository: try `coffre undelete` first"
    apart = f"; {flaws.apart} files in another place, since the target does not accept theirs" if flaws.apart else ""
    lost = f"; {flaws.left_out} entries could not be handed over (non_remis in entrees.jsonl)" if flaws.left_out else ""
    return (
        f"{returned.machine}: {returned.files} files, {format_bytes(returned.bytes)} handed over to {returned.target} "
        f"and read back{renamed}{aside}{foreign}{damaged}{whole}{apart}{lost}"
    )
