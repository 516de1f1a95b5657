"""Writes the tag files of a bag: its origin, its verification, and how to restore a tree from it."""

from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

import jinja2

from coffre import toolchain
from coffre.offboarding.handover.bag.bag import Payload, write_tags
from coffre.offboarding.handover.bag.layout import MANIFEST, PROGRAMS, README, RESTORE_SCRIPT
from coffre.offboarding.handover.job import Job, Written
from coffre.spec.leaving import ReturnFormat
from coffre.spec.values.sizes import format_bytes, group_digits

TEMPLATES = {ReturnFormat.FILES: "retour-fichiers.txt.j2", ReturnFormat.REPOSITORY: "retour-depot.txt.j2"}
_DESCRIPTIONS = {
    ReturnFormat.FILES: "Fichiers sauvegardés de la machine {machine}",
    ReturnFormat.REPOSITORY: "Dépôt restic de la machine {machine}",
}


def describe(job: Job, written: Written) -> None:
    """Write the tag files of an otherwise complete bag; the last one marks it as complete."""
    template = toolchain.bundled(f"templates/{TEMPLATES[job.wanted.format]}")
    (job.bag / README).write_text(_render(template, job, written).rstrip() + "\n", encoding="utf-8")
    if job.wanted.format is ReturnFormat.FILES:
        script = toolchain.bundled(f"templates/{RESTORE_SCRIPT}").read_text(encoding="utf-8")
        (job.bag / RESTORE_SCRIPT).write_text(script, encoding="utf-8")
    summary = {
        "objet": job.name,
        "client": job.opened.tenant.slug,
        "machine": job.machine,
        "format": job.wanted.format.value,
        "instantanes": list(written.snapshots),
        "mis_a_part": list(written.set_aside),
        "cles_etrangeres": written.flaws.foreign,
        "objets_abimes": written.flaws.damaged,
        "depot_entier": written.flaws.is_whole,
        "hors_place": written.flaws.apart,
        "non_remis": written.flaws.left_out,
        "fichiers": written.payload.files,
        "octets": written.payload.bytes,
        "noms_remplaces": written.renamed,
        "manifeste_sha256": written.payload.manifest_sha256,
        "ecrit_le": written.written_at,
        "duree_ecriture_secondes": round(written.write_seconds, 3),
    }
    write_tags(job.bag, _information(job, written), summary)


def identity(job: Job) -> list[str]:
    """Return the lines of bag-info.txt that identify a bag, at any time and progress. Pure."""
    tenant = job.opened.tenant
    what = _DESCRIPTIONS[job.wanted.format].format(machine=job.machine)
    reference = job.purpose.reference
    why = "restitution en fin de contrat" if reference is None else f"communication sous la référence {reference}"
    description = " ".join(f"{what} : {why}".split())
    return [f"External-Description: {description}", f"External-Identifier: {tenant.slug}-{tenant.id}/{job.machine}"]


def _information(job: Job, written: Written) -> Sequence[tuple[str, str]]:
    """Return bag-info.txt (RFC 8493, 2.2.2)."""
    provider, tenant = job.opened.checkout.settings.provider, job.opened.tenant
    contact = [("Contact-Email", provider.email), ("Contact-Phone", provider.phone)]
    return [
        ("Source-Organization", provider.name),
        ("Organization-Address", f"{provider.address}, {provider.country}"),
        *((name, value) for name, value in contact if value),
        *(_pair(line) for line in identity(job)),
        ("Internal-Sender-Identifier", tenant.contract.reference),
        ("Bagging-Date", f"{_local(job, written):%Y-%m-%d}"),
        ("Bag-Size", format_bytes(written.payload.bytes)),
        ("Payload-Oxum", oxum(written.payload)),
        ("Bag-Software-Agent", f"Coffre {version('coffre')}"),
    ]


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value


def oxum(payload: Payload) -> str:
    """Return a payload's bytes and files in the form of RFC 8493. Pure."""
    return f"{payload.bytes}.{payload.files}"


def _render(template: Path, job: Job, written: Written) -> str:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - plain text
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        provider=job.opened.checkout.settings.provider,
        tenant=job.opened.tenant,
        machine=job.machine,
        reference=job.purpose.reference,
        snapshots=len(written.snapshots),
        all_snapshots=job.wanted.snapshots.value == "all",
        files=group_digits(written.payload.files),
        bytes=group_digits(written.payload.bytes),
        renamed=written.renamed,
        set_aside=written.set_aside,
        flaws=written.flaws,
        is_windows=job.limits.is_windows,
        written_at=_local(job, written),
        programs=sorted(each.name for each in (job.bag / PROGRAMS).glob("*")),
        restic_version=toolchain.RESTIC_VERSION,
        manifest=MANIFEST,
        manifest_sha256=written.payload.manifest_sha256,
    )


def _local(job: Job, written: Written) -> datetime:
    return datetime.fromisoformat(written.written_at).astimezone(ZoneInfo(job.opened.tenant.timezone))
