"""A call in hand: who calls, what it asks for, and what every answer of several items shares."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.acronis.description import Asked, NotAsDescribedError
from tests.acronis.refusals import Refused
from tests.acronis.world import Record, World


@dataclass(frozen=True)
class Caller:
    """Who calls: a client, in its own tenant or, by a token for it, in a customer; or a user by its password."""

    tenant_id: str
    client_id: str | None = None
    user_id: str | None = None
    is_scoped: bool = False
    base_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Answer:
    """An answer: a body is JSON, unless ``content_type`` says otherwise."""

    status: int = 200
    body: Any = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One call of a caller in the world."""

    world: World
    asked: Asked
    caller: Caller
    url: str
    """The data centre's own address, https and the host."""
    downloads_url: str = ""
    """Where installers lie: another host."""

    @property
    def path(self) -> Mapping[str, str]:
        return self.asked.path

    @property
    def query(self) -> Mapping[str, Any]:
        return self.asked.query

    @property
    def body(self) -> Any:
        return self.asked.body

    def reach(self, tenant_id: str | None = None, *, allow_deleted: bool = False) -> Record:
        """Return a tenant, the path's by default, that the caller may see."""
        tenant = self.world.tenant(tenant_id or self.path["tenant_id"], allow_deleted=allow_deleted)
        if not self.world.is_seen_from(tenant, self.caller.tenant_id):
            raise Refused(403, "Access is denied.", code="ACCESS_DENIED")
        return tenant

    def reach_to_change(self, tenant_id: str | None = None) -> Record:
        """Return a tenant that the caller may also change: with ``update_lock`` the lock's owner alone may."""
        tenant = self.reach(tenant_id)
        lock = tenant["update_lock"]
        if lock["enabled"] and lock["owner_id"] != self.caller.tenant_id:
            raise Refused(403, "The tenant is locked for updates.", code="UPDATE_LOCKED")
        return tenant

    def reach_user(self) -> Record:
        """Return the path's user, of a tenant that the caller may see."""
        user = self.world.users.get(self.path["user_id"])
        if user is None:
            raise Refused(404, f"User {self.path['user_id']} is not found.")
        self.reach(user["tenant_id"])
        return user

    def reach_numbered(self) -> Record:
        """Return the tenant that a call names by its number, in the query or the header; else the token's own."""
        number = self.query.get("tenant_id") or self.asked.headers.get("X-Apigw-Tenant-Id")
        if number is None:
            return self.world.tenants[self.caller.tenant_id]
        return self.reach(self.world.tenant_by_number(number)["id"])

    def sees(self, record: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
        """Tell whether a listing below a root has what belongs to a tenant (``_tenant_id``)."""
        tenant = self.world.tenants[record["_tenant_id"]]
        return tenant["deleted_at"] is None and self.world.is_seen_from(tenant, root["id"], in_listing=True)

    def page(self, choose: Callable[["Call"], Sequence[Any]], *, default_limit: int | None = None) -> Answer:
        """Return a page of what ``choose`` finds by the query's filters.

        A cursor has the filters in it: a call with one has nothing else but ``limit``.
        """
        cursor = self.query.get("after") or self.query.get("before")
        call, start = self, 0
        if cursor is not None:
            if set(self.query) - {"after", "before", "limit"} or {"after", "before"} <= set(self.query):
                raise NotAsDescribedError("a cursor has the filters in it: send it with limit and nothing else")
            opened = self._open_cursor(cursor)
            start = opened["start"]
            asked = Asked(**{**vars(self.asked), "query": opened["query"], "headers": opened["headers"]})
            call = Call(**{**vars(self), "asked": asked})
        found = choose(call)
        limit = self.query.get("limit") or call.query.get("limit") or default_limit or len(found) or 1
        if "before" in self.query:
            start = max(start - limit, 0)
        taken = found[start : start + limit]
        cursors = {}
        if start + limit < len(found):
            cursors["after"] = call.make_cursor(start + limit)
        if start > 0:
            cursors["before"] = call.make_cursor(start)
        if self.asked.operation_id in _ONE_WAY:
            cursors.pop("before", None)
        return Answer(body={"items": taken, "paging": {"cursors": cursors}})

    def make_cursor(self, start: int) -> str:
        """Return a cursor: the filters, and where it stands."""
        query = {key: value for key, value in self.query.items() if key not in ("after", "before")}
        kept = {"start": start, "query": query, "headers": dict(self.asked.headers), "of": self.asked.operation_id}
        text = json.dumps(kept, sort_keys=True).encode()
        return base64.urlsafe_b64encode(_seal(text) + text).decode()

    def _open_cursor(self, cursor: str) -> Record:
        try:
            whole = base64.urlsafe_b64decode(cursor.encode("ascii"))
            seal, text = whole[:8], whole[8:]
            opened: Record = json.loads(text)
        except ValueError as error:
            raise Refused(400, "The cursor is not valid.") from error
        if seal != _seal(text) or opened["of"] != self.asked.operation_id:
            raise Refused(400, "The cursor is not valid.")
        return opened


_ONE_WAY = ("listTenants", "listItemsOfSubtree")


def _seal(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:8]


Handler = Callable[[Call], Answer]
HANDLERS: dict[str, Handler] = {}
"""What answers each call, by the description's name of it."""


def answers(operation_id: str) -> Callable[[Handler], Handler]:
    """Register what answers a call."""

    def register(handler: Handler) -> Handler:
        assert operation_id not in HANDLERS, operation_id
        HANDLERS[operation_id] = handler
        return handler

    return register
