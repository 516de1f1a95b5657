"""What is assumed of agents, their use, plans, activities and installers. Pure."""

from datetime import timedelta

from coffre.acronis.unverified.assumption import Assumption, ShownBy

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

LICENCE_BY_SYSTEM = Assumption(
    "licence-by-system",
    "A machine takes a licence by its system: Linux that of a server, macOS that of a workstation.",
    "A review and a plan name a machine that is sold rightly: sell it as the vendor counts it.",
    ShownBy.INSTALLING,
    {"linux": "server", "macos": "workstation"},
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

PLAN_SETTINGS = Assumption(
    "plan-settings",
    "Nobody knows by which names a plan keeps its paths and its schedule: Coffre compares neither with the file.",
    "A plan in the console that backs up other paths, or at other times, than the file says is not found.",
    ShownBy.READING,
    None,
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


def is_applied_already(code: str, message: str) -> bool:
    """Tell whether a refusal says that the plan is applied to the machine already."""
    return ALREADY_APPLIED.value in (code, *message.replace(":", " ").split())
