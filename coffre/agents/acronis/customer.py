"""One customer at the vendor's: its agents, its machines and its plans, and the tokens with which machines join it."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from coffre.acronis.client import AcronisClient
from coffre.acronis.errors import AcronisError, AmbiguousError
from coffre.acronis.identifiers import AgentId, PolicyId, RegistrationTokenNumber, ResourceId, TenantUuid
from coffre.acronis.values.agents import Agent, Resource
from coffre.acronis.values.monitoring import Activity
from coffre.acronis.values.policies import PLAN, Policy
from coffre.acronis.values.registration import OwnerScope, PlanScope
from coffre.errors import ExpectedError, RefusedError

_SECRET = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{3,127}")
"""The form of a token: it goes into files that programs read line by line."""


@dataclass(frozen=True)
class Token:
    """A registration token; ``secret`` is what registers a machine, ``ends_at`` when it ends by itself."""

    number: RegistrationTokenNumber
    secret: SecretStr
    ends_at: datetime


class Customer:
    """A customer, and the calls as they act inside it: nothing of another customer is seen or changed."""

    def __init__(self, client: AcronisClient, uuid: TenantUuid, name: str) -> None:
        """``name`` is our own name of it there, for messages."""
        self.uuid, self.name = uuid, name
        self._client = client.within(uuid)
        self._plans: dict[str, Policy] = {}

    def list_agents(self) -> list[Agent]:
        """Return the customer's agents."""
        return list(self._client.agents.list_all())

    def list_machines(self) -> list[Resource]:
        """Return the customer's machines, as plans know them."""
        return list(self._client.agents.list_machines())

    def list_backups(self, since: datetime) -> list[Activity]:
        """Return the backups that ended after a moment, and those that the vendor lists without an end."""
        return list(self._client.monitoring.list_activities(completed_after=since, policy_type="backup"))

    def list_all_backups(self) -> list[Activity]:
        """Return every backup that the vendor lists, those that go on included."""
        return list(self._client.monitoring.list_activities(policy_type="backup"))

    def find_machine(self, agent: Agent) -> ResourceId | None:
        """Return the machine of an agent, as plans know it; None when the vendor does not list it (yet)."""
        return find_machine(self.list_machines(), agent, self.name)

    def plan(self, name: str) -> Policy:
        """Return the plan of a name; RefusedError without one, AmbiguousError when there are two."""
        if name not in self._plans:
            found = [each for each in self._client.policies.list_all(policy_type=PLAN) if each.name == name]
            if not found:
                raise RefusedError(
                    f"the customer {self.name} has no protection plan named {name!r} at Acronis",
                    "Make it in the vendor's console, as the customer: plans are written there, and applied by Coffre.",
                )
            if len(found) > 1:
                raise AmbiguousError(
                    f"the customer {self.name} has {len(found)} protection plans named {name!r} at Acronis",
                    "Rename all but one in the vendor's console.",
                )
            self._plans[name] = found[0]
        return self._plans[name]

    def is_applied(self, plan: PolicyId, machine: ResourceId) -> bool:
        """Tell whether a plan is applied to a machine."""
        return self._client.policies.is_applied(plan, machine)

    def apply(self, plan: PolicyId, machine: ResourceId) -> bool:
        """Apply a plan to a machine; False when it was applied already."""
        return self._client.policies.apply(plan, machine)

    def run(self, plan: PolicyId, machine: ResourceId) -> None:
        """Start a plan on a machine now."""
        self._client.policies.run(plan, [machine])

    def revoke_all(self, machine: ResourceId) -> bool:
        """Take every plan from a machine, so that it uses no licence; False when it had none. Its backups stay."""
        plans = {each.policy.plan_id for each in self._client.policies.list_applied(machine)}
        revoked = [self._client.policies.revoke(plan, machine) for plan in sorted(plans, key=str)]
        return any(revoked)

    def delete_agent(self, agent: AgentId) -> bool:
        """Cancel an agent's registration; False when it was gone already."""
        return self._client.agents.delete(agent)

    def make_token(self, owner_login: str, seconds: int, plan: Policy | None = None) -> Token:
        """Make a registration token of the agents' owner; with a plan it is applied when a machine registers.

        RefusedError when the customer has no such user.
        """
        owner = self._client.users.find_by_login(self.uuid, owner_login)
        if owner is None or owner.personal_tenant_id is None:
            raise RefusedError(
                f"the customer {self.name} has no user {owner_login} at Acronis, to whom its agents belong",
                "Run `coffre apply` for this tenant first.",
            )
        scopes: list[OwnerScope | PlanScope] = [OwnerScope(owner.personal_tenant_id)]
        if plan is not None:
            if plan.tenant_id is None:
                raise RefusedError(
                    f"Acronis does not say to which tenant the plan {plan.name!r} belongs", "Apply it by hand."
                )
            scopes.append(PlanScope(plan.tenant_id, plan.id))
        made = self._client.registration.create(owner.personal_tenant_id, seconds, scopes).value
        if _SECRET.fullmatch(made.token.get_secret_value()) is None:
            raise AcronisError(
                "Acronis made a registration token of an unknown form",
                "Give this to the vendor's support.",
            )
        return Token(made.id, made.token, made.expires_at)

    def delete_token(self, token: Token) -> None:
        """End a token; it is no error when it has ended."""
        self.end_token(token.number)

    def end_token(self, number: RegistrationTokenNumber) -> None:
        """End a token by its name, as above."""
        self._client.registration.delete(number)


