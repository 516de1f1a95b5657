"""The vendor's agents on machines: installed by Ansible, registered by a token each, verified by the vendor's API."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from coffre.acronis.client import open_acronis
from coffre.acronis.patience import Patience
from coffre.agents.acronis import inventory
from coffre.agents.acronis.arrival import Listing, Sleep, await_agents, await_machine
from coffre.agents.acronis.case import Case, R, still_open
from coffre.agents.acronis.customer import Customer, Directory, Token, all_ended
from coffre.agents.acronis.inventory import Joining, PathOf
from coffre.agents.acronis.judging import Step, choose_step, find_agent, in_batches, list_drift
from coffre.agents.acronis.play import look_at, play
from coffre.agents.acronis.removal import remove
from coffre.agents.acronis.settings import TOKEN_SECONDS, AcronisSettings
from coffre.agents.ansible.runner import MAX_FORKS
from coffre.agents.driver import (
    AgentLook,
    DeployRequest,
    DeployResult,
    OnProgress,
    RemoveRequest,
    Target,
)
from coffre.agents.home import AgentOwner
from coffre.agents.sites.anywhere import Runs
from coffre.errors import RemoteError

APPLIED = "Apply the protection plan"
"""The change that is made by the vendor's API, in the words of a task."""

Deployment = Case[DeployRequest]


