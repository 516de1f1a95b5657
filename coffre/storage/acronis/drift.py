"""Compares a customer with a stack's state, with the provider's own reads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from coffre.acronis.errors import AcronisAwayError, CredentialRefusedError
from coffre.errors import ExpectedError
from coffre.storage.acronis.provider.account import Account
from coffre.storage.acronis.provider.dispatch import RESOURCES
from coffre.storage.acronis.provider.resources.access_policies import AccessPolicies
from coffre.storage.acronis.provider.resources.activation_mail import ActivationMail
from coffre.storage.acronis.provider.resources.customer import Customer
from coffre.storage.acronis.provider.resources.offering_items import OfferingItems
from coffre.storage.acronis.provider.resources.service import Service
from coffre.storage.acronis.provider.resources.user import User
from coffre.storage.platform import RecordedResource
from coffre.storage.provider.fields import find_entry
from coffre.storage.provider.package import Kind
from coffre.storage.survey import Part, ResourceDrift

_PARTS: Final[Mapping[Kind, Part]] = {
    Customer: Part.USER,
    OfferingItems: Part.LICENCES,
    AccessPolicies: Part.USER_POLICY,
    Service: Part.SERVICE,
    User: Part.ACCOUNT,
    ActivationMail: Part.ACCOUNT,
}
"""The part that each resource is."""
_QUOTA: Final = "quota_bytes"


def find_drift(account: Account, owner_uid: str, resources: Sequence[RecordedResource]) -> list[ResourceDrift]:
    """Return how the customer of an owner differs from these resources; raises as `compare` does."""
    return [drift for each in resources for drift in compare(account, owner_uid, each)]


def compare(account: Account, owner_uid: str, recorded: RecordedResource) -> Iterator[ResourceDrift]:
    """Yield the differences of one resource; the owner holds all of them.

    AcronisAwayError without an answer, CredentialRefusedError when nobody is let in. Any other refusal is part of the
    drift: the refresh that follows shows its reason.
    """
    kind = RESOURCES.get(recorded.token)
    if kind is None:
        yield ResourceDrift(Part.OTHER, owner_uid, recorded.name)
        return
    part, label = _PARTS[kind], _label(kind, recorded.inputs)
    wanted = kind.check(recorded.inputs)[0]
    try:
        live = kind(account).read(recorded.resource_id, wanted)
        changes = [] if live is None else kind.diff(live, wanted)
    except (AcronisAwayError, CredentialRefusedError):
        raise
    except ExpectedError as refusal:
        yield ResourceDrift(part, owner_uid, label, problem=refusal.message)
        return
    if live is None:
        is_limits = kind is OfferingItems
        yield ResourceDrift(
            Part.WALL if is_limits else part, owner_uid, label, wanted.get(_QUOTA) if is_limits else None
        )
        return
    for change in changes:
        name, key, expected, found = find_entry(change.path, wanted, live)
        if name == _QUOTA:
            yield ResourceDrift(Part.WALL, owner_uid, "", expected, found)
        elif kind is Customer and name == "enabled":
            yield ResourceDrift(Part.SUSPENSION, owner_uid, "", not expected, not found)
        elif kind is Customer and name == "name":
            yield ResourceDrift(Part.USER, owner_uid, "display_name", expected, found)
        else:
            shown = ".".join(each for each in (label, name, key) if each)
            yield ResourceDrift(part, owner_uid, shown, expected, found)


def _label(kind: Kind, inputs: Mapping[str, Any]) -> str:
    """Return what a resource is called beside the others of its customer; empty for customer and items."""
    login = str(inputs.get("login", ""))
    labels: Mapping[Kind, str] = {
        Service: "service",
        User: login,
        AccessPolicies: login,
        ActivationMail: f"{login}.activation_mail",
    }
    return labels.get(kind, "")
