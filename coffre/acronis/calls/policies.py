"""Protection plans: listed, applied to machines, taken from them, run. They are written in the vendor's console."""

from collections.abc import Iterator, Sequence

from coffre.acronis.data_center import POLICIES, path
from coffre.acronis.errors import AcronisError
from coffre.acronis.identifiers import PolicyId, ResourceId
from coffre.acronis.session import Session
from coffre.acronis.unverified.machines import is_applied_already
from coffre.acronis.values.policies import Application, Policy, PolicyStatus, flatten
from coffre.acronis.writing import remove


class Policies:
    """The calls about plans. A plan is a customer's: they are made within one (`AcronisClient.within`)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def list_all(
        self,
        *,
        policy_type: str | None = None,
        applicable_to: ResourceId | None = None,
        with_settings: bool = False,
    ) -> Iterator[Policy]:
        """Yield plans and their parts; ``applicable_to`` chooses those for one machine.

        Without ``with_settings`` the vendor names no settings.
        """
        doing = "list plans"
        query = {
            "type": policy_type,
            "applicable_to_context_id": None if applicable_to is None else ResourceId.text(applicable_to),
            "include_settings": "true" if with_settings else None,
        }
        items = self._session.pages(doing, path(POLICIES, "policies"), query)
        yield from self._session.parts(doing, Policy, flatten(list(items)))

    def list_applied(self, machine: ResourceId, *, policy_type: str | None = None) -> list[Application]:
        """Return what is applied to a machine, parts of plans included."""
        doing = f"list the plans of machine {machine}"
        query = {"context_id": ResourceId.text(machine), "policy_type": policy_type}
        items = self._session.pages(doing, path(POLICIES, "applications"), query)
        return list(self._session.parts(doing, Application, flatten(list(items))))

    def is_applied(self, plan: PolicyId, machine: ResourceId) -> bool:
        """Tell whether a whole plan is applied to a machine."""
        return any(each.policy.plan_id == plan for each in self.list_applied(machine))

    def apply(self, plan: PolicyId, machine: ResourceId) -> bool:
        """Apply a whole plan to a machine; False when it was applied already."""
        if self.is_applied(plan, machine):
            return False
        body = {"policy_id": PolicyId.text(plan), "context": {"items": [ResourceId.text(machine)]}}
        try:
            self._session.set(f"apply plan {plan}", "POST", path(POLICIES, "applications"), body=body)
        except AcronisError as error:
            if is_applied_already(error.code, error.message):
                return False
            raise
        return True

    def revoke(self, plan: PolicyId, machine: ResourceId) -> bool:
        """Take a whole plan from a machine; False when it did not have it. Its backups stay."""
        if not self.is_applied(plan, machine):
            return False
        query = {"context_id": ResourceId.text(machine), "policy_id": PolicyId.text(plan)}
        doing = f"revoke plan {plan}"
        return remove(lambda: self._session.set(doing, "DELETE", path(POLICIES, "applications"), query))

    def run(self, plan: PolicyId, machines: Sequence[ResourceId]) -> None:
        """Start a plan now on machines that have it; on none is refused, as it may mean all."""
        if not machines:
            raise ValueError("a plan is run on named machines")
        body = {
            "state": "running",
            "policy_id": PolicyId.text(plan),
            "context_ids": [ResourceId.text(each) for each in machines],
        }
        self._session.set(f"run plan {plan}", "PUT", path(POLICIES, "applications", "run"), body=body)

    def list_statuses(self) -> Iterator[PolicyStatus]:
        """Yield the states of plans on machines."""
        doing = "list the states of plans"
        items = self._session.pages(doing, path(POLICIES, "policy_statuses"))
        yield from self._session.parts(doing, PolicyStatus, flatten(list(items)))
