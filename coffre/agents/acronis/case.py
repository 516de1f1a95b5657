"""One machine on its way through a command, and its result."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Concatenate, Generic, ParamSpec, TypeVar

from coffre.acronis.values.agents import Agent
from coffre.agents.acronis.customer import Customer
from coffre.agents.acronis.facts import MachineFacts, Note
from coffre.agents.acronis.judging import Step, version_of
from coffre.agents.acronis.settings import MachineTerms
from coffre.agents.ansible.verdict import sentence
from coffre.agents.driver import DeployRequest, DeployResult, RemoveRequest, Target
from coffre.agents.home import AgentOwner
from coffre.errors import ExpectedError

R = TypeVar("R", DeployRequest, RemoveRequest)
P = ParamSpec("P")


@dataclass
class Case(Generic[R]):
    """A machine: what is known of it so far, and its result as soon as that is known."""

    request: R
    terms: MachineTerms
    customer: Customer | None = None
    facts: MachineFacts = field(default_factory=MachineFacts)
    agent: Agent | None = None
    step: Step = Step.NOTHING
    changes: list[str] = field(default_factory=list)
    result: DeployResult | None = None

    @property
    def target(self) -> Target:
        """The machine and its connection."""
        return self.request.target

    @property
    def owner(self) -> AgentOwner:
        """Whose the agent is to be."""
        return AgentOwner(self.target.tenant_id, self.target.machine)

    @property
    def note(self) -> Note:
        """The note that the machine is to have."""
        return Note(self.owner, self.agent.id if self.agent is not None else None)

    def needed_customer(self) -> Customer:
        """Return the customer, where there has to be one by now."""
        assert self.customer is not None  # noqa: S101 - cases without one have their result
        return self.customer

    def attempt(self, work: "Callable[Concatenate[Case[R], P], None]", *given: P.args, **named: P.kwargs) -> None:
        """Do a part of the work on this case, unless it is over; an error that an operator can act on ends it."""
        if self.result is not None:
            return
        try:
            work(self, *given, **named)
        except ExpectedError as error:
            self.fail(sentence(error))

    def fail(self, message: str) -> None:
        """End the case; the machine was reached, or was not needed."""
        name = f"{self.target.machine}: "
        self.result = self._make(is_ok=False, message=message if message.startswith(name) else name + message)

    def take(self, played: DeployResult) -> None:
        """Take what a playbook gave: its changes, and its failure."""
        self.changes += [each for each in played.changes if each not in self.changes]
        if not played.ok:
            self.result = self._make(is_ok=False, message=played.message, is_unreachable=played.unreachable)

    def end(self) -> DeployResult:
        """Return the result: the one so far, else a success."""
        return self.result or self._make(is_ok=True)

    def _make(self, *, is_ok: bool, message: str = "", is_unreachable: bool = False) -> DeployResult:
        return DeployResult(
            slug=self.target.slug,
            machine=self.target.machine,
            ok=is_ok,
            changed=bool(self.changes),
            unreachable=is_unreachable,
            message=message,
            changes=tuple(self.changes),
            agent_version=version_of(self.agent) if self.agent is not None else "",
            agent_id=str(self.agent.id) if self.agent is not None else "",
        )


def still_open(cases: Sequence[Case[R]]) -> list[Case[R]]:
    """Return the cases without a result."""
    return [each for each in cases if each.result is None]
