"""What Coffre takes as true of the vendor's service and nobody has seen on a real tenant: all of it, in this module.

Each assumption has a value that the code uses (None where only people act by it), what goes wrong if it is false, and
what would show it. `coffre acronis doctor` and docs/acronis.md list `ASSUMPTIONS`; when one turns out otherwise, its
value here is the one place to change. Pure.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ShownBy(StrEnum):
    """What would show whether an assumption is true."""

    READING = "reading"
    """Calls that read only."""
    PORTAL = "portal"
    """A look into the vendor's portal."""
    CHANGING = "changing"
    """A change of a tenant in the vendor's sandbox."""
    INSTALLING = "installing"
    """An installation on a machine."""
    ASKING = "asking"
    """The vendor or the distributor, in writing."""


@dataclass(frozen=True)
class Assumption(Generic[Value]):
    """One assumption: its name stays for ever, its sentences are for engineers."""

    name: str
    assumed: str
    if_wrong: str
    shown_by: ShownBy
    value: Value


# Addresses and tokens

TOKEN_PATH = Assumption(
    "token-path",
    "Tokens are given at /api/2/idp/token, below the base of the account API.",
    "No token is given: every command says that the data center has no such address.",
    ShownBy.READING,
    ("idp", "token"),
)
STALE_VERSION = Assumption(
    "stale-version",
    "A write with an old version is answered with 409.",
    "A change that somebody else made at the same time is reported as an error, and not tried once more.",
    ShownBy.CHANGING,
    HTTPStatus.CONFLICT,
)
API_CLIENTS_MENU = Assumption(
    "api-clients-menu",
    "API clients are made in the Management Portal under Settings > API clients.",
    "The instructions in the documentation name another menu than the portal has.",
    ShownBy.PORTAL,
    "Settings > API clients",
)

# Tenants

NESTING = Assumption(
    "nesting",
    "A customer may lie below a partner or a folder, a partner below these too, a unit below a customer or a unit.",
    "The service refuses to create the tenant, and says why.",
    ShownBy.CHANGING,
    {
        "partner": ("partner", "folder"),
        "folder": ("partner",),
        "customer": ("partner", "folder"),
        "unit": ("customer", "unit"),
    },
)
TRIAL_IS_LEFT_FOR_GOOD = Assumption(
    "trial-is-left-for-good",
    "A tenant in production cannot go back to trial.",
    "Coffre never tries it, so nothing goes wrong.",
    ShownBy.CHANGING,
    True,
)
RECOVERY = Assumption(
    "recovery",
    "A deleted tenant can be recovered for 30 days at most; Coffre treats a deletion as final.",
    "The certificate names too early a day: the vendor may keep data longer.",
    ShownBy.ASKING,
    timedelta(days=30),
)
DISABLED_CUSTOMERS = Assumption(
    "disabled-customers",
    "Nobody can log in to a disabled customer, so that it cannot restore: Coffre disables it after its receipt only.",
    "Coffre waits longer than it has to, so nothing goes wrong.",
    ShownBy.CHANGING,
    None,
)
DELETION_TAKES_BACKUPS = Assumption(
    "deletion-takes-backups",
    "The deletion of a tenant takes its backups with it, also on a storage of the partner's own.",
    "A certificate of erasure says more than is true: ask before the first one.",
    ShownBy.ASKING,
    None,
)
BACKUPS_OF_ONE_MACHINE = Assumption(
    "backups-of-one-machine",
    "Nobody knows a call that deletes the backups of one machine: Coffre says that the portal does it.",
    "Coffre never tries it, so nothing goes wrong.",
    ShownBy.ASKING,
    None,
)
PORTAL_RESTORE = Assumption(
    "portal-restore",
    "Files are restored in the portal by Devices, Recovery, a recovery point, Recover, Files/folders, Download.",
    "The letter to a customer that leaves names other menus than the portal has: "
    "templates/courriers/portail-acronis.html.j2.",
    ShownBy.PORTAL,
    None,
)
SIBLING_NAMES = Assumption(
    "sibling-names",
    "Two tenants below one parent may have the same name.",
    "The service refuses to create the second one, and says why.",
    ShownBy.CHANGING,
    True,
)
CONTACT_IS_KEPT = Assumption(
    "contact-is-kept",
    "A change of a tenant's contact keeps the entries that it does not name.",
    "Entries of a customer's contact that its file does not name are emptied when another one changes.",
    ShownBy.CHANGING,
    None,
)
SEARCH = Assumption(
    "search",
    "The search finds parts of words, and late: Coffre lists the tenants below the partner instead.",
    "Coffre never searches, so nothing goes wrong; a list of many tenants takes longer.",
    ShownBy.CHANGING,
    None,
)

