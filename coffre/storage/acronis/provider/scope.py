"""Whom a provider works for: one customer below one partner, and for an apply exactly what the tenant's file comes to.

The provider holds a credential that reaches all customers of the partner, so what it is asked for is looked at as well
as who asks.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from coffre.acronis.identifiers import TenantUuid
from coffre.errors import RefusedError
from coffre.storage.acronis.layout import CustomerLayout, UserLayout
from coffre.storage.acronis.provider.dispatch import RESOURCES
from coffre.storage.acronis.provider.resources.access_policies import AccessPolicies
from coffre.storage.acronis.provider.resources.activation_mail import ActivationMail
from coffre.storage.acronis.provider.resources.customer import Customer
from coffre.storage.acronis.provider.resources.offering_items import OfferingItems
from coffre.storage.acronis.provider.resources.service import Service
from coffre.storage.acronis.provider.resources.user import User
from coffre.storage.provider.fields import UNKNOWN, Inputs
from coffre.storage.provider.package import Kind


@dataclass(frozen=True)
class CustomerScope:
    """One customer, by its external id. ``declared`` is everything that may be made or changed, None for whatever."""

    partner: TenantUuid
    external_id: str
    declared: Mapping[Kind, Collection[Inputs]] | None = field(default=None, repr=False)

    def refuse_foreign(self, kind: Kind, values: Mapping[str, Any]) -> None:
        """Raise RefusedError for inputs, or a state, of another customer, or of another partner's."""
        external_id = values[kind.written]
        if external_id not in (self.external_id, UNKNOWN):
            raise self._refusal(f"{external_id} is another one")
        if kind is Customer and values["parent"] not in (str(self.partner), UNKNOWN):
            raise self._refusal(f"parent {values['parent']} is not {self.partner}")

    def refuse_undeclared(self, kind: Kind, wanted: Inputs) -> None:
        """Raise RefusedError for inputs that are not what the tenant's file comes to."""
        if self.declared is None or wanted in self.declared[kind]:
            return
        raise RefusedError(
            f"the provider makes what is declared for {self.external_id} alone, and not this {kind.word}",
            "nothing was changed; somebody else than this `coffre` asked for it",
        )

    def _refusal(self, why: str) -> RefusedError:
        return RefusedError(
            f"the provider serves customer {self.external_id} alone, and {why}",
            "nothing was changed; run `coffre plan` or `coffre apply` for the tenant that it belongs to",
        )


def scope_of(layout: CustomerLayout) -> CustomerScope:
    """Return the scope of an apply: what the Pulumi program declares for this customer, and nothing else."""
    declared: dict[Kind, list[Inputs]] = {kind: [] for kind in RESOURCES.values()}
    for kind, given in declare_all(layout):
        declared[kind].append(kind.check(given)[0])
    return CustomerScope(TenantUuid(layout.partner), layout.external_id, declared)


def declare_all(layout: CustomerLayout) -> list[tuple[Kind, Inputs]]:
    """Return every resource of a customer with its inputs, as the Pulumi program declares them."""
    customer = layout.external_id
    given: list[tuple[Kind, Inputs]] = [
        (
            Customer,
            {
                "parent": layout.partner,
                "external_id": customer,
                "name": layout.name,
                "contact": dict(layout.contact),
                "language": layout.language,
                "enabled": layout.enabled,
            },
        ),
        (Service, {"customer": customer}),
        (
            OfferingItems,
            {
                "customer": customer,
                "edition": layout.edition,
                "storage": layout.storage,
                "licences": dict(layout.licences),
                "quota_bytes": layout.quota_bytes,
            },
        ),
    ]
    for user in layout.users:
        given += _declare_user(layout, user)
    return given


def _declare_user(layout: CustomerLayout, user: UserLayout) -> list[tuple[Kind, Inputs]]:
    whose: Inputs = {"customer": layout.external_id, "login": user.login}
    details = {"email": user.email, "firstname": user.firstname, "lastname": user.lastname}
    given: list[tuple[Kind, Inputs]] = [
        (User, {**whose, **details, "language": layout.language}),
        (AccessPolicies, {**whose, "roles": dict(user.roles)}),
    ]
    if user.activation_mails:
        given.append((ActivationMail, {**whose, "number": user.activation_mails}))
    return given
