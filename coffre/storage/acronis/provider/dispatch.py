"""The map of the provider: which class answers for which Pulumi type token."""

from coffre.storage.acronis.provider.environment import SETTINGS
from coffre.storage.acronis.provider.resources.access_policies import AccessPolicies
from coffre.storage.acronis.provider.resources.activation_mail import ActivationMail
from coffre.storage.acronis.provider.resources.base import AcronisResource
from coffre.storage.acronis.provider.resources.customer import Customer
from coffre.storage.acronis.provider.resources.offering_items import OfferingItems
from coffre.storage.acronis.provider.resources.service import Service
from coffre.storage.acronis.provider.resources.user import User
from coffre.storage.provider.package import Package

RESOURCES: dict[str, type[AcronisResource]] = {
    "acronis:index:Customer": Customer,
    "acronis:index:Service": Service,
    "acronis:index:OfferingItems": OfferingItems,
    "acronis:index:User": User,
    "acronis:index:AccessPolicies": AccessPolicies,
    "acronis:index:ActivationMail": ActivationMail,
}

PACKAGE = Package(
    display_name="Acronis Cyber Protect Cloud",
    description="A customer of Acronis Cyber Protect Cloud: tenant, licences, quota and users, one customer at a time.",
    keywords=("acronis", "backup"),
    serves="The vendor's data center, and the one customer for whom the provider works.",
    settings=SETTINGS,
    resources=RESOURCES,
)