# Offering items

DISASTER_RECOVERY_TYPES = Assumption(
    "disaster-recovery-types",
    "compute_points, public_ips and dr_cloud_servers have the type infra.",
    "Coffre takes the type from the service's own list, so nothing goes wrong.",
    ShownBy.READING,
    ("compute_points", "public_ips", "dr_cloud_servers"),
)
ITEM_NAMES = Assumption(
    "item-names",
    "The items of the edition per workload are pw_base_workstations, pw_base_servers, pw_base_vms and pw_base_storage.",
    "The item is not in the list of what the partner may give, and nothing is changed.",
    ShownBy.READING,
    {
        "workstations": "pw_base_workstations",
        "servers": "pw_base_servers",
        "vms": "pw_base_vms",
        "storage": "pw_base_storage",
    },
)
ADVANCED_PACKS = Assumption(
    "advanced-packs",
    "Nobody knows the names of the advanced packs: Coffre reads them from the list of what the partner may give.",
    "Coffre has no name of a pack, so nothing goes wrong.",
    ShownBy.READING,
    None,
)
SEVERAL_STORAGES = Assumption(
    "several-storages",
    "The service refuses a customer with several storages for backups.",
    "A customer could have two storages with a quota each; Coffre always writes one.",
    ShownBy.CHANGING,
    True,
)
ITEMS_NAME_TENANTS = Assumption(
    "items-name-tenants",
    "The offering items of many tenants come as a list of tenants, each with its own items, of all editions if asked.",
    "The answer is not understood: items are then read one tenant at a time.",
    ShownBy.READING,
    ("tenant_id", "offering_items"),
)
RESTORE_BEYOND_QUOTA = Assumption(
    "restore-beyond-quota",
    "What is already backed up can be restored when the quota is used up.",
    "A full customer cannot restore: the quota has to be raised first.",
    ShownBy.INSTALLING,
    True,
)
LICENCE_IS_USED_BY_A_PLAN = Assumption(
    "licence-is-used-by-a-plan",
    "A machine uses a licence when a plan is applied to it, not when its agent registers.",
    "The figures of used licences rise earlier than Coffre expects.",
    ShownBy.INSTALLING,
    True,
)

# Users

OWNER_NEEDS_NO_ACTIVATION = Assumption(
    "owner-needs-no-activation",
    "Agents can register by a token of a user who was never activated.",
    "The registration of the first machine fails: activate the agents' owner by its mail.",
    ShownBy.INSTALLING,
    True,
)
PASSWORD_CALL = Assumption(
    "password-call",
    "Nobody knows the body of the call that sets a password: Coffre sends activation mails only.",
    "Coffre never sets a password, so nothing goes wrong.",
    ShownBy.ASKING,
    None,
)
LOGIN_CHARACTERS = Assumption(
    "login-characters",
    "A login has ASCII letters, digits and . _ - + @ only, and is unique on the whole platform.",
    "The service refuses the login, and says why.",
    ShownBy.CHANGING,
    "[A-Za-z0-9._@+-]{1,256}",
)

USER_DETAILS_CHANGE = Assumption(
    "user-details-change",
    "A change of a user takes contact and language in the form of its creation, and keeps what it does not name.",
    "The service refuses to change the name or the address of a user, and says why: change it in the portal.",
    ShownBy.CHANGING,
    None,
)

# Registration tokens

