"""The check of a partner's account for a platform of platform.yaml: what the doctor finds, and what is configured.

It reads only.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from coffre.acronis.access import read_access
from coffre.acronis.client import AcronisClient
from coffre.acronis.doctor.findings import DoctorFinding, Point, Standing
from coffre.acronis.doctor.judging import judge
from coffre.acronis.doctor.looking import Seen, look
from coffre.acronis.doctor.points import judge_points
from coffre.acronis.errors import AcronisError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.names import external_id_of
from coffre.acronis.values.offering import OfferingItem
from coffre.acronis.values.tenants import Infra, PricingMode, Tenant, TenantKind
from coffre.errors import ExpectedError
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import Tenant as Sold
from coffre.storage.acronis.connect import open_session
from coffre.storage.acronis.layout import LICENCES
from coffre.storage.acronis.provider.items import PREFIXES, STORAGE
from coffre.storage.checking import PlatformFinding, Verdict, left_out, ok, problem, unknown, warning
from coffre.storage.platform import OnProgress

_OF_CONFIGURATION: Final = ("licences", "storages")
"""What the doctor says of any account, and the rules here of what is configured."""
_ASK: Final = "Ask the distributor for it, or write another one in platform.yaml."


def check_platform(
    platform: AcronisPlatform,
    root: Path,
    tenants: Sequence[Sold],
    now: datetime,  # noqa: ARG001 - nothing here depends on it
    on_progress: OnProgress,
) -> list[PlatformFinding]:
    """Check the account behind a platform; ``tenants`` are those sold on it. Every problem is a finding."""
    try:
        session = open_session(read_access(platform, root))
    except ExpectedError as trouble:
        return [problem("credential", trouble.message, trouble.hint), left_out()]
    try:
        on_progress(f"reading the account at {session.url}")
        client = AcronisClient(session)
        seen = look(client, session.url)
        found = [_as_finding(each) for each in judge(seen)]
        if not isinstance(seen.own, Tenant):
            return found
        found = [each for each in found if each.name not in _OF_CONFIGURATION]
        on_progress("reading what the partner can give")
        return [*found, *_check_configured(client, platform, seen, tenants), *judge_assumptions(judge_points(seen))]
    finally:
        session.close()


def _check_configured(
    client: AcronisClient, platform: AcronisPlatform, seen: Seen, tenants: Sequence[Sold]
) -> list[PlatformFinding]:
    """Return what the account says of the configured partner, edition and storage, and of the tenants sold."""
    partner = TenantUuid(platform.partner)
    try:
        own = client.tenants.read(partner)
        offers, storages = client.offering.list_for_child(partner), client.tenants.list_infra(partner)
        below = list(client.tenants.list_children(partner))
    except AcronisError as refusal:
        return [problem("partner", refusal.message, "Write the partner's UUID, as the portal shows it, as `partner`.")]
    return [
        judge_partner(own, seen.own),
        judge_items(platform, offers),
        judge_storage(platform, offers, storages),
        judge_customers(tenants, below),
    ]


def _as_finding(found: DoctorFinding) -> PlatformFinding:
    return PlatformFinding(found.name, Verdict(found.verdict.value), found.sentence, found.advice)


def judge_partner(partner: Tenant, top: object) -> PlatformFinding:
    """Judge the tenant below which customers are; ``top`` is that of the API client. Pure."""
    what = f"customers are below {partner.name} ({partner.kind.value})"
    if partner.kind not in (TenantKind.PARTNER, TenantKind.FOLDER):
        return problem("partner", what, "Write the UUID of a partner or a folder as `partner`.")
    if not partner.enabled:
        return problem("partner", f"{what}, which is disabled", "Ask the distributor why.")
    if isinstance(top, Tenant) and top.id != partner.id:
        advice = "An API client that is made in that tenant itself reaches no others."
        return warning("partner", f"{what}, and the API client reaches all below {top.name}", advice)
    return ok("partner", what)


def judge_items(platform: AcronisPlatform, offers: Sequence[OfferingItem]) -> PlatformFinding:
    """Judge whether the licences that tenants can have are among what the partner can give. Pure."""
    prefix, edition = PREFIXES[platform.edition], platform.edition.value
    wanted = [prefix + base for base in (*LICENCES.values(), STORAGE)]
    given = {each.name: each for each in offers if each.edition == edition}
    missing = [name for name in wanted if name not in given]
    locked = [name for name in wanted if name in given and given[name].locked]
    if missing:
        return problem("licences", f"{', '.join(missing)} of edition {edition} cannot be given", _ASK)
    if locked:
        return warning("licences", f"{', '.join(locked)} are locked", "Whoever locked them has to unlock them.")
    return ok("licences", f"{', '.join(wanted)} can be given")


def judge_storage(
    platform: AcronisPlatform, offers: Sequence[OfferingItem], storages: Sequence[Infra]
) -> PlatformFinding:
    """Judge whether the configured storage is one of those that the partner can give. Pure."""
    name = PREFIXES[platform.edition] + STORAGE
    ids = {each.infra_id for each in offers if each.name == name and each.infra_id is not None}
    names = {each.id: each.name for each in storages}
    chosen = [each for each in ids if platform.storage in (str(each), names.get(each))]
    if len(chosen) == 1:
        return ok("storage", f"backups lie in {names.get(chosen[0]) or chosen[0]}")
    there = ", ".join(sorted(f"{names.get(each, '')} ({each})".strip() for each in ids)) or "none"
    if chosen:
        return problem("storage", f"several storages are called {platform.storage}: {there}", "Write its UUID.")
    return problem("storage", f"there is no storage {platform.storage}; there are {there}", _ASK)


def judge_customers(tenants: Sequence[Sold], below: Sequence[Tenant]) -> PlatformFinding:
    """Judge the customers of these tenants: each is there once at most, and out of trial. Pure."""
    live = [each for each in below if each.is_live]
    ours = {each.slug: [one for one in live if one.customer_id == external_id_of(each.id)] for each in tenants}
    twice = sorted(slug for slug, found in ours.items() if len(found) > 1)
    in_trial = sorted(slug for slug, found in ours.items() if any(_is_in_trial(each) for each in found))
    if twice:
        advice = "Decide in the vendor's portal which one is meant, and take the external id from the other."
        return problem("tenants", f"there are two customers for {', '.join(twice)}", advice)
    if in_trial:
        return warning("tenants", f"{', '.join(in_trial)} are in trial still", "Run `coffre apply` for them.")
    count = sum(1 for found in ours.values() if found)
    return ok("tenants", f"{count} of {len(tenants)} tenants are customers there")


def _is_in_trial(customer: Tenant) -> bool:
    return customer.pricing_mode is PricingMode.TRIAL


def judge_assumptions(points: Sequence[Point]) -> Iterator[PlatformFinding]:
    """Yield a warning for each assumption that this account contradicts, and how many it shows to hold. Pure."""
    failed = [each for each in points if each.standing is Standing.FAILS]
    for each in failed:
        shown = f"this is assumed, and not so here: {each.assumption.assumed} Seen: {each.evidence}"
        yield warning(each.assumption.name, shown, each.assumption.if_wrong)
    held = sum(1 for each in points if each.standing is Standing.HOLDS)
    rest = len(points) - held - len(failed)
    sentence = f"{held} of {len(points)} assumptions about the service hold; nothing here shows {rest} of them"
    yield unknown("assumptions", sentence, "`coffre acronis doctor` lists them one by one." if rest else "")
