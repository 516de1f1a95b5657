"""Verifies that the secrets are usable: opens and compares every copy, writes and shows nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from coffre.errors import ExpectedError
from coffre.secrets import age
from coffre.secrets.bundles import KINDS, PROVIDER, B, ControlBundle, DataBundle, ProviderBundle, from_document
from coffre.secrets.copies import Copy, judge
from coffre.secrets.errors import BundleError
from coffre.secrets.holders import keys
from coffre.secrets.holders.recipients import Vault
from coffre.secrets.places import BUNDLE_SUFFIX, list_bundles
from coffre.spec import naming
from coffre.workspace.file_store import FileStore, FolderStore

_OTHERS_BITS = 0o077
_MODELS: tuple[type[ControlBundle | DataBundle], ...] = (ControlBundle, DataBundle)


@dataclass(frozen=True, order=True)
class BundleFinding:
    """A problem of the secrets that an operator should correct; a warning does not make the check fail."""

    place: str
    message: str
    hint: str = ""
    is_warning: bool = False


@dataclass(frozen=True)
class BundleVerification:
    """The number of checked files, and the findings; the check passes when there are only warnings."""

    bundles: int
    recipients: int
    findings: tuple[BundleFinding, ...]

    @property
    def is_sound(self) -> bool:
        return all(finding.is_warning for finding in self.findings)


def verify(
    vault: Vault, tenant_ids: Mapping[str, str], applied: Collection[str], copied: Collection[str] = ()
) -> BundleVerification:
    """Open and compare all bundles of both places.

    ``tenant_ids`` are the ids of the tenant files by slug; ``applied`` are the slugs that were applied before, which
    must have both bundles, and ``copied`` the names of second copies with storage, which must have a control bundle.
    A problem is a finding, never an error.
    """
    recipients, findings = _check_recipients(vault)
    findings += _check_folders(vault)
    places = vault.places
    names = sorted({name for place in places.both for name in list_bundles(place)})
    for name in names:
        findings += _check_name(name, tenant_ids)
        for place in places.both:
            findings += _check_file(vault, place, name, len(recipients))
    for slug, tenant_id in tenant_ids.items():
        for model in _MODELS:
            is_needed = slug in applied or (model is ControlBundle and slug in copied)
            findings += _check_copies(vault, slug, tenant_id, model, is_needed=is_needed)
    findings += _check_copies(vault, PROVIDER, PROVIDER, ProviderBundle, is_needed=False)
    return BundleVerification(len(names), len(recipients), tuple(sorted(set(findings))))


def refuse_unopened(place: FileStore, name: str, identities: Sequence[SecretStr]) -> None:
    """Raise BundleError unless a bundle is in this place and opens; nothing of it leaves this function."""
    age.unseal(place.read(name) or b"", identities, place.shown(name))


def count_recipients(sealed: bytes) -> int:
    """Return the number of X25519 recipients of a file, from its header; 0 when it has none."""
    header = sealed.partition(b"\n--- ")[0]
    return sum(line.startswith(b"-> X25519 ") for line in header.split(b"\n"))


def _check_recipients(vault: Vault) -> tuple[tuple[str, ...], list[BundleFinding]]:
    places = vault.places
    shown, in_escrow = (place.shown(keys.RECIPIENTS_FILE) for place in places.both)
    findings = []
    try:
        recipients = keys.read_recipients(places.primary)
    except ExpectedError as problem:
        return (), [BundleFinding(shown, problem.message, problem.hint)]
    try:
        if keys.read_recipients(places.escrow) != recipients:
            message = f"names other recipients than {shown}"
            hint = "The next apply writes it again; `coffre secrets recipients list` shows the expected keys."
            findings.append(BundleFinding(in_escrow, message, hint))
    except ExpectedError as problem:
        findings.append(BundleFinding(in_escrow, problem.message, problem.hint))
    try:
        own = {age.public_half(identity) for identity in vault.identities}
    except ExpectedError as problem:
        findings.append(BundleFinding(str(vault.identity), problem.message, problem.hint))
    else:
        if not own & set(recipients):
            findings.append(
                BundleFinding(
                    str(vault.identity), f"is not among the recipients of {shown}", "Use the identity that is."
                )
            )
    if vault.is_pending:
        hint = "Run the interrupted `coffre secrets recipients add` or `remove` again."
        findings.append(BundleFinding(shown, "some bundles are still encrypted for an earlier list", hint))
    return recipients, findings


def _check_folders(vault: Vault) -> Iterator[BundleFinding]:
    places = vault.places
    for place in places.both:
        if not place.exists():
            yield BundleFinding(place.shown(), "is missing", "Mount it if it is not mounted.")
        elif isinstance(place, FolderStore):
            yield from _check_mode(place, "", "700")
            for name in [*list_bundles(place), keys.RECIPIENTS_FILE]:
                if (place.folder / name).exists():
                    yield from _check_mode(place, name, "600")
    if all(place.exists() for place in places.both) and not places.is_apart:
        yield BundleFinding(
            places.escrow.shown(),
            f"is on the same file system or service as {places.primary.shown()}",
            "One broken disk would destroy both copies: move the escrow to another disk, away from the platform.",
            is_warning=True,
        )


def _check_mode(place: FolderStore, name: str, wanted: str) -> Iterator[BundleFinding]:
    path = place.folder / name
    if path.stat().st_mode & _OTHERS_BITS:
        yield BundleFinding(place.shown(name), "is accessible to other users", f"Run: chmod {wanted} {path}")


def _check_name(name: str, tenant_ids: Mapping[str, str]) -> Iterator[BundleFinding]:
    slug, _, kind = name.removesuffix(BUNDLE_SUFFIX).rpartition(".")
    if kind not in KINDS.values():
        yield BundleFinding(
            name, "is not a bundle of Coffre", "Move it elsewhere: Coffre does not read it.", is_warning=True
        )
    elif slug not in tenant_ids and name != f"{PROVIDER}.{KINDS[ProviderBundle]}{BUNDLE_SUFFIX}":
        yield _describe_left(name, slug, tenant_ids)


def _describe_left(name: str, stack: str, tenant_ids: Mapping[str, str]) -> BundleFinding:
    """Name a bundle that belongs to no tenant file, or to the second copy of a file that names none."""
    slug = naming.slug_of_stack(stack)
    if slug in tenant_ids:
        message = f"has the keys of a second copy, and tenants/{slug}.yaml names none"
        hint = "Write its `copy:` into the file again, or keep the bundle as long as the copy exists."
        return BundleFinding(name, message, hint, is_warning=True)
    hint = f"Put tenants/{slug}.yaml back, or keep the bundle as long as its backups exist."
    return BundleFinding(name, f"belongs to {slug}, which has no tenant file", hint, is_warning=True)


def _check_file(vault: Vault, place: FileStore, name: str, listed: int) -> Iterator[BundleFinding]:
    shown = place.shown(name)
    try:
        sealed = place.read(name)
    except OSError as error:
        yield BundleFinding(
            shown, f"cannot be read: {(error.strerror or '').lower()}", "Make it readable for its owner."
        )
        return
    except ExpectedError as problem:
        yield BundleFinding(shown, problem.message, problem.hint)
        return
    if sealed is None:
        return
    count = count_recipients(sealed)
    if count and listed and count != listed:
        hint = "Run `coffre secrets recipients add` with a key of the list again: it encrypts every bundle again."
        yield BundleFinding(shown, f"is encrypted for {count} recipients, and the list has {listed}", hint)
    try:
        age.unseal(sealed, vault.identities, shown)
    except ExpectedError as problem:
        hint = problem.hint or "If its other copy opens: move this file away, and copy the other one to its place."
        yield BundleFinding(shown, problem.message.removeprefix(f"{shown} "), hint)


def _check_copies(
    vault: Vault, slug: str, tenant_id: str, model: type[B], *, is_needed: bool
) -> Iterator[BundleFinding]:
    places = vault.places
    name = f"{slug}.{KINDS[model]}{BUNDLE_SUFFIX}"
    try:
        copies = [_read(vault, place, name, tenant_id, model) for place in places.both]
        judged = judge(*copies)
    except ExpectedError as problem:
        yield BundleFinding(places.primary.shown(name), problem.message, problem.hint)
        return
    if judged.notice:
        hint = f"Run `coffre apply {naming.slug_of_stack(slug)}`."
        yield BundleFinding(places.primary.shown(name), judged.notice, hint)
    if judged.bundle is None and is_needed:
        hint = f"Restore it from a backup: without it, the service of {slug} and its backups are unusable."
        yield BundleFinding(places.primary.shown(name), f"is in neither place, and {slug} was applied", hint)


def _read(vault: Vault, place: FileStore, name: str, tenant_id: str, model: type[B]) -> Copy[B]:
    shown = place.shown(name)
    try:
        sealed = place.read(name)
    except OSError:
        sealed = None
    if sealed is None:
        return Copy(shown)
    try:
        return Copy(shown, from_document(age.unseal(sealed, vault.identities, shown), model, tenant_id, shown))
    except BundleError as problem:
        return Copy(shown, problem=problem)
