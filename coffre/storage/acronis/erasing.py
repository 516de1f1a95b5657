"""The end of a customer: deleted with everything in it when it is still what a person agreed to, and looked for after.

The vendor deletes a customer's backups with the customer, and nothing less. Nothing undoes it.
"""

from collections.abc import Sequence
from typing import Final

from coffre.acronis.errors import CredentialRefusedError, GoneError, RightRefusedError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.unverified.account import RECOVERY
from coffre.acronis.values.tenants import Operation, Tenant
from coffre.errors import RefusedError, RemoteError
from coffre.storage.acronis.connect import vendor_asked
from coffre.storage.acronis.customers import Customers, find_external_id
from coffre.storage.acronis.provider.use import read_all, read_figures
from coffre.storage.ending import OwnerProof, OwnerTrace, Refuse
from coffre.storage.platform import RecordedResource

CUSTOMER: Final = "acronis:index:Customer"
"""The type of a customer in a stack (`provider.dispatch`)."""


class CustomerEraser:
    """One customer, opened to be deleted for ever."""

    def __init__(self, customers: Customers, uid: str) -> None:
        """``uid`` is an owner's name; RefusedError for any other one."""
        external_id = find_external_id(uid)
        if external_id is None:
            raise RefusedError(f"{uid} is not the name of a tenant's owner", "Nothing was changed.")
        self._customers, self._client, self._external_id = customers, customers.client, external_id

    def prove(self) -> OwnerProof | None:
        """Return the customer as it is now; None without one."""
        with vendor_asked():
            found = self._customers.find_anew(self._external_id)
            if found is None:
                return None
            return OwnerProof(
                external_id=self._external_id,
                uuid=str(found.id),
                name=found.name,
                version=found.version,
                is_enabled=found.enabled,
                used=self._list_figures(found.id),
                below=len(self._client.tenants.list_child_ids(found.id)),
            )

    def find_renamed(self, resources: Sequence[RecordedResource]) -> str | None:
        """Return the UUID of a customer that a stack made and that has another external id by now, or none."""
        made = [each.outputs.get("uuid") for each in resources if each.token == CUSTOMER]
        with vendor_asked():
            for uuid in (TenantUuid(each) for each in made if isinstance(each, str)):
                live = self._client.tenants.find(uuid)
                if live is not None and live.is_live and live.customer_id != self._external_id:
                    return str(uuid)
        return None

    def delete(self, proof: OwnerProof, refuse: Refuse) -> None:
        """Delete the customer of a proof with all its backups; may run again after a kill, with the same proof.

        RefusedError, and nothing is changed: it is enabled, or not as it was when it was proved, also in what is used,
        or ``refuse`` says no.
        """
        refuse()
        if proof.external_id != self._external_id:
            raise RefusedError(f"the proof is of {proof.external_id}, not of {self._external_id}", _LOOK_AGAIN)
        uuid = TenantUuid(proof.uuid)
        with vendor_asked():
            found = self._customers.find_anew(self._external_id)
            if found is None and not self._find_trace(uuid).is_answering:
                return
            if found is None or found.id != uuid:
                raise RefusedError(f"{self._external_id} is another customer by now, not {uuid}", _LOOK_AGAIN)

            self._refuse_used_since(uuid, proof)

            def confirm(held: Tenant) -> None:
                _refuse_changed(held, proof)
                refuse()

            self._client.tenants.delete_tenant(uuid, confirm)
            trace = self._find_trace(uuid)
        if trace.is_listed or trace.is_answering:
            raise RemoteError(
                f"customer {uuid} was deleted, but Acronis still has it",
                "Run the same command again; if this persists, ask the vendor.",
            )

    def find_trace(self, proof: OwnerProof) -> OwnerTrace:
        """Return what is left of the customer of a proof."""
        with vendor_asked():
            return self._find_trace(TenantUuid(proof.uuid))

    def _find_trace(self, uuid: TenantUuid) -> OwnerTrace:
        tenants = self._client.tenants
        is_listed = any(
            each.is_live and (each.customer_id == self._external_id or each.id == uuid)
            for each in tenants.list_children(self._customers.partner)
        )
        live = tenants.find(uuid)
        try:
            shown = tenants.read(uuid, also_deleted=True)
        except GoneError:
            shown = None
        deleted_at = None if shown is None else shown.deleted_at
        return OwnerTrace(
            is_listed=is_listed,
            is_answering=live is not None and live.is_live,
            is_being_deleted=shown is not None and shown.external_operation_status is Operation.DELETING,
            deleted_at=deleted_at,
            recoverable_until=None if deleted_at is None else deleted_at + RECOVERY.value,
        )

    def _refuse_used_since(self, uuid: TenantUuid, proof: OwnerProof) -> None:
        """Refuse when somebody has worked in it since: other figures, or other tenants in it."""
        used, below = self._list_figures(uuid), len(self._client.tenants.list_child_ids(uuid))
        if (used, below) != (proof.used, proof.below):
            now = ", ".join(used) or "nothing"
            raise RefusedError(
                f"what customer {uuid} holds is not what it was when its end was agreed to: {now} in {below} tenants "
                "below it",
                _LOOK_AGAIN,
            )

    def _list_figures(self, customer: TenantUuid) -> tuple[str, ...]:
        """Return what is used, without agents and machines where the service does not let anybody look inside."""
        try:
            return tuple(read_all(self._client, customer).figures)
        except (CredentialRefusedError, RightRefusedError, GoneError):
            return tuple(read_figures(self._client, customer).figures)


_LOOK_AGAIN = "Nothing was changed. Look at it again, and agree to what is there now."


def _refuse_changed(held: Tenant, proof: OwnerProof) -> None:
    if held.enabled:
        raise RefusedError(f"customer {proof.uuid} is enabled at Acronis", "Nothing was changed. Disable it first.")
    is_same = (str(held.id), held.customer_id, held.name, held.version) == (
        proof.uuid,
        proof.external_id,
        proof.name,
        proof.version,
    )
    if not is_same:
        raise RefusedError(f"somebody changed customer {proof.uuid} since its end was agreed to", _LOOK_AGAIN)
