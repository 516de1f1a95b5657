"""Resource Customer: a customer's tenant below the partner. Its data is never deleted here."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.tenants import ContactDetails, NewTenant, PricingMode, Tenant, TenantChange, TenantKind
from coffre.acronis.writing import Making
from coffre.errors import RefusedError
from coffre.storage.acronis.provider import names
from coffre.storage.acronis.provider.resources.base import AcronisResource
from coffre.storage.acronis.provider.use import refuse_used
from coffre.storage.provider import inputs
from coffre.storage.provider.fields import Field, InputChange, Inputs, Output, Shape


class Customer(AcronisResource):
    """A tenant of the kind customer, known by its external id. Another parent or external id replaces it.

    It is looked for below its parent by the external id before anything is created, and again after it; two live ones
    with the same id are refused. Adopted when it is equal; also when it is equal but still in trial: a creation cut off
    leaves that behind. A contact's entries that are not named stay as they are. From production there is no way back to
    trial.

    Deleting is refused, with the figures, while the customer uses anything. An unused one is disabled, then deleted.
    """

    word = "customer"
    written = "external_id"
    fields: ClassVar[Mapping[str, Field]] = {
        "parent": Field(
            names.tenant_uuid,
            "The UUID of the partner, or of the folder, directly below which the customer is.",
            replaces=True,
            normalise=str.lower,
        ),
        "external_id": Field(
            names.external_id,
            "Our own name for the customer, `NAMESPACE:NAME`, which the vendor keeps as `customer_id`.",
            replaces=True,
        ),
        "name": Field(names.line, "The name that people read: one line of 1 to 255 characters."),
        "contact": Field(
            names.contact,
            f"Whom the vendor writes to. `email` is needed; the entries are {', '.join(ContactDetails.model_fields)}.",
            Shape.TEXTS,
            by_entry=True,
            normalise=dict,
        ),
        "language": Field(names.language, "The language in which the vendor writes to the customer.", default="en"),
        "mode": Field(
            names.one_of([PricingMode.PRODUCTION.value, PricingMode.TRIAL.value]),
            "`production`, which is billed, or `trial`, in which the vendor creates every customer.",
            default=PricingMode.PRODUCTION.value,
        ),
        "enabled": Field(
            inputs.switch,
            "Whether the customer can work. A disabled one keeps its data, and is billed.",
            Shape.SWITCH,
            default=True,
        ),
    }
    outputs: ClassVar[Mapping[str, Output]] = {"uuid": Output("The UUID that the vendor gave the customer.")}

    @classmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        return str(values["external_id"])

    @classmethod
    def diff(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[InputChange]:
        if (old.get("mode"), new.get("mode")) == (PricingMode.PRODUCTION.value, PricingMode.TRIAL.value):
            raise RefusedError(
                f"customer {new.get('external_id')} is in production, and the vendor has no way back to trial",
                "write the mode production",
            )
        return super().diff(old, new)

    def find(self, resource_id: str) -> Inputs | None:
        tenant = self._platform.find_customer(resource_id)
        return None if tenant is None else self._show(tenant)

    def read(self, resource_id: str, known: Mapping[str, Any]) -> Inputs | None:
        live = self.find(resource_id)
        named = known.get("contact")
        if live is not None and named:
            live["contact"] = {name: live["contact"][name] for name in named if name in live["contact"]}
        return live

    def adopt(self, live: Inputs, wanted: Inputs) -> bool:
        if not self.diff(live, wanted):
            return True
        if live["mode"] != PricingMode.TRIAL.value or self.diff({**live, "mode": wanted["mode"]}, wanted):
            return False
        self.change(wanted)
        return True

    def make(self, wanted: Inputs) -> None:
        self._refuse_namesake(wanted)
        made = self._platform.client.tenants.ensure(
            NewTenant(
                name=wanted["name"],
                parent_id=TenantUuid(wanted["parent"]),
                customer_id=wanted["external_id"],
                language=wanted["language"],
                contact=ContactDetails(**wanted["contact"]),
            )
        )
        if made.making is Making.FOUND:  # somebody made it between our look and our call
            self._create(wanted)
        else:
            self._bring(made.value, wanted)

    def change(self, wanted: Inputs) -> None:
        tenant = self._platform.find_customer(wanted["external_id"])
        if tenant is None:
            self._platform.uuid_of(wanted["external_id"])
        else:
            self._bring(tenant, wanted)

    def remove(self, state: Inputs) -> None:
        tenant = self._platform.find_customer(state["external_id"])
        if tenant is None:
            return
        tenants, what = self._platform.client.tenants, f"customer {state['external_id']}"
        refuse_used(self._platform.client, tenant.id, what)
        self._refuse_provided(tenant, what)
        tenants.disable(tenant.id)
        try:
            refuse_used(self._platform.client, tenant.id, what)  # nothing begins any more
        except RefusedError:
            if tenant.enabled:
                tenants.enable(tenant.id)
            raise
        tenants.delete_tenant(tenant.id)
        self._platform.find_customer(state["external_id"])

    def produce(self, wanted: Inputs) -> Inputs:
        return {"uuid": str(self._platform.uuid_of(wanted["external_id"]))}

    def _show(self, tenant: Tenant) -> Inputs:
        mode = tenant.pricing_mode
        if mode is PricingMode.UNKNOWN:
            mode = self._platform.client.tenants.read_pricing(tenant.id).mode
        contact = {} if tenant.contact is None else tenant.contact.model_dump()
        return {
            "parent": str(tenant.parent_id or self._platform.partner),
            "external_id": tenant.customer_id,
            "name": tenant.name,
            "contact": {name: value for name, value in contact.items() if value},
            "language": tenant.language or "",
            "mode": mode.value,
            "enabled": tenant.enabled,
            "uuid": str(tenant.id),
        }

    def _bring(self, tenant: Tenant, wanted: Inputs) -> None:
        """Write what differs: the tenant itself first, then its pricing."""
        change = TenantChange(
            name=wanted["name"],
            language=wanted["language"],
            enabled=wanted["enabled"],
            contact=ContactDetails(**wanted["contact"]),
        )
        tenants = self._platform.client.tenants
        if change.of(tenant) is not None:
            tenants.update(tenant.id, lambda _: change)
        if wanted["mode"] == PricingMode.PRODUCTION.value and tenant.pricing_mode is not PricingMode.PRODUCTION:
            tenants.end_trial(tenant.id)

    def _refuse_namesake(self, wanted: Inputs) -> None:
        """Refuse beside a customer of this name without any external id: it may be this one, made by hand."""
        for each in self._platform.client.tenants.list_children(self._platform.partner):
            is_its = each.kind is TenantKind.CUSTOMER and each.is_live and not each.customer_id
            if is_its and each.name.casefold() == wanted["name"].casefold():
                raise RefusedError(
                    f"tenant {each.id} below the partner has the name {each.name} and no external id",
                    f"nothing was created; if it is this customer, give it the external id {wanted['external_id']} in "
                    "the vendor's portal, else another name",
                )

    def _refuse_provided(self, tenant: Tenant, what: str) -> None:
        """Refuse while there are tenants below, or items on: the vendor's own check of use is that of switching off."""
        below = self._platform.client.tenants.list_child_ids(tenant.id)
        on = [each.name for each in self._platform.client.offering.read(tenant.id) if each.is_on and not each.locked]
        if below or on:
            has = [f"{len(below)} tenant(s) below it"] if below else []
            has += [f"offering items that are on: {', '.join(sorted(set(on)))}"] if on else []
            raise RefusedError(
                f"{what} has {' and '.join(has)}",
                "nothing was changed; take its OfferingItems away first, with which the vendor checks use once more",
            )
