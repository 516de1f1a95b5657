"""enrol: invite a machine that nobody can reach, answer it, or revoke its invitation."""

import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.cli.words.enrolment import (
    describe_enrolment,
    describe_invited,
    describe_script_standing,
    describe_scripted,
)
from coffre.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from coffre.provisioning.enrolment.standing import EnrolmentStanding
    from coffre.spec.loader import Checkout

_PAUSE_SECONDS = 5.0
_MAX_HOURS = 144
"""Presigned URLs last seven days at most, and an answer is read a day longer than the invitation is claimed."""


def register(app: typer.Typer) -> None:
    app.command("enrol")(enrol)


def enrol(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="The machine, as its tenant file names it.")],
    folder: Annotated[
        Path | None,
        typer.Option("--output", metavar="FOLDER", help="Invite it: a new folder for the scripts, which are secret."),
    ] = None,
    hours: Annotated[int, typer.Option(min=1, max=_MAX_HOURS, metavar="N", help="How long the invitation lasts.")] = 24,
    answer: Annotated[bool, typer.Option("--answer", help="Give the machine that took it up what it needs.")] = False,
    wait: Annotated[
        int, typer.Option(min=0, max=1440, metavar="MINUTES", help="With --answer: wait that long for the machine.")
    ] = 0,
    accept: Annotated[
        str, typer.Option(metavar="FINGERPRINT", help="Answer a machine whose name has backups: as read on it.")
    ] = "",
    revoke: Annotated[bool, typer.Option("--revoke", help="Revoke the open invitation.")] = False,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="With --accept and --revoke: why; recorded.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The standing of the enrolment.")] = False,
) -> None:
    """Enrol a machine that nobody can reach from outside (`via: pull`).

    An agent of a vendor's (`agent: acronis`) comes by a script alone, which --output makes and --revoke ends; `coffre
    apply` sees when it has run.

    For Coffre's own agent, --output makes an invitation: scripts for the customer's own software distribution, which
    work once, for a limited time. The script installs the agent, makes a key on the machine and claims the invitation.
    With --answer SMILÉO answers: the machine's configuration, sealed for that key alone. The first machine wins; every
    other one is named and gets nothing. A machine whose name has backups already is answered only with --accept.

    Without an option the command shows how far the enrolment is. docs/pulled-machines.md
    """
    if sum((folder is not None, answer, bool(accept), revoke)) > 1:
        raise UsageError("--output, --answer, --accept and --revoke exclude each other", "Give one of them.")
    checkout = open_checkout(context)
    if _comes_by_script(checkout, tenant, machine):
        if answer or accept:
            raise RefusedError(
                f"{tenant}/{machine} claims nothing, so there is nothing to answer: its agent comes by a script alone",
                f"Make the script with --output FOLDER; `coffre apply {tenant}` records the agent when it has run.",
            )
        return _enrol_by_script(checkout, tenant, machine, folder, hours, reason if revoke else None, as_json)
    if folder is not None:
        return _invite(checkout, tenant, machine, folder, hours)
    if revoke:
        return _revoke(checkout, tenant, machine, reason)
    standing = _settle(checkout, tenant, machine, accept, reason, wait if answer else None)
    if as_json:
        return output.result_json(standing)
    for line in describe_enrolment(tenant, standing):
        output.result(line)
    if answer and not _is_enrolled(standing):
        raise typer.Exit(1)
    return None


def _comes_by_script(checkout: "Checkout", slug: str, machine: str) -> bool:
    from coffre.agents.kinds import driver_of
    from coffre.tenant.lookup import find_machine, find_tenant

    return not driver_of(find_machine(find_tenant(checkout, slug), machine)).needs_bucket


def _enrol_by_script(
    checkout: "Checkout", slug: str, machine: str, folder: Path | None, hours: int, reason: str | None, as_json: bool
) -> None:
    """Make a machine's script, revoke it where a ``reason`` is given, or show how far the machine is."""
    from coffre.provisioning.enrolment import scripted
    from coffre.tenant.opening import open_tenant
    from coffre.workspace.files import write_atomically

    if folder is not None:
        with _new_folder(folder):
            made = scripted.make_script(checkout, slug, machine, hours, output.warning)
        write_atomically(folder / made.script.file_name, made.script.content)
        for line in describe_scripted(slug, made, str(folder)):
            output.result(line)
        return
    if reason is not None:
        scripted.revoke_script(checkout, slug, machine, reason, output.warning)
        output.result(f"{slug}/{machine}: its script is revoked; no agent can register with it")
        return
    with open_tenant(checkout, slug, output.warning) as opened:
        standing = scripted.look_at_script(opened, machine)
    if as_json:
        output.result_json(standing)
        return
    for line in describe_script_standing(slug, standing):
        output.result(line)


@contextmanager
def _new_folder(folder: Path) -> "Iterator[None]":
    """Make the folder for scripts; it is not left behind empty."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder", "Name a new one: what lies there may be in use.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        folder.rmdir()
        raise


def _invite(checkout: "Checkout", slug: str, machine: str, folder: Path, hours: int) -> None:
    from coffre.agents.enrolment.scripts import ScriptValues, render_scripts
    from coffre.provisioning.enrolment.invite import invite
    from coffre.workspace.files import write_atomically

    with _new_folder(folder):
        invited = invite(checkout, slug, machine, hours, output.warning)
    values = ScriptValues(slug, invited.system, invited.agent_url, invited.agent_sha256)
    for name, content in render_scripts(invited.invitation, values).items():
        write_atomically(folder / name, content)
    for line in describe_invited(slug, invited, str(folder)):
        output.result(line)


def _revoke(checkout: "Checkout", slug: str, machine: str, reason: str) -> None:
    from coffre.provisioning.enrolment.invite import revoke

    revoke(checkout, slug, machine, reason, output.warning)
    output.result(f"{slug}/{machine}: the invitation is revoked; no machine gets anything for it")


def _settle(
    checkout: "Checkout", slug: str, machine: str, fingerprint: str, reason: str, wait_minutes: int | None
) -> "EnrolmentStanding":
    """Look at an enrolment, and carry it on if that was asked: by a fingerprint, or by a time to wait."""
    from coffre.provisioning.enrolment import answer
    from coffre.provisioning.enrolment.standing import EnrolmentStage
    from coffre.tenant.opening import open_tenant
    from coffre.tenant.runs import lock_recorded

    locked = partial(lock_recorded, checkout, slug, "enrol", output.warning)
    if fingerprint:
        with locked() as opened:
            return answer.accept(opened, opened.secrets.control(), machine, fingerprint, reason)
    deadline = time.monotonic() + 60 * (wait_minutes or 0)
    while True:
        with open_tenant(checkout, slug, output.warning) as opened:
            standing = answer.look_at_enrolment(opened, machine)
        if wait_minutes is None or standing.stage is not EnrolmentStage.INVITED or time.monotonic() >= deadline:
            break
        time.sleep(_PAUSE_SECONDS)
    if wait_minutes is None:
        return standing
    with locked() as opened:
        return answer.answer(opened, opened.secrets.control(), machine)


def _is_enrolled(standing: "EnrolmentStanding") -> bool:
    from coffre.provisioning.enrolment.standing import EnrolmentStage

    return standing.stage is EnrolmentStage.ENROLLED
