"""Registration tokens: made for one machine, short-lived, deleted after use."""

from collections.abc import Sequence

from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.errors import OutcomeUnknownError
from coffre.acronis.identifiers import RegistrationTokenNumber, TenantUuid
from coffre.acronis.session import Session
from coffre.acronis.values.registration import LONGEST_SECONDS, RegistrationToken, Scope
from coffre.acronis.writing import Made, Making, remove


class Registration:
    """The calls about registration tokens."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, tenant: TenantUuid, seconds: int, scopes: Sequence[Scope]) -> Made[RegistrationToken]:
        """Make a token that is valid for so many seconds.

        ``tenant`` is the personal tenant of the agents' owner. After a lost answer a second one is made: nobody knows
        the secret of the first, and it ends by itself.
        """
        if not scopes or not 0 < seconds <= LONGEST_SECONDS:
            raise ValueError("a registration token needs a scope, and ends within a year")
        try:
            return Made(self._create(tenant, seconds, scopes), Making.CREATED)
        except OutcomeUnknownError:
            return Made(self._create(tenant, seconds, scopes), Making.CREATED_AFTER_LOST_ANSWER)

    def _create(self, tenant: TenantUuid, seconds: int, scopes: Sequence[Scope]) -> RegistrationToken:
        doing = f"make a registration token for tenant {tenant}"
        body = {"expires_in": seconds, "scopes": [str(each) for each in scopes]}
        return self._session.part(doing, RegistrationToken, self._session.create(doing, _of(tenant), body))

    def list_of_tenant(self, tenant: TenantUuid) -> list[RegistrationToken]:
        """Return the tokens of a tenant."""
        doing = f"list the registration tokens of tenant {tenant}"
        value = self._session.read(doing, _of(tenant))
        return list(self._session.parts(doing, RegistrationToken, self._session.items_of(doing, value)))

    def delete(self, token: RegistrationTokenNumber) -> bool:
        """End a token; False when it was gone already."""
        where = path(ACCOUNT, "registration_tokens", RegistrationTokenNumber.text(token))
        return remove(lambda: self._session.set(f"delete registration token {token}", "DELETE", where))


def _of(tenant: TenantUuid) -> str:
    return path(ACCOUNT, "tenants", TenantUuid.text(tenant), "registration_tokens")