class AcronisAgents:
    """Drives the vendor's agents on machines with an SSH or WinRM connection; implements Agents.

    ``scratch`` is the place of a run's private files on a system without a tmpfs; ``slugs`` are the tenants' by their
    ids. ``patience`` and ``sleep`` are for tests.
    """

    def __init__(
        self,
        settings: AcronisSettings,
        scratch: Path,
        slugs: Mapping[str, str] | None = None,
        patience: Patience | None = None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._settings, self._runs, self._slugs = settings, Runs(scratch), slugs or {}
        self._patience, self._sleep = patience, sleep

    def deploy(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Install, update or repair the agent of each machine, and apply its plan. May run twice.

        An agent counts as installed when the vendor has it online, in the customer's own tenant.
        """
        with self._begun(requests) as cases:
            look_at(self._runs, cases, self._slugs, on_progress)
            listing = Listing()
            for case in cases:
                case.attempt(self._decide, listing)
            waiting = [case for case in still_open(cases) if case.step is not Step.NOTHING]
            for batch in in_batches([((_mark(case),), case) for case in waiting], MAX_FORKS):
                self._work_on(batch, on_progress)
            for case in cases:
                case.attempt(self._apply_plan)
            lacking = [case for case in still_open(cases) if case.facts.note != case.note]
            play(self._runs, lacking, _note_variables, on_progress)
        return [case.end() for case in cases]

    def look(self, requests: Sequence[DeployRequest], on_progress: OnProgress) -> list[AgentLook]:
        """Tell what `deploy` would change on each machine and at the vendor's; changes nothing anywhere."""
        looks: dict[int, AgentLook] = {}
        with self._begun(requests) as cases:
            look_at(self._runs, cases, self._slugs, on_progress, only_looks=True)
            listing = Listing()
            for case in cases:
                case.attempt(self._judge, listing, looks)
        return [looks.get(id(case)) or _unseen(case.end()) for case in cases]

    def remove(self, requests: Sequence[RemoveRequest], on_progress: OnProgress) -> list[DeployResult]:
        """Take plan, registration and software from each machine, in the vendor's safe order. May run twice."""
        with self._begun(requests) as cases:
            look_at(self._runs, cases, self._slugs, on_progress)
            remove(self._runs, cases, on_progress)
        return [case.end() for case in cases]

    @contextlib.contextmanager
    def _begun(self, requests: Sequence[R]) -> Iterator[list[Case[R]]]:
        """Give a case for each machine, with its customer at the vendor's, for the time of the block."""
        with open_acronis(self._settings.access, self._patience) as client:
            directory = Directory(client, self._settings.partner_uuid)
            cases = [Case(each, self._settings.terms(_owner_of(each.target))) for each in requests]
            for case in cases:
                case.attempt(_find_customer, directory)
            yield cases

    def _decide(self, case: Deployment, listing: Listing) -> None:
        installer = self._settings.installer_for(case.target.system)
        customer = case.needed_customer()
        customer.plan(case.terms.plan)  # nothing is installed that could not back up
        case.agent = find_agent(listing.of(customer), case.facts, case.terms)
        case.step = choose_step(case.facts, case.agent, installer)
        if case.step is Step.REGISTER and case.target.system is inventory.LINUX:
            # Its own tool takes the token on its command line only, where all users of the machine see it.
            case.step = Step.INSTALL
        if case.step is Step.INSTALL:
            if case.facts.is_locked:
                raise RemoteError(
                    "another installation of the vendor's software goes on there",
                    "Wait until it ends. If none runs, delete /tmp/trueimage_inst.lock there.",
                )
            if installer.path is not None:
                installer.check()

    def _work_on(self, batch: Sequence[Deployment], on_progress: OnProgress) -> None:
        """Do the work of a batch on its machines, with a token for each that registers, and wait for their agents."""
        before = Listing()
        tokens: dict[int, Token] = {}
        made: list[tuple[Customer, Token]] = []
        unended: list[Token] = []
        with all_ended(made, unended):
            for case in batch:
                case.attempt(_remember, before)
                if case.step is not Step.START:
                    case.attempt(_make_token, tokens, made)

            def variables_of(case: Case[Any], target: Target, path_of: PathOf) -> Mapping[str, Any]:
                if case.step is Step.START:
                    return inventory.start_variables(target)
                joining = Joining(self._settings.data_center.url, tokens[id(case)].secret)
                part = inventory.REGISTER if case.step is Step.REGISTER else inventory.INSTALL
                installer = self._settings.installer_for(target.system)
                return inventory.install_variables(target, installer, joining, path_of, part=part)

            play(self._runs, still_open(batch), variables_of, on_progress)
            await_agents(batch, before, self._settings, on_progress, self._sleep)
        for case in still_open(batch):
            if tokens.get(id(case)) in unended:
                case.fail(
                    "its agent is online, but Acronis did not delete the registration token of this run. It expires "
                    "within an hour: delete it in the vendor's portal, or wait; then run the same command again."
                )

    def _apply_plan(self, case: Deployment) -> None:
        customer = case.needed_customer()
        assert case.agent is not None  # noqa: S101 - cases without one have their result
        machine = await_machine(customer, case.agent, self._settings.waiting, self._sleep)
        if customer.apply(customer.plan(case.terms.plan).id, machine):
            case.changes.append(APPLIED)

    def _judge(self, case: Deployment, listing: Listing, looks: dict[int, AgentLook]) -> None:
        customer = case.needed_customer()
        plan = customer.plan(case.terms.plan)
        case.agent = find_agent(listing.of(customer), case.facts, case.terms)
        machine = customer.find_machine(case.agent) if case.agent is not None else None
        drift = list_drift(
            case.facts,
            case.agent,
            self._settings.installer_for(case.target.system),
            has_plan=machine is not None and customer.is_applied(plan.id, machine),
            note=case.note,
        )
        looks[id(case)] = AgentLook(case.target.slug, case.target.machine, True, drift=drift)


def _owner_of(target: Target) -> AgentOwner:
    return AgentOwner(target.tenant_id, target.machine)


def _find_customer(case: Case[R], directory: Directory) -> None:
    """Find the customer; without one nothing can be deployed, while a removal does the rest."""
    is_removal = isinstance(case.request, RemoveRequest)
    case.customer = directory.find(case.terms.customer) if is_removal else directory.get(case.terms.customer)


def _remember(case: Deployment, before: Listing) -> None:
    """Note which agents the customer has before the work: with another machine's of the batch before, if any."""
    before.of(case.needed_customer())


def _make_token(case: Deployment, tokens: dict[int, Token], made: list[tuple[Customer, Token]]) -> None:
    customer = case.needed_customer()
    tokens[id(case)] = customer.make_token(case.terms.owner, TOKEN_SECONDS)
    made.append((customer, tokens[id(case)]))


def _mark(case: Deployment) -> str:
    """Return what two machines of one batch must not have in common: a name within one customer."""
    return f"{case.needed_customer().uuid} {case.facts.host_name.lower().partition('.')[0]}"


def _note_variables(case: Case[Any], target: Target, _path_of: PathOf) -> Mapping[str, Any]:
    return inventory.note_variables(target, case.note)


def _unseen(result: DeployResult) -> AgentLook:
    return AgentLook(result.slug, result.machine, False, result.unreachable, result.message)
