"""What is assumed of addresses, tenants, their items and users, and registration tokens. Pure."""

from datetime import timedelta
from http import HTTPStatus

from coffre.acronis.unverified.assumption import Assumption, ShownBy

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
