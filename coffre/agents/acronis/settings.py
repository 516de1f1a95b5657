"""What this kind of agent needs to know from its caller: plain values, checked here once. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from coffre.acronis.access import Access, read_access
from coffre.acronis.data_center import DataCenter, read_data_center
from coffre.acronis.identifiers import AgentId, ClientId, InvalidIdentifierError, TenantUuid
from coffre.acronis.names import agents_login, external_id_of
from coffre.agents.home import AgentHome, AgentOwner
from coffre.errors import ExpectedError, InvalidFileError, RefusedError
from coffre.spec.files import repository_file
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import OperatingSystem
from coffre.toolchain import sha256_file

TOKEN_SECONDS = 3600
"""How long a registration token is valid; it is deleted as soon as its machine is registered, or was given up."""

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){1,3}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLAIN_URL = re.compile(r"https://[A-Za-z0-9.:/\[\]?&=%_~+-]{1,1000}")


@dataclass(frozen=True)
class PinnedInstaller:
    """The one installer of a system: a file here, which is sent, or a URL from which machines fetch it.

    ``version`` is the vendor's, like 26.2.41800; ``sha256`` is in lower-case hexadecimal. ``url`` is of an own
    mirror, as a rule: the vendor's own links give the newest version, not this one.
    """

    version: str
    sha256: str
    path: Path | None = None
    url: str = ""

    def __post_init__(self) -> None:
        """Refuse (InvalidFileError) values that no installer has."""
        if (self.path is None) == (self.url == ""):
            raise InvalidFileError("an installer of Acronis has a path or a URL", "Write one of both.")
        if self.url and _PLAIN_URL.fullmatch(self.url) is None:
            raise InvalidFileError(
                "the address of an installer of Acronis is not an https URL of plain characters",
                "Installers run as administrator: write an https URL, without account and password.",
            )
        if _SHA256.fullmatch(self.sha256) is None or _VERSION.fullmatch(self.version) is None:
            raise InvalidFileError(
                "an installer of Acronis needs its version, like 26.2.41800, and its SHA-256",
                "Take the installer from the vendor once, and write `sha256sum` of it.",
            )

    @property
    def number(self) -> tuple[int, ...]:
        """The version in the order in which versions are compared."""
        return tuple(int(each) for each in self.version.split("."))

    def check(self) -> Path:
        """Return the file here, once its SHA-256 is seen to be right; ExpectedError otherwise."""
        assert self.path is not None  # noqa: S101 - asked for files only
        try:
            found = sha256_file(self.path)
        except OSError as error:
            raise ExpectedError(
                f"the installer of Acronis cannot be read: {self.path} ({error.strerror})",
                "Put it there; nothing was sent to any machine.",
            ) from None
        if found != self.sha256:
            raise ExpectedError(
                f"{self.path} is not the chosen installer of Acronis: its SHA-256 is {found}, expected {self.sha256}",
                "Find out what changed before you choose the new one; nothing was sent to any machine.",
            )
        return self.path


@dataclass(frozen=True)
class MachineTerms:
    """What a machine's agent is to be at the vendor's.

    ``customer`` is our own name of the customer there (its external id), ``owner`` the login of the user to whom its
    agents belong, ``plan`` the name of a protection plan in the customer's console. ``agent_id`` is what the last
    deployment gave (`DeployResult.agent_id`), "" before the first one. ``others`` are the ids of the customer's other
    agents that we know.
    """

    customer: str
    owner: str
    plan: str
    agent_id: str = ""
    others: frozenset[str] = frozenset()

    @property
    def known_agent(self) -> AgentId | None:
        """The agent of the last deployment."""
        try:
            return AgentId(self.agent_id)
        except InvalidIdentifierError:
            return None


@dataclass(frozen=True)
class Waiting:
    """How long the vendor may take to show what a machine did, asked at growing intervals, in seconds."""

    total_seconds: float = 300.0
    first_seconds: float = 2.0
    longest_seconds: float = 30.0


@dataclass(frozen=True)
class AcronisSettings:
    """The partner's account at the vendor's, the installers, and what each machine is to be there.

    ``url`` is the exact address of the data center, ``partner`` the UUID of the tenant above the customers.
    """

    url: str
    client_id: str
    client_secret: SecretStr = field(repr=False)
    partner: str
    installers: Mapping[OperatingSystem, PinnedInstaller]
    terms: Callable[[AgentOwner], MachineTerms]
    ca_file: Path | None = None
    waiting: Waiting = Waiting()

    @property
    def data_center(self) -> DataCenter:
        """The data center; InvalidFileError for an address that is none."""
        return read_data_center(self.url)

    @property
    def access(self) -> Access:
        """What opens the vendor's API; InvalidFileError when a value is none of the vendor's."""
        try:
            return Access(self.data_center, ClientId(self.client_id), self.client_secret, self.ca_file)
        except InvalidIdentifierError:
            raise InvalidFileError(
                "this is not the id of an API client of Acronis", "Copy it from the portal."
            ) from None

    @property
    def partner_uuid(self) -> TenantUuid:
        """The tenant above the customers; InvalidFileError when it is no UUID."""
        try:
            return TenantUuid(self.partner)
        except InvalidIdentifierError:
            raise InvalidFileError("the partner at Acronis is not a UUID", "Copy it from the portal.") from None

    def installer_for(self, system: OperatingSystem) -> PinnedInstaller:
        """Return the installer of a system; InvalidFileError when none was chosen."""
        return installer_for(self.installers, system)


def settings_of(home: AgentHome) -> AcronisSettings:
    """Return what a platform of platform.yaml and the records come to; its credential is read here.

    ExpectedError when it cannot be read. A customer and its agents' owner have the names that the storage gives them;
    a protection plan has the name of the machine's plan in the tenant file.
    """
    platform = _own(home)
    access = read_access(platform, home.root)

    def terms(owner: AgentOwner) -> MachineTerms:
        entry = home.find(owner)
        customer, login = external_id_of(owner.tenant_id), agents_login(owner.tenant_id)
        return MachineTerms(customer, login, entry.plan, entry.agent_id, entry.others)

    return AcronisSettings(
        url=platform.url,
        client_id=str(access.client_id),
        client_secret=access.client_secret,
        partner=platform.partner,
        installers=installers_of(home),
        terms=terms,
        ca_file=access.ca_file,
    )


def installers_of(home: AgentHome) -> dict[OperatingSystem, PinnedInstaller]:
    """Return the installers of a platform, their files below the repository's root; nothing of them is read."""
    return {
        system: PinnedInstaller(
            each.version,
            each.sha256,
            path=None if each.path is None else repository_file(home.root, each.path),
            url=each.url or "",
        )
        for system, each in _own(home).installers.items()
    }


def installer_for(installers: Mapping[OperatingSystem, PinnedInstaller], system: OperatingSystem) -> PinnedInstaller:
    """Return the installer of a system; InvalidFileError when none was chosen."""
    if system not in installers:
        raise InvalidFileError(
            f"no installer of Acronis is chosen for {system.value}",
            "Write it under `installers:` of the platform: its path or url, its version and its sha256.",
        )
    return installers[system]


def _own(home: AgentHome) -> AcronisPlatform:
    if not isinstance(home.platform, AcronisPlatform):
        raise RefusedError(
            f"the platform {home.name} is not of kind acronis, so no agent of Acronis backs up there",
            "Name a platform of that kind in the tenant file, as storage.platform or in storage.parts.",
        )
    return home.platform
