"""The check of platforms against what platform.yaml and the tenant files say of them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from coffre.errors import ExpectedError, RefusedError
from coffre.operations.embedded import why_not_embedded
from coffre.provisioning.rules import judge_escrow
from coffre.spec.loader import Repository
from coffre.storage.ceph.checks.check import check_platform
from coffre.storage.ceph.checks.finding import Finding, Verdict, ok, problem, unknown, warning
from coffre.storage.ceph.connect import connect


@dataclass(frozen=True)
class PlatformReport:
    """What was found about one platform of platform.yaml."""

    platform: str
    findings: tuple[Finding, ...]

    @property
    def has_problem(self) -> bool:
        return any(finding.verdict is Verdict.PROBLEM for finding in self.findings)


def check(repository: Repository, name: str, now: datetime, on_progress: Callable[[str], None]) -> PlatformReport:
    """Check one platform; whatever is wrong with it is a finding, never an error."""
    platform = repository.settings.platforms[name]
    tenants = [tenant for tenant in repository.tenants.values() if tenant.storage.platform == name]
    findings = check_platform(platform, repository.root, tenants, now, on_progress)
    return PlatformReport(name, (*findings, _check_escrow(repository, name)))


def _check_escrow(repository: Repository, platform_name: str) -> Finding:
    root, settings, name = repository.root, repository.settings, "escrow"
    places = [root / settings.secrets, root / settings.escrow]
    if not all(place.is_dir() for place in places):
        return unknown(name, "there are no secrets and no escrow yet", "Run `coffre secrets init`.")
    is_apart = len({place.stat().st_dev for place in places}) == len(places)
    try:
        is_lab = not why_not_embedded(repository, platform_name, connect(settings.platforms[platform_name], root))
    except ExpectedError:
        is_lab = False
    try:
        said = judge_escrow(is_apart=is_apart, is_lab=is_lab)
    except RefusedError as refusal:
        return problem(name, refusal.message, refusal.hint)
    if said:
        return warning(name, said, "Nothing, as long as no customer is on it.")
    return ok(name, "the escrow is on another file system than the secrets")
