"""The English words for the enrolment of machines that nobody can reach."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coffre.agents.enrolment.claims import Claim
    from coffre.provisioning.enrolment.invite import Invited
    from coffre.provisioning.enrolment.scripted import Scripted
    from coffre.provisioning.enrolment.standing import EnrolmentStanding
    from coffre.provisioning.inventory import KnownMachine


def describe_invited(slug: str, invited: "Invited", folder: str) -> "Iterator[str]":
    """Say what was made, and what to do with it."""
    machine = invited.invitation.owner.machine
    if invited.replaces:
        yield f"{slug}/{machine}: the invitation before counts no more"
    yield f"{slug}/{machine}: invited until {invited.invitation.expires_at:%Y-%m-%d %H:%M} UTC; scripts in {folder}"
    yield "They are secret and work once: hand them to the customer's software distribution, then delete them here."
    if invited.needs_confirmation:
        yield (
            f"{machine} has backups already: read the fingerprint on the machine, then run "
            f"`coffre enrol {slug} {machine} --accept FINGERPRINT --reason TEXT`."
        )
    else:
        yield f"When the script has run: `coffre enrol {slug} {machine} --answer` (`coffre apply {slug}` does it, too)."


def describe_scripted(slug: str, made: "Scripted", folder: str) -> "Iterator[str]":
    """Say what script was made, and what to do with it."""
    if made.replaces:
        yield f"{slug}/{made.machine}: the script before is revoked"
    until = f"{made.script.expires_at:%Y-%m-%d %H:%M} UTC"
    yield f"{slug}/{made.machine}: {made.script.file_name} in {folder}, usable until {until}"
    yield "It is secret: hand it to the customer's software distribution, for this machine alone, then delete it here."
    yield (
        f"When it has run: `coffre apply {slug}`, which takes the agent of the host named {made.machine} for that "
        "machine's."
    )


def describe_script_standing(slug: str, standing: "EnrolmentStanding") -> "Iterator[str]":
    """Say by the records how far a machine is whose agent comes by a script."""
    from coffre.provisioning.enrolment.standing import EnrolmentStage

    again = f"make its script: `coffre enrol {slug} {standing.machine} --output FOLDER`"
    until = "" if standing.invitation is None else f"{standing.invitation.expires_at:%Y-%m-%d %H:%M} UTC"
    said = {
        EnrolmentStage.ENROLLED: "installed",
        EnrolmentStage.INVITED: f"its script is usable until {until}; `coffre apply {slug}` sees whether it has run",
        EnrolmentStage.EXPIRED: f"its script ended on {until}; {again}",
        EnrolmentStage.REVOKED: f"its script was revoked; {again}",
    }
    yield f"{slug}/{standing.machine}: {said.get(standing.stage, f'not enrolled; {again}')}"


def describe_known_enrolment(machine: "KnownMachine") -> str:
    """Say by the records how far a machine is from its agent."""
    if machine.generation is not None:
        return "installed"
    if machine.enrolment is None:
        return "not installed"
    until = "" if machine.invited_until is None else f"{machine.invited_until:%Y-%m-%d %H:%M} UTC"
    return _KNOWN[machine.enrolment.value].format(until=until)


_KNOWN = {
    "not_invited": "not invited",
    "invited": "invited until {until}",
    "expired": "its invitation expired on {until}",
    "revoked": "its invitation was revoked",
    "enrolled": "answered, has not spoken yet",
}
"""By the stages that the records alone can tell."""


def describe_enrolment(slug: str, standing: "EnrolmentStanding") -> "Iterator[str]":
    """Say how far a machine's enrolment is, what to do, and who else used its invitation."""
    yield f"{slug}/{standing.machine}: {_describe_stage(slug, standing)}"
    for other in standing.claims.others:
        yield (
            f"{slug}/{standing.machine}: another machine used the same invitation: {_describe_claim(other)}. It got "
            "nothing. Its script was stolen, or ran on two machines: find out which"
        )
    if standing.claims.rubbish:
        yield (
            f"{slug}/{standing.machine}: {standing.claims.rubbish} objects were written in place of a claim by "
            "somebody who has the address, but not the invitation; they were ignored"
        )


def _describe_stage(slug: str, standing: "EnrolmentStanding") -> str:
    from coffre.provisioning.enrolment.standing import EnrolmentStage

    again = f"invite it: `coffre enrol {slug} {standing.machine} --output FOLDER`"
    claimed = "" if standing.claim is None else _describe_claim(standing.claim)
    until = "" if standing.invitation is None else f"{standing.invitation.expires_at:%Y-%m-%d %H:%M} UTC"
    match standing.stage:
        case EnrolmentStage.NOT_INVITED:
            return f"not enrolled; {again}"
        case EnrolmentStage.INVITED:
            return f"invited until {until}; no machine has used the invitation"
        case EnrolmentStage.TO_CONFIRM:
            return (
                f"claimed by {claimed}. Compare that fingerprint with the one on the machine, then run `coffre enrol "
                f"{slug} {standing.machine} --accept FINGERPRINT --reason TEXT`"
            )
        case EnrolmentStage.CLAIMED:
            return f"claimed by {claimed}; not answered yet"
        case EnrolmentStage.EXPIRED:
            return f"its invitation expired on {until}; {again}"
        case EnrolmentStage.REVOKED:
            return f"its invitation was revoked; {again}"
        case EnrolmentStage.KEY_CHANGED:
            return f"the key that signs orders was replaced after its invitation, which is void; {again}"
        case EnrolmentStage.ENROLLED:
            return f"enrolled{f': {claimed}' if claimed else ''}"


def _describe_claim(claim: "Claim") -> str:
    return f"{claim.identity.host_name or 'a machine without a name'} (fingerprint {claim.fingerprint})"
