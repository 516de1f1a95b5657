"""The script with which a customer's own software distribution installs the agent on a machine that nobody can reach.

It has a token of that machine's own, which ends by itself: the script is secret until then. What it did is seen by the
vendor's API, as after a deployment.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from string import Template

from pydantic import SecretStr

from coffre import toolchain
from coffre.acronis.client import open_acronis
from coffre.acronis.identifiers import RegistrationTokenNumber
from coffre.acronis.patience import Patience
from coffre.acronis.unverified.machines import MACOS_INSTALLER_TARGET, REBOOT_EXIT_CODES, REGISTRATION_MODE
from coffre.acronis.values.agents import Agent
from coffre.agents.acronis.customer import Customer, Directory
from coffre.agents.acronis.facts import MachineFacts, Note
from coffre.agents.acronis.inventory import COMPONENT, WINDOWS_COMPONENTS, Joining, render_options
from coffre.agents.acronis.judging import is_of_host, version_of
from coffre.agents.acronis.settings import AcronisSettings, MachineTerms, PinnedInstaller
from coffre.agents.driver import DeployResult
from coffre.agents.home import AgentOwner, EnrolmentScript
from coffre.errors import ExpectedError, RefusedError
from coffre.outside.text import one_line
from coffre.spec.naming import NAME_PATTERN
from coffre.spec.tenant import OperatingSystem

LONGEST = timedelta(days=7)
"""How long a script may be usable: software distributions reach a machine that is often off within some days."""

NAME_LIMIT = 64
"""How much of a host's name is shown."""

_SCRIPTS = {
    OperatingSystem.LINUX: "enrol-linux.sh",
    OperatingSystem.MACOS: "enrol-macos.sh",
    OperatingSystem.WINDOWS: "enrol.ps1",
}
_NAME = re.compile(NAME_PATTERN)

CLOCKS_DIFFER = timedelta(minutes=5)
"""So much may the vendor's clock be behind this computer's."""


class _Script(Template):
    delimiter = "@@"


class AcronisScripts:
    """How the vendor's agents get to machines that nobody can reach; implements AgentScripts."""

    def __init__(self, settings: AcronisSettings, patience: Patience | None = None) -> None:
        self._settings, self._patience = settings, patience

    def make_script(self, slug: str, target: AgentOwner, system: OperatingSystem, valid: timedelta) -> EnrolmentScript:
        return prepare(self._settings, slug, target, system, valid, self._patience)

    def end_script(self, target: AgentOwner, token_id: str) -> None:
        with self._opened(target) as (customer, _):
            customer.end_token(RegistrationTokenNumber(token_id))

    def find_enrolled(self, target: AgentOwner, since: datetime) -> DeployResult:
        """Return the recorded agent, else the one of a host with the machine's name that registered since then."""
        with self._opened(target) as (customer, terms):
            found = find_registered(customer.list_agents(), terms, target.machine, since)
        if isinstance(found, str):
            return DeployResult("", target.machine, False, False, True, found)
        return DeployResult(
            "",
            target.machine,
            ok=True,
            changed=found.id != terms.known_agent,
            unreachable=False,
            agent_version=version_of(found),
            agent_id=str(found.id),
        )

    def forget_unreached(self, target: AgentOwner) -> bool:
        with self._opened(target) as (customer, terms):
            known = terms.known_agent
            agent = next((each for each in customer.list_agents() if each.id == known), None)
            if agent is None:
                return False
            machine = customer.find_machine(agent)
            if machine is not None:
                customer.revoke_all(machine)
            return customer.delete_agent(agent.id)

    @contextmanager
    def _opened(self, target: AgentOwner) -> Iterator[tuple[Customer, MachineTerms]]:
        terms = self._settings.terms(target)
        with open_acronis(self._settings.access, self._patience) as client:
            yield Directory(client, self._settings.partner_uuid).get(terms.customer), terms


