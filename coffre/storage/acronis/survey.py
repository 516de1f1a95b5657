"""Reads one partner's account for many tenants: customers, items and figures of use of all, with few requests."""

import weakref
from collections.abc import Sequence
from itertools import islice

from coffre.acronis.errors import AcronisAwayError, AcronisError, CredentialRefusedError
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.session import Session
from coffre.acronis.values.usages import Usage
from coffre.storage.acronis.connect import vendor_asked
from coffre.storage.acronis.customers import Customers, describe_owner
from coffre.storage.acronis.declaration import AcronisDeclaration
from coffre.storage.acronis.drift import find_drift
from coffre.storage.acronis.provider.account import Account
from coffre.storage.acronis.remembering import RememberingClient
from coffre.storage.acronis.surroundings import describe_surroundings
from coffre.storage.platform import Declaration, RecordedResource, SecretOf
from coffre.storage.surroundings import MAX_ENTRIES, Surroundings
from coffre.storage.survey import HomeSurvey, SurveyedUser
from coffre.storage.values import OwnerFacts


class AcronisSurvey:
    """One partner's account with its API client; implements Survey. Safe to use from many threads."""

    def __init__(self, session: Session, partner: TenantUuid) -> None:
        self._session = session
        self._client = RememberingClient(session, partner)
        self._customers = Customers(self._client, partner)
        self._account = Account(self._client, partner)
        weakref.finalize(self, session.close)

    def close(self) -> None:
        """End the connections; they end with the object too."""
        self._session.close()

    def look(self, declaration: Declaration, resources: Sequence[RecordedResource], secret_of: SecretOf) -> HomeSurvey:  # noqa: ARG002
        """Read what the account has of a tenant; see `Survey`. AmbiguousError when two customers have its id."""
        assert isinstance(declaration, AcronisDeclaration)  # noqa: S101 - its kind made both
        uid = declaration.owner_uid
        with vendor_asked():
            customer = self._account.find_customer(declaration.customer.external_id)
            drift = find_drift(self._account, uid, resources)
        users = {} if customer is None else {uid: SurveyedUser(uid, not customer.enabled, ())}
        return HomeSurvey(tuple(drift), users)

    def list_owners(self) -> dict[str, OwnerFacts]:
        """Return the facts of every customer of Coffre's below the partner, by the names of `Storage.list_users`."""
        with vendor_asked():
            found = self._customers.list_all()
            usages = self._read_usages([each.id for each in found.values()])
            return {
                uid: describe_owner(uid, each, self._client.offering.read(each.id), usages[each.id])
                for uid, each in found.items()
            }

    def look_around(self, owner_uid: str) -> Surroundings | None:
        """Return the agents and the open alerts of a customer; None without the customer. Five requests."""
        with vendor_asked():
            customer = self._customers.find(owner_uid)
            if customer is None:
                return None
            within = self._client.within(customer.id)
            return describe_surroundings(
                list(islice(within.agents.list_all(), MAX_ENTRIES)),
                list(islice(within.agents.list_machines(), MAX_ENTRIES)),
                list(islice(within.agents.list_statuses(), MAX_ENTRIES)),
                list(islice(within.monitoring.list_alerts(), MAX_ENTRIES)),
            )

    def _read_usages(self, customers: Sequence[TenantUuid]) -> dict[TenantUuid, list[Usage]]:
        """Return the figures of these customers; one at a time where the service leaves one out of its answer."""
        try:
            known = self._client.usages.read_several(customers)
        except (AcronisAwayError, CredentialRefusedError):
            raise
        except AcronisError:
            known = {}
        return {each: known[each] if each in known else self._client.usages.read(each) for each in customers}