TOKEN_OF_CUSTOMER = Assumption(
    "token-of-customer",
    "A registration token can be made on the customer with the scope of the owner's personal tenant.",
    "The service refuses to make the token; making it on the personal tenant itself is the documented way.",
    ShownBy.CHANGING,
    False,
)
EMPTY_SCOPES = Assumption(
    "empty-scopes",
    "The service refuses a registration token without scopes; Coffre always gives one.",
    "Coffre never tries it, so nothing goes wrong.",
    ShownBy.CHANGING,
    True,
)
TOKEN_DELETED_BY_NUMBER = Assumption(
    "token-deleted-by-number",
    "A registration token is deleted by its number, though the vendor's description of the call wants a UUID.",
    "Tokens are not deleted after use: they stay valid until they expire, some hours at most.",
    ShownBy.CHANGING,
    True,
)
TOKEN_IS_MULTI_USE = Assumption(
    "token-is-multi-use",
    "A registration token can register several machines until it expires.",
    "Coffre makes one for each machine, so nothing goes wrong.",
    ShownBy.INSTALLING,
    True,
)
PAIR_OF_TENANT_IDS = Assumption(
    "pair-of-tenant-ids",
    "The one documented answer with both ids of a tenant is that of its registration tokens.",
    "The number of a tenant without a token is not known, and its agents cannot be listed alone.",
    ShownBy.READING,
    None,
)

# Agents

AGENT_DELETED_BY_QUERY = Assumption(
    "agent-deleted-by-query",
    "An agent is deleted by DELETE /agents?id=, which takes one id.",
    "The deletion is refused, and the agent stays in the vendor's list: delete it in the portal.",
    ShownBy.CHANGING,
    "id",
)
USAGE_LAG = Assumption(
    "usage-lag",
    "Figures of use are at most 6 hours old.",
    "A full quota is reported later than it happens.",
    ShownBy.INSTALLING,
    timedelta(hours=6),
)
USAGES_OF_ALL_EDITIONS = Assumption(
    "usages-of-all-editions",
    "Without a filter the figures of use are those of all editions, unlike the lists of offering items.",
    "Use of today's items is missing: a tenant seems to use nothing.",
    ShownBy.READING,
    None,
)
USAGES_NAME_TENANTS = Assumption(
    "usages-name-tenants",
    "The figures of several tenants come as a list of tenants, each with its own items.",
    "The answer is not understood: figures are then read one tenant at a time.",
    ShownBy.READING,
    None,
)

# Policies

POLICY_VERSION = Assumption(
    "policy-version",
    "Version 4 of the policy service is the newest one.",
    "Calls of plans are refused when the vendor ends version 4.",
    ShownBy.READING,
    4,
)
ALREADY_APPLIED = Assumption(
    "already-applied",
    "Applying a plan again is refused with the code ApplicationsAlreadyExist.",
    "An unchanged machine is reported as an error when its plan is applied again.",
    ShownBy.CHANGING,
    "ApplicationsAlreadyExist",
)

# Alerts, activities and machines

ACTIVITY_RESOURCE = Assumption(
    "activity-resource",
    "An activity names its machine as resource.id, or as resourceId.",
    "Backups are not seen as those of a machine: it seems never to have one.",
    ShownBy.READING,
    (("resource", "id"), ("resourceId",)),
)
RESOURCE_AGENT = Assumption(
    "resource-agent",
    "A machine names its agent as agent_id.",
    "A machine is not found by its agent: its host name is the other way.",
    ShownBy.READING,
    "agent_id",
)

ALERT_DISMISSAL = Assumption(
    "alert-dismissal",
    "Nobody knows the call that dismisses an alert: Coffre reads alerts only.",
    "Coffre never dismisses an alert, so nothing goes wrong.",
    ShownBy.CHANGING,
    None,
)

# Installers

