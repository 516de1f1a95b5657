"""Plans the messages about findings that were opened and closed: to which channels, to which customers, when. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import Any

from coffre.findings import FindingKind
from coffre.records.events import storable
from coffre.records.kept_findings import FindingPlace, KeptFinding
from coffre.records.messages import Audience, Ended, Message, MessageKind, Told
from coffre.spec.platform import Notify, Takes
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.supervision.findings.life import Settled, as_finding
from coffre.supervision.telling.rules import first_moment, is_urgent, next_digest

CUSTOMER_PERCENT = 90
"""The customer is told from this part of the quota on (contract, article 8)."""


@dataclass(frozen=True)
class Addressees:
    """Who is told: the channels with what they take, and when the digest is due.

    ``begins`` are the times at which begins were told lately, by `place` and recipient.
    """

    channels: Mapping[str, Takes] = field(default_factory=dict)
    digest_at: time = time(8)
    timezone: str = "Europe/Paris"
    begins: Mapping[tuple[Audience, str, str], Sequence[datetime]] = field(default_factory=dict)

    @classmethod
    def of(cls, notify: Notify, timezone: str, told: Sequence[Message]) -> "Addressees":
        """Return the addressees of platform.yaml; ``told`` are the begins that were told lately."""
        begins: dict[tuple[Audience, str, str], list[datetime]] = {}
        for each in told:
            if each.outcome_at is not None:
                begins.setdefault((each.audience, each.recipient, each.about), []).append(each.outcome_at)
        channels = {name: channel.takes for name, channel in notify.channels.items()}
        return cls(channels, notify.digest_at, timezone, begins)


def write_place(place: FindingPlace) -> str:
    """Return the place of a finding as one text: the same before and after it was in the database."""
    return json.dumps(
        [storable(each) for each in (place.tenant_id, place.platform, place.machine, place.kind, place.detail)]
    )


def write_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()


def read_finding(message: Message) -> KeptFinding:
    """Return the finding that a message is about, as it was when the message was written."""
    tenant_id, platform, machine, kind, detail = json.loads(message.about)
    since, ended = message.content["since"], message.content.get("ended_at")
    return KeptFinding(
        FindingPlace(tenant_id, platform, machine, kind, detail),
        message.slug,
        datetime.fromisoformat(since),
        message.created_at,
        message.content["evidence"],
        None if ended is None else datetime.fromisoformat(ended),
    )


def plan_messages(settled: Settled, tenant: Tenant | None, addressees: Addressees, now: datetime) -> list[Message]:
    """Return the messages about the findings that were opened; ``tenant`` is None for those about no tenant."""
    return [
        message
        for finding in settled.opened
        for message in (*_to_channels(finding, addressees, now), *_to_customer(finding, tenant, addressees, now))
    ]


def plan_ends(settled: Settled, addressees: Addressees, now: datetime, *, is_for_customer: bool = True) -> list[Ended]:
    """Return what has ended: those who were told of its begin are told."""
    digest_at = next_digest(now, addressees.digest_at, addressees.timezone)
    return [
        Ended(write_place(each.place), write_time(each.since), now, digest_at, is_for_customer)
        for each in settled.closed
    ]


def plan_again(
    finding: KeptFinding, addressees: Addressees, now: datetime, *, is_digest: bool = False
) -> list[Message]:
    """Return the messages about an open finding of which nobody wanted to hear, or could hear, until now."""
    return [
        _message(Audience.CHANNEL, name, finding, now, now, told=Told.AGAIN, is_digest=is_digest)
        for name, takes in addressees.channels.items()
        if _is_for(finding, name, takes)
    ]


def _to_channels(finding: KeptFinding, addressees: Addressees, now: datetime) -> Iterator[Message]:
    is_digest = not is_urgent(as_finding(finding))
    for name, takes in addressees.channels.items():
        if not _is_for(finding, name, takes):
            continue
        begins = addressees.begins.get((Audience.CHANNEL, name, write_place(finding.place)), ())
        at = first_moment(now, begins)
        if is_digest:
            at = next_digest(now, addressees.digest_at, addressees.timezone)
        yield _message(Audience.CHANNEL, name, finding, now, at, is_digest=is_digest)


def _is_for(finding: KeptFinding, channel: str, takes: Takes) -> bool:
    about = as_finding(finding)
    if about.kind is FindingKind.CHANNEL_FAILING and about.evidence.get("channel") == channel:
        return False  # it would only wait behind the others
    return takes is Takes.ALL or is_urgent(about)


def _to_customer(
    finding: KeptFinding, tenant: Tenant | None, addressees: Addressees, now: datetime
) -> Iterator[Message]:
    if tenant is None or not wants_quota_mails(tenant) or not is_for_customer(finding):
        return
    begins = addressees.begins.get((Audience.CUSTOMER, "", write_place(finding.place)), ())
    yield _message(Audience.CUSTOMER, "", finding, now, first_moment(now, begins))


def wants_quota_mails(tenant: Tenant) -> bool:
    """Tell whether a tenant's contact is told about the quota: not while the service is suspended."""
    return tenant.contact.quota_mails and tenant.status in (TenantStatus.ACTIVE, TenantStatus.LEAVING)


def is_for_customer(finding: KeptFinding) -> bool:
    """Tell whether the customer is told of a finding: the quota at 90 % and at 100 %."""
    about = as_finding(finding)
    if about.kind is FindingKind.QUOTA_REACHED:
        return True
    return about.kind is FindingKind.QUOTA_NEAR and about.evidence.get("percent") == CUSTOMER_PERCENT


def _message(
    audience: Audience,
    recipient: str,
    finding: KeptFinding,
    now: datetime,
    at: datetime,
    *,
    told: Told = Told.BEGIN,
    is_digest: bool = False,
) -> Message:
    since = write_time(finding.since)
    content: dict[str, Any] = {"since": since, "evidence": dict(finding.evidence)}
    return Message(
        audience=audience,
        recipient=recipient,
        tenant_id=finding.place.tenant_id,
        slug=finding.slug,
        kind=MessageKind.FINDING,
        about=write_place(finding.place),
        occurrence=since,
        told=told,
        content=content,
        created_at=now,
        not_before=at,
        is_digest=is_digest,
    )
