"""The script with which a customer's own software distribution installs the agent on a machine that nobody can reach.

It has a token of that machine's own, which ends by itself: the script is secret until then. What it did is seen by the
vendor's API, as after a deployment.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import Template

from pydantic import SecretStr

from coffre import toolchain
from coffre.acronis.client import open_acronis
from coffre.acronis.patience import Patience
from coffre.acronis.unverified import MACOS_INSTALLER_TARGET, REBOOT_EXIT_CODES, REGISTRATION_MODE
from coffre.agents.acronis.customer import Directory
from coffre.agents.acronis.facts import Note
from coffre.agents.acronis.inventory import COMPONENT, WINDOWS_COMPONENTS, Joining, render_options
from coffre.agents.acronis.settings import AcronisSettings, PinnedInstaller
from coffre.agents.driver import AgentOwner
from coffre.errors import ExpectedError, RefusedError
from coffre.spec.naming import NAME_PATTERN
from coffre.spec.tenant import OperatingSystem

LONGEST = timedelta(days=7)
"""How long a script may be usable: software distributions reach a machine that is often off within some days."""

_SCRIPTS = {
    OperatingSystem.LINUX: "enrol-linux.sh",
    OperatingSystem.MACOS: "enrol-macos.sh",
    OperatingSystem.WINDOWS: "enrol.ps1",
}
_NAME = re.compile(NAME_PATTERN)


class _Script(Template):
    delimiter = "@@"


@dataclass(frozen=True)
class Enrolment:
    """A script and when its token ends; ``token_number`` is the vendor's name of the token, to delete it earlier."""

    file_name: str
    content: bytes = field(repr=False)
    expires_at: datetime
    token_number: str


def prepare(
    settings: AcronisSettings,
    slug: str,
    owner: AgentOwner,
    system: OperatingSystem,
    valid: timedelta,
    patience: Patience | None = None,
) -> Enrolment:
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
    script = EnrolmentScript(
        slug, owner, system, installer, Joining(settings.data_center.url, token.secret), token.ends_at
    )
    return Enrolment(f"acronis-{owner.machine}-{_SCRIPTS[system]}", script.render(), token.ends_at, str(token.number))


@dataclass(frozen=True)
class EnrolmentScript:
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