DOWNLOAD_LINK = Assumption(
    "download-link",
    "The installer is found by /bc/api/ams/links/agents/redirect, which no document of the vendor describes.",
    "The link gives no installer: name its address and its SHA-256 yourself.",
    ShownBy.READING,
    "/bc/api/ams/links/agents/redirect",
)
DOWNLOAD_CHANNEL = Assumption(
    "download-channel",
    "The newest installer is on the channel CURRENT.",
    "The link gives no installer: name its address and its SHA-256 yourself.",
    ShownBy.READING,
    "CURRENT",
)
REGISTRATION_MODE = Assumption(
    "registration-mode",
    "The Windows installer takes --registration=skip; the agent is registered afterwards by register_agent.exe.",
    "The installation fails, and its log names the switch.",
    ShownBy.INSTALLING,
    "skip",
)
REBOOT_EXIT_CODES = Assumption(
    "reboot-exit-codes",
    "The Windows installer ends with 3010 or 1641 when it succeeded and the machine has to restart.",
    "A successful installation is reported as a failure; the vendor's API shows the machine online all the same.",
    ShownBy.INSTALLING,
    (3010, 1641),
)
UNINSTALL_BY_PRODUCT_CODE = Assumption(
    "uninstall-by-product-code",
    "On Windows the agent can be removed by the product code in the registry, with msiexec /x.",
    "The removal is reported as a failure: remove the agent in Control Panel.",
    ShownBy.INSTALLING,
    "Cyber Protect",
)
SERVICE_NAMES = Assumption(
    "service-names",
    "The services are aakore and mms on Windows, and launchd jobs com.acronis.* on macOS.",
    "A check of the machine says that a service is missing; the vendor's API shows the machine online all the same.",
    ShownBy.INSTALLING,
    {"windows": ("aakore", "mms"), "linux": ("acronis_mms", "aakore"), "macos": ("com.acronis.",)},
)
OPTIONS_FILE = Assumption(
    "options-file",
    "In the options file of the Linux installer, a line is a switch, a blank, and the value of the switch.",
    "The installer refuses the file, and says why.",
    ShownBy.INSTALLING,
    " ",
)
UPDATE_KEEPS_AGENT = Assumption(
    "update-keeps-agent",
    "A newer installer that runs on a machine with an agent, with a token of the same customer, keeps the agent's id.",
    "The vendor lists the machine twice after an update: delete the one that is offline in the portal.",
    ShownBy.INSTALLING,
    True,
)
MACOS_INSTALLER_TARGET = Assumption(
    "macos-installer-target",
    "The macOS package is installed with -target LocalSystem.",
    "The installation fails, and its log says so; the other known way is -target /.",
    ShownBy.INSTALLING,
    "LocalSystem",
)
MACOS_UNINSTALLER = Assumption(
    "macos-uninstaller",
    "On macOS the agent is removed by AgentUninstall /confirm /purge, below its folder in Application Support.",
    "The removal is reported as a failure: remove the agent by hand.",
    ShownBy.INSTALLING,
    "/Library/Application Support/BackupClient/Acronis/Cyber Protect Agent Uninstall.app/Contents/MacOS/AgentUninstall",
)
MACOS_APPROVALS = Assumption(
    "macos-approvals",
    "Full Disk Access and the extensions of the agent have to be approved beforehand by device management.",
    "A Mac shows a question to its user, and its backups fail until it is answered.",
    ShownBy.INSTALLING,
    None,
)
AGENT_TOOLS = Assumption(
    "agent-tools",
    "Nobody knows how acrocmd and aakore are asked on the machine: Coffre asks the vendor's API instead.",
    "Coffre uses neither, so nothing goes wrong.",
    ShownBy.INSTALLING,
    None,
)
IMMUTABLE_STORAGE_PORT = Assumption(
    "immutable-storage-port",
    "Machines reach immutable storage at TCP port 40440.",
    "A firewall by this list stops backups to immutable storage.",
    ShownBy.ASKING,
    40440,
)

ASSUMPTIONS: tuple[Assumption[object], ...] = tuple(
    each for each in tuple(globals().values()) if isinstance(each, Assumption)
)
"""All of them, in the order above."""


def is_applied_already(code: str, message: str) -> bool:
    """Tell whether a refusal says that the plan is applied to the machine already."""
    return ALREADY_APPLIED.value in (code, *message.replace(":", " ").split())
