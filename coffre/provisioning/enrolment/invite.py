"""Invites a machine that nobody can reach to enrol once (`via: pull`), and revokes invitations."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from coffre.agents.authorities import read_authorities
from coffre.agents.enrolment.claims import SIZE_BYTES
from coffre.agents.enrolment.invitation import Invitation, derive_secret, new_id
from coffre.agents.home import AgentOwner
from coffre.errors import RefusedError
from coffre.observation.sighting import look
from coffre.operations.acknowledge.acknowledge import check_reason
from coffre.orders.control import TenantOrders, public_keys_of, signing_seeds
from coffre.orders.deliveries import find_last
from coffre.provisioning.enrolment.standing import EnrolmentStage, find_invitation, judge_stage, refuse_not_enrolling
from coffre.provisioning.steps.agents import find_installed
from coffre.provisioning.terms.context import refuse_what_rules_forbid
from coffre.records.facts.enrolment import EnrolmentInvited, EnrolmentRevoked
from coffre.secrets.store import OnNotice
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.tenant import OperatingSystem
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded
from coffre.workspace.clock import utc_now

_ANSWER_SECONDS = 24 * 3600
"""How much longer than it can be claimed an invitation's answer can be read."""


@dataclass(frozen=True)
class Invited:
    """A new invitation, and the program with which its machine takes it up.

    ``replaces``: an earlier one was still open, and counts no more.
    """

    invitation: Invitation = field(repr=False)
    system: OperatingSystem
    agent_url: str = field(repr=False)
    agent_sha256: str
    needs_confirmation: bool
    replaces: bool


def invite(checkout: Checkout, slug: str, machine: str, hours: int, on_notice: OnNotice) -> Invited:
    """Invite a machine; recorded before anything is handed out. An earlier invitation counts no more."""
    with lock_recorded(checkout, slug, "enrol", on_notice) as opened:
        refuse_unfit(opened, machine)
        is_known = knows_backups(opened, machine)
        now, replaced = utc_now(), judge_stage(opened.log, machine, utc_now()) is EnrolmentStage.INVITED
        fact = EnrolmentInvited(new_id(), now.replace(microsecond=0) + timedelta(hours=hours), is_known)
        opened.log.append(fact, machine)
        return _hand_out(opened, machine, fact, now, replaced)


def refuse_unfit(opened: OpenTenant, machine: str) -> None:
    """Refuse (RefusedError) a machine that does not enrol itself, or whose storage or orders are not there yet."""
    refuse_not_enrolling(opened.tenant, machine)
    slug = opened.tenant.slug
    existing, control = refuse_what_rules_forbid(opened), opened.secrets.find_control()
    is_there = control is not None and machine in control.machine_keys and existing.has(machine)
    if not is_there or TenantOrders.of(opened).read(machine) is None:
        raise RefusedError(
            f"{slug}/{machine} has no storage or no orders yet", f"Run `coffre apply {slug}` first, then invite it."
        )


def knows_backups(opened: OpenTenant, machine: str) -> bool:
    """Tell whether a machine's name has a past that a thief of an invitation could read: then a person confirms."""
    if (
        find_installed(opened.log, machine, opened.machine(machine).agent) is not None
        or find_last(opened.log, machine) is not None
    ):
        return True
    return look(opened.tenant, opened.buckets, opened.secrets, opened.memory, machine).snapshots > 0


def _hand_out(opened: OpenTenant, machine: str, fact: EnrolmentInvited, now: datetime, replaces: bool) -> Invited:
    storage, bucket = opened.storage, opened.buckets.name(machine)
    facts, control = opened.machine(machine), opened.secrets.control()
    build = opened.agents.open(machine).find_build(facts.os)
    if build.agent is None:
        raise RefusedError(f"`agent: {facts.agent}` cannot enrol by itself", "Reach the machine by ssh or winrm.")
    storage.publish_program(build.agent, build.agent_sha256)
    seconds = int((fact.expires_at - now).total_seconds())
    owner, key = AgentOwner(opened.tenant.id, machine), opened.buckets.owner_key()
    seed, last = signing_seeds(control)[0], find_last(opened.log, machine)
    upload = storage.share_upload(bucket, key, naming.claim_key(fact.invitation), SIZE_BYTES, seconds)
    invitation = Invitation(
        fact.invitation,
        owner,
        derive_secret(seed, fact.invitation, owner),
        public_keys_of([seed])[0],
        fact.expires_at,
        upload.url,
        upload.headers,
        storage.share_download(bucket, key, naming.DELIVERY_KEY, seconds + _ANSWER_SECONDS),
        0 if last is None else last.number,
        read_authorities(storage.endpoint.ca_file).decode(),
    )
    url = storage.share_program(build.agent_sha256, seconds)
    return Invited(invitation, facts.os, url, build.agent_sha256, fact.needs_confirmation, replaces)


def revoke(checkout: Checkout, slug: str, machine: str, reason: str, on_notice: OnNotice) -> EnrolmentInvited:
    """Revoke an open invitation: no claim of it is answered any more. RefusedError when none is open."""
    check_reason(reason)
    with lock_recorded(checkout, slug, "enrol", on_notice) as opened:
        invitation = find_invitation(opened.log, machine)
        stage = judge_stage(opened.log, machine, utc_now())
        if invitation is None or stage is not EnrolmentStage.INVITED:
            raise RefusedError(
                f"{slug}/{machine} has no open invitation",
                f"If a machine that enrolled is not yours, revoke its key: `coffre rotate {slug} --machine {machine} "
                "--now`." if stage is EnrolmentStage.ENROLLED else "There is nothing to revoke.",
            )  # fmt: skip
        opened.log.append(EnrolmentRevoked(invitation.invitation, reason), machine)
        return invitation
