"""A customer at Acronis, in the order in which it comes to be: tenant, service, licences, users with their roles."""

import pulumi

from coffre.storage.acronis import resources as acronis
from coffre.storage.acronis.layout import CustomerLayout, UserLayout


class AcronisCustomer(pulumi.ComponentResource):
    """A customer's tenant, its service, its offering items, and its users with their roles and mails."""

    def __init__(self, layout: CustomerLayout) -> None:
        super().__init__("coffre:storage:AcronisCustomer", layout.external_id)
        self._layout = layout
        name = layout.external_id
        customer = acronis.Customer(
            name,
            parent_uuid=layout.partner,
            external_id=layout.external_id,
            name=layout.name,
            contact=layout.contact,
            language=layout.language,
            enabled=layout.enabled,
            opts=pulumi.ResourceOptions(parent=self),
        )
        service = acronis.Service(f"{name}-service", customer=name, opts=self._after(customer))
        items = acronis.OfferingItems(
            f"{name}-items",
            customer=name,
            edition=layout.edition,
            storage=layout.storage,
            licences=layout.licences,
            quota_bytes=layout.quota_bytes,
            opts=self._after(service),
        )
        # The limits are there before anybody who could use something.
        for user in layout.users:
            self._user(user, items)
        self.register_outputs({})

    def _user(self, user: UserLayout, items: acronis.OfferingItems) -> None:
        customer = self._layout.external_id
        made = acronis.User(
            user.login,
            customer=customer,
            login=user.login,
            email=user.email,
            firstname=user.firstname,
            lastname=user.lastname,
            language=self._layout.language,
            opts=self._after(items),
        )
        roles = acronis.AccessPolicies(
            f"{user.login}-roles", customer=customer, login=user.login, roles=user.roles, opts=self._after(made)
        )
        if user.activation_mails:
            acronis.ActivationMail(
                f"{user.login}-mail",
                customer=customer,
                login=user.login,
                number=user.activation_mails,
                opts=self._after(roles),
            )

    def _after(self, resource: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=[resource])
