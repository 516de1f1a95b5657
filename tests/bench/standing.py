"""Tenants that stand as an apply left them, made by the provider's own code and without Pulumi.

Their states are the one of an applied tenant with the names and keys of each.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from coffre.provisioning.engine.stack import declare, state_folder
from coffre.provisioning.engine.state import StateFolder
from coffre.provisioning.inputs import AppliedFiles, Inputs
from coffre.provisioning.steps.secrets import current_keys, ensure_secrets
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.facts.inputs import InputsApplied
from coffre.records.facts.registry import write_fact
from coffre.spec import naming
from coffre.spec.loader import Checkout, load_checkout
from coffre.storage.ceph.declaration import CephDeclaration
from coffre.storage.ceph.drift import RememberingAdmin
from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.ceph.provider.resources.bucket_policy import BucketPolicy
from coffre.storage.ceph.provider.resources.user_quota import UserQuota
from coffre.storage.ceph.provider.scope import declare_all
from coffre.tenant.opening import OpenTenant, open_tenants

_THREADS = 4


def stand_as_applied(
    root: Path, model: str, slugs: Sequence[str], finish: Callable[[OpenTenant], None] = lambda _: None
) -> None:
    """Make the storage, bundles and states of tenants whose files are there; ``model`` was really applied.

    ``finish`` is called for each of them, the model included.
    """
    checkout = load_checkout(root)
    with ThreadPoolExecutor(_THREADS) as threads, open_tenants(checkout, lambda _: None) as opener:
        state, example = _read_state(checkout, model), opener.open(model)

        def make(slug: str) -> None:
            opened = opener.open(slug)
            _make(opened, example, state)
            finish(opened)

        list(threads.map(make, slugs))
        finish(example)


def record_inputs(root: Path, slugs: Sequence[str]) -> None:
    """Record each tenant's inputs as applied."""
    checkout = load_checkout(root)
    inputs, now = Inputs(checkout), datetime.now(UTC)
    events, kept = [], []
    for slug in slugs:
        tenant = checkout.tenants[slug]
        digests, files = inputs.digest(tenant), AppliedFiles.of(checkout, tenant)
        kept += [files.tenant, files.platform]
        fact = InputsApplied(
            digests.tenant_sha256,
            digests.program_sha256,
            is_complete=True,
            has_agents=True,
            file_sha256=files.tenant.sha256,
            platform_file_sha256=files.platform.sha256,
        )
        events.append(Event(tenant.id, slug, EventKind.INPUTS_APPLIED, now, "bench", None, None, write_fact(fact)))
    with Records.open(checkout.settings.records, root) as records:
        records.supervision.keep_applied_files(kept)
        records.append_all(events)


def _read_state(checkout: Checkout, model: str) -> str:
    states = state_folder(checkout)
    assert isinstance(states, StateFolder)
    return states.file_of(model).read_text(encoding="utf-8")


def _make(opened: OpenTenant, example: OpenTenant, state: str) -> None:
    """Make what an apply would have made of a tenant; ``example`` is the one whose state is the model."""
    escrowed = ensure_secrets(opened.tenant, opened.secrets, opened.log, lambda _: None)
    keys = current_keys(opened.tenant, escrowed.control)
    declaration = declare(opened.tenant, opened.checkout, opened.platform, keys)
    assert isinstance(declaration, CephDeclaration)
    _make_storage(declaration)
    _write_state(opened, example, state)


def _make_storage(declaration: CephDeclaration) -> None:
    admin = RememberingAdmin(declaration.endpoint, declaration.admin_key)
    platform = RgwPlatform(declaration.endpoint, admin)
    given = list(declare_all(declaration.storage))
    # Users come before the policies that name them; the quota last, since a remembered user is then right.
    for kind, inputs in sorted(given, key=lambda each: (each[0] is UserQuota, each[0] is BucketPolicy)):
        kind(platform).make(kind.check(inputs)[0])


def _write_state(opened: OpenTenant, example: OpenTenant, state: str) -> None:
    """Write the model's state with this tenant's names and ids of keys; its ciphers stay the model's."""
    states = state_folder(opened.checkout)
    assert isinstance(states, StateFolder)
    tenant, first = opened.tenant, example.tenant
    ours, theirs = opened.secrets.control(), example.secrets.control()
    assert ours.owner_key is not None
    assert theirs.owner_key is not None
    pairs = {theirs.owner_key.access_key_id: ours.owner_key.access_key_id}
    for name in tenant.machines:
        pairs[theirs.machine_keys[name].access_key_id] = ours.machine_keys[name].access_key_id
        pairs[naming.bucket_name(first.slug, first.id, name)] = naming.bucket_name(tenant.slug, tenant.id, name)
    pairs |= {naming.owner_uid(first): naming.owner_uid(tenant), first.id: tenant.id, first.slug: tenant.slug}
    text = state
    for old, new in pairs.items():
        text = text.replace(old, new)
    path = states.file_of(tenant.slug)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
