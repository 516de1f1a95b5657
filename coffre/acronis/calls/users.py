"""Users: the owner of a customer's agents, and its administrators."""

from collections.abc import Iterator, Sequence
from typing import Any

from coffre.acronis.calls.tenants import BATCH, read_ids
from coffre.acronis.data_center import ACCOUNT, path
from coffre.acronis.errors import AmbiguousError, ConflictError
from coffre.acronis.exchange import Question, absurd
from coffre.acronis.identifiers import TenantUuid, UserUuid
from coffre.acronis.session import Session
from coffre.acronis.values.tenants import ContactDetails
from coffre.acronis.values.users import AccessPolicy, Grant, NewUser, User, merge_policies
from coffre.acronis.writing import Made, Written, change, create_once, remove
from coffre.errors import RefusedError


class Users:
    """The calls about users."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def is_login_free(self, login: str) -> bool:
        """Tell whether nobody on the whole platform has a login."""
        question = Question("look for a login", "GET", path(ACCOUNT, "users", "check_login"), {"username": login})
        try:
            self._session.read(question.doing, question.path, question.query)
        except ConflictError:
            return False
        return True

    def read(self, user: UserUuid) -> User:
        """Return a user; GoneError when it is not there."""
        doing = f"read user {user}"
        return self._session.part(doing, User, self._session.read(doing, _of(user)))

    def list_of_tenant(self, tenant: TenantUuid) -> Iterator[User]:
        """Yield the users of a tenant."""
        doing = f"list the users of tenant {tenant}"
        value = self._session.read(doing, path(ACCOUNT, "tenants", TenantUuid.text(tenant), "users"))
        ids = read_ids(self._session, doing, UserUuid, value)
        for start in range(0, len(ids), BATCH):
            uuids = ",".join(UserUuid.text(each) for each in ids[start : start + BATCH])
            value = self._session.read(doing, path(ACCOUNT, "users"), {"uuids": uuids})
            yield from self._session.parts(doing, User, self._session.items_of(doing, value))

    def find_by_login(self, tenant: TenantUuid, login: str) -> User | None:
        """Return the user of a tenant with a login; None without one."""
        found = [each for each in self.list_of_tenant(tenant) if each.login.lower() == login.lower()]
        if len(found) > 1:
            raise AmbiguousError(
                f"{len(found)} users of tenant {tenant} have the login {login}", "See the vendor's portal."
            )
        return found[0] if found else None

    def ensure(self, new: NewUser) -> Made[User]:
        """Return the user of this tenant and login, created if it is not there.

        RefusedError when another tenant has a user of this login: logins are unique on the whole platform.
        """
        doing = f"create the user {new.login}"

        def create() -> User:
            if not self.is_login_free(new.login):
                raise RefusedError(
                    f"the login {new.login} belongs to somebody else on Acronis' platform", "Choose another login."
                )
            return self._session.part(doing, User, self._session.create(doing, path(ACCOUNT, "users"), new.body()))

        return create_once(lambda: self.find_by_login(new.tenant_id, new.login), create)

    def read_policies(self, user: UserUuid) -> list[AccessPolicy]:
        """Return the roles of a user."""
        doing = f"read the roles of user {user}"
        return list(self._session.parts(doing, AccessPolicy, self._held(doing, user)))

    def grant(
        self, user: UserUuid, add: Sequence[Grant] = (), remove_roles: Sequence[Grant] = ()
    ) -> Written[list[AccessPolicy]]:
        """Give a user roles and take others; it keeps every role that is not named.

        The service has no version for the set of roles: two writers at the same moment can undo each other, so the set
        is read again after the write.
        """
        doing = f"change the roles of user {user}"

        def write(_held: list[Any], whole: list[dict[str, Any]]) -> list[Any]:
            self._session.set(doing, "PUT", _of(user, "access_policies"), body={"items": whole})
            held = self._held(doing, user)
            if merge_policies(held, user, add, remove_roles) is not None:
                raise ConflictError(
                    f"{doing}: somebody else changed them at the same time", "Run the same command again."
                )
            return held

        written = change(
            lambda: self._held(doing, user), lambda held: merge_policies(held, user, add, remove_roles), write
        )
        return Written(list(self._session.parts(doing, AccessPolicy, written.value)), written.is_changed)

    def send_activation_mail(self, user: UserUuid) -> bool:
        """Have the service send a user the mail with which it sets its password; False when it did so already.

        OutcomeUnknownError when the answer was lost: the mail may have gone out.
        """
        if self.read(user).activated:
            return False
        self._session.create(f"send user {user} the activation mail", _of(user, "send-activation-email"))
        return True

    def update(
        self,
        user: UserUuid,
        *,
        contact: ContactDetails | None = None,
        language: str | None = None,
        enabled: bool | None = None,
    ) -> Written[User]:
        """Write what of a user is to be otherwise; None leaves it as it is."""

        def differing(held: User) -> dict[str, Any] | None:
            wanted: dict[str, Any] = {}
            if contact is not None and contact.differs_from(held.contact):
                wanted["contact"] = contact.body()
            if language is not None and language != held.language:
                wanted["language"] = language
            if enabled is not None and enabled != held.enabled:
                wanted["enabled"] = enabled
            return wanted or None

        def write(held: User, wanted: dict[str, Any]) -> User:
            self._session.set(f"change user {user}", "PUT", _of(user), body={"version": held.version, **wanted})
            return self.read(user)

        return change(lambda: self.read(user), differing, write)

    def suspend(self, user: UserUuid) -> Written[User]:
        """Disable a user."""
        return self.update(user, enabled=False)

    def resume(self, user: UserUuid) -> Written[User]:
        """Enable a user."""
        return self.update(user, enabled=True)

    def delete(self, user: UserUuid) -> bool:
        """Delete a user; False when it was gone already."""

        def write(held: User, version: int) -> User:
            self._session.set(f"delete user {user}", "DELETE", _of(user), {"version": version})
            return held

        return remove(lambda: change(lambda: self.read(user), lambda held: held.version, write))

    def _held(self, doing: str, user: UserUuid) -> list[Any]:
        items = self._session.items_of(doing, self._session.read(doing, _of(user, "access_policies")))
        if not all(isinstance(each, dict) for each in items):
            raise absurd(doing, self._session.url, "a role is not one")
        return items


def _of(user: UserUuid, *parts: str) -> str:
    return path(ACCOUNT, "users", UserUuid.text(user), *parts)