def find_machine(machines: Sequence[Resource], agent: Agent, customer: str) -> ResourceId | None:
    """Return an agent's machine among its customer's, None without one; AmbiguousError when there are two. Pure."""
    of_agent = [each for each in machines if each.agent_id == agent.id]
    # How a machine names its agent is unverified (`unverified.RESOURCE_AGENT`): its own name is the other way.
    unnamed = [
        each
        for each in machines
        if each.agent_id is None and agent.hostname and each.name.lower() == agent.hostname.lower()
    ]
    found = of_agent or unnamed
    if len(found) > 1:
        raise AmbiguousError(
            f"the customer {customer} has {len(found)} machines for the agent of {agent.hostname}",
            "Delete in the vendor's portal those that are gone.",
        )
    return found[0].id if found else None


class Directory:
    """The customers of a partner, listed once for many tenants."""

    def __init__(self, client: AcronisClient, partner: TenantUuid) -> None:
        self._client, self._partner = client, partner
        self._listed: dict[str, list[TenantUuid]] | ExpectedError | None = None

    def find(self, name: str) -> Customer | None:
        """Return the customer with our own name, None without one; AmbiguousError when there are two."""
        found = self._list().get(name, [])
        if len(found) > 1:
            raise AmbiguousError(
                f"{len(found)} customers below the partner {self._partner} have the external id {name}",
                "Decide in the vendor's portal which one is the customer's, and take the external id from the other.",
            )
        return Customer(self._client, found[0], name) if found else None

    def get(self, name: str) -> Customer:
        """Return the customer with our own name; RefusedError without one."""
        found = self.find(name)
        if found is None:
            raise RefusedError(
                f"Acronis has no customer with the external id {name} below the partner {self._partner}",
                "Run `coffre apply` for this tenant first.",
            )
        return found

    def _list(self) -> dict[str, list[TenantUuid]]:
        """List the customers; a failure is the same for all tenants, and is not waited for again."""
        if self._listed is None:
            try:
                self._listed = {}
                for each in self._client.tenants.list_children(self._partner):
                    if each.customer_id and each.is_live:
                        self._listed.setdefault(each.customer_id, []).append(each.id)
            except ExpectedError as error:
                self._listed = error
        if isinstance(self._listed, ExpectedError):
            raise self._listed
        return self._listed


@contextlib.contextmanager
def all_ended(customer_tokens: list[tuple[Customer, Token]], unended: list[Token]) -> Iterator[None]:
    """End the tokens after the block, however it ends; ``unended`` takes those that the vendor did not end.

    They expire by themselves. The others are ended all the same.
    """
    try:
        yield
    finally:
        for customer, token in customer_tokens:
            try:
                customer.delete_token(token)
            except ExpectedError:
                unended.append(token)