def find_registered(agents: Sequence[Agent], terms: MachineTerms, machine: str, since: datetime) -> Agent | str:
    """Return a machine's agent, or one sentence that says why none is known to be its. Pure.

    The vendor does not tell with which token an agent registered: a new one counts by its host's name. Its date is in
    whole seconds of the vendor's clock, ``since`` is of ours.
    """
    earliest = since - CLOCKS_DIFFER
    known = next((each for each in agents if each.id == terms.known_agent), None)
    if known is not None:
        return known
    new = [
        each
        for each in agents
        if str(each.id) not in terms.others
        and each.registration_date is not None
        and each.registration_date >= earliest
    ]
    named = [each for each in new if is_of_host(each, MachineFacts(host_name=machine))]
    if len(named) == 1:
        return named[0]
    if named:
        return f"{len(named)} agents named {machine} registered: delete in the vendor's portal those that are not its"
    if new:
        hosts = ", ".join(sorted({one_line(each.hostname, NAME_LIMIT) for each in new})[:5])
        return f"an agent registered on a host of another name ({hosts}): in the file a machine has its host's name"
    return "its script has not run yet"


def prepare(
    settings: AcronisSettings,
    slug: str,
    owner: AgentOwner,
    system: OperatingSystem,
    valid: timedelta,
    patience: Patience | None = None,
) -> EnrolmentScript:
    """Make a token for a machine, with which its plan is applied as it registers, and return the script with it.

    RefusedError for a validity of more than 7 days, or an installer that only this computer has.
    """
    if not timedelta(minutes=1) <= valid <= LONGEST:
        raise RefusedError(
            "an enrolment script is valid for one minute to seven days",
            "Make a new one for a machine that needs longer.",
        )
    installer, terms = settings.installer_for(system), settings.terms(owner)
    if not installer.url:
        raise RefusedError(
            f"the installer of Acronis for {system.value} is a file here, which no machine can fetch",
            "Name its URL on a mirror that the machines reach.",
        )
    with open_acronis(settings.access, patience) as client:
        customer = Directory(client, settings.partner_uuid).get(terms.customer)
        token = customer.make_token(terms.owner, int(valid.total_seconds()), customer.plan(terms.plan))
    script = MachineScript(
        slug, owner, system, installer, Joining(settings.data_center.url, token.secret), token.ends_at
    )
    return EnrolmentScript(
        f"acronis-{owner.machine}-{_SCRIPTS[system]}", script.render(), token.ends_at, str(token.number)
    )


@dataclass(frozen=True)
class MachineScript:
    """What one machine's script has in it."""

    slug: str
    owner: AgentOwner
    system: OperatingSystem
    installer: PinnedInstaller
    joining: Joining
    expires_at: datetime

    def render(self) -> bytes:
        """Return the script: no value in it needs quoting, or ExpectedError."""
        for name in (self.slug, self.owner.machine):
            if _NAME.fullmatch(name) is None:
                raise ExpectedError(
                    f"{name!r} has characters that no script takes", "Check the names of the tenant file."
                )
        fields = {
            "slug": self.slug,
            "machine": self.owner.machine,
            "tenant_id": self.owner.tenant_id,
            "expires": f"{self.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            "installer_url": self.installer.url,
            "installer_sha256": self.installer.sha256,
            "address": self.joining.address,
            "secret": _text(self.joining.secret),
            "options": render_options(self.joining).rstrip("\n"),
            "note": Note(self.owner).render().decode().rstrip("\n"),
            "component": COMPONENT,
            "components": WINDOWS_COMPONENTS,
            "registration": REGISTRATION_MODE.value,
            "reboot_codes": ", ".join(str(each) for each in REBOOT_EXIT_CODES.value),
            "target": MACOS_INSTALLER_TARGET.value,
        }
        name = _SCRIPTS[self.system]
        template = _Script((toolchain.bundled("templates") / "acronis" / name).read_text(encoding="utf-8"))
        content = template.substitute(fields).encode()
        return content.replace(b"\n", b"\r\n") if name.endswith(".ps1") else content


def _text(secret: SecretStr) -> str:
    return secret.get_secret_value()
