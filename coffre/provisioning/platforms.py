"""Checks platforms: compares them with platform.yaml and the tenant files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from coffre import toolchain
from coffre.agents.kinds import list_repository_formats
from coffre.errors import ExpectedError, RefusedError
from coffre.provisioning.rules import judge_escrow
from coffre.secrets.places import Places
from coffre.spec.loader import Checkout
from coffre.spec.parts import parts_of
from coffre.spec.storage_platform import Platform
from coffre.storage.checking import PlatformFinding, Verdict, ok, problem, unknown, warning
from coffre.storage.kinds import connect, driver_of
from coffre.tenant.embedded import why_not_embedded
from coffre.tenant.opening import open_bundle_places


@dataclass(frozen=True)
class PlatformReport:
    """The findings about one platform of platform.yaml."""

    platform: str
    findings: tuple[PlatformFinding, ...]

    @property
    def has_problem(self) -> bool:
        return any(finding.verdict is Verdict.PROBLEM for finding in self.findings)


def check(checkout: Checkout, name: str, now: datetime, on_progress: Callable[[str], None]) -> PlatformReport:
    """Check one platform; every fault is a finding, never an error."""
    platform = checkout.settings.platforms[name]
    every = [part for tenant in checkout.tenants.values() for part in parts_of(tenant, checkout.settings.platforms)]
    copies = [copied for tenant in every if (copied := tenant.copied()) is not None]
    tenants = [tenant for tenant in (*every, *copies) if tenant.storage.platform == name]
    driver = driver_of(platform)
    findings = driver.check(platform, checkout.root, tenants, now, on_progress)
    programs = [_check_programs(checkout, platform)] if driver.capabilities.has_buckets else []
    return PlatformReport(name, (*findings, *programs, _check_escrow(checkout, name)))


def _check_programs(checkout: Checkout, platform: Platform) -> PlatformFinding:
    """Read and hash the programs as machines do: sizes and checksums are only the host's statement."""
    name = "programs"
    try:
        storage = connect(platform, checkout.root)
        found = {}
        for build, path in (each for formats in list_repository_formats() for each in formats.list_programs().items()):
            sha256 = toolchain.sha256_program(path)
            found[build] = judge_program(sha256, storage.read_program_sha256(sha256, path.stat().st_size))
    except ExpectedError as trouble:
        return unknown(name, trouble.message, trouble.hint)
    return judge_programs(found, storage.endpoint.programs_bucket)


def judge_program(wanted_sha256: str, read_sha256: str | None) -> bool | None:
    """Tell whether a published object has the hash in its name; None when there is none. Pure."""
    return None if read_sha256 is None else read_sha256 == wanted_sha256


def judge_programs(by_build: Mapping[str, bool | None], bucket: str) -> PlatformFinding:
    """Sum up the programs of all systems: True is correct, False has other content, None was never needed. Pure."""
    name = "programs"
    swapped = [build for build, is_right in by_build.items() if is_right is False]
    if swapped:
        return problem(
            name,
            f"the programs for {', '.join(swapped)} in bucket {bucket} are not those that Coffre published: "
            "machines refuse them, and cannot upgrade",
            "Find out who writes to that bucket. `coffre verify TENANT` of a tenant with such machines publishes the "
            "programs again.",
        )
    there = [build for build, is_right in by_build.items() if is_right]
    if not there:
        return ok(name, "no program is published for machines yet; the first apply publishes them")
    return ok(
        name, f"the published programs have the right hash, as machines download them: restic for {', '.join(there)}"
    )


def _check_escrow(checkout: Checkout, platform_name: str) -> PlatformFinding:
    root, settings, name = checkout.root, checkout.settings, "escrow"
    places = Places(*open_bundle_places(checkout))
    if not all(place.exists() for place in places.both):
        return unknown(name, "there are no secrets and no escrow yet", "Run `coffre secrets init`.")
    is_apart = places.is_apart
    try:
        is_lab = not why_not_embedded(checkout, platform_name, connect(settings.platforms[platform_name], root))
    except ExpectedError:
        is_lab = False
    try:
        said = judge_escrow(is_apart=is_apart, is_lab=is_lab)
    except RefusedError as refusal:
        return problem(name, refusal.message, refusal.hint)
    if said:
        return warning(name, said, "Nothing, as long as no customer is on it.")
    return ok(name, "the escrow is on another file system than the secrets")
