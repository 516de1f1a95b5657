"""Looks once a day for what nobody declared or needs: a lost stack, lost users and strange keys of a tenant, users of
no tenant on a platform.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from coffre.findings import Finding, FindingKind
from coffre.observation.duty import find_expected_since
from coffre.observation.machine import MachineLook
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.steps.keys import list_users, uid_of
from coffre.records.facts.agents import KeyRotated
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.secrets.rotations import Subject
from coffre.spec import naming
from coffre.storage.driver import Storage
from coffre.supervision.judge.ghosts import (
    MAX_OWNERS,
    Account,
    KeyUse,
    group_users,
    judge_accounts,
    judge_owners,
    judge_unused,
)
from coffre.tenant.opening import OpenTenant


def look_for_ghosts(opened: OpenTenant, looks: Mapping[str, MachineLook], now: datetime) -> list[Finding]:
    """Return the lost stacks and users of a tenant, the keys that no bundle has, and those that nobody uses.

    ``looks`` are the machines whose buckets were read. One request for each user. ExpectedError: nothing is known.
    """
    uses = {name: use for name, look in looks.items() if (use := _find_use(look, now)) is not None}
    states = state_folder(opened.checkout)
    found: list[Finding] = []
    for home in opened.homes:
        stack = naming.stack_name(home.tenant)
        # Without the folder, another computer applies: what its states are is not known here.
        if states.exists() and stack not in states.list_stacks():
            found.append(Finding(FindingKind.STACK_GONE, None, {"stack": stack}))
        if not home.capabilities.has_keys:
            continue
        live = {uid_of(home.tenant, each): _list_keys(home, each) for each in list_users(home)}
        # The keys are read first: whoever makes one saves it before it is there, or at once.
        control = home.secrets.find_control_now()
        if control is None:
            continue
        accounts = [_account(home, control, each, live) for each in list_users(home)]
        found += judge_accounts(home.tenant.storage.platform, accounts, uses)
        if home.tenant.storage.platform == opened.tenant.storage.platform:
            dates = {name: find_expected_since(opened.tenant, opened.log, name) for name in looks}
            since = {name: each for name, each in dates.items() if each is not None}
            found += judge_unused(accounts, uses, since, opened.platform.key_unused_days, now)
    return found


def look_at_users(storage: Storage, list_known: Callable[[], Collection[str]], *, has_wall: bool) -> list[Finding]:
    """Return the users of a platform with names of Coffre's whose tenants' ids are not among the known.

    A stranger's user may be named like that. On a platform with a wall, a tenant's owner has one: without it the user
    is a stranger's. Elsewhere the kind of storage keeps Coffre's users apart by itself.
    """
    listed = storage.list_users("")
    users: dict[str, int] = {}
    buckets: dict[str, int] = {}
    for owner, uids in sorted(group_users(listed, list_known()).items()):
        if len(users) <= MAX_OWNERS:
            facts = storage.find_owner(owner, exact=False)
            if facts is not None:
                if has_wall and facts.wall_bytes is None:
                    continue
                buckets[owner] = len(facts.buckets)
        users[owner] = len(uids)
    return list(judge_owners(users, buckets))


def _list_keys(home: OpenTenant, subject: Subject) -> tuple[str, ...] | None:
    user = home.storage.survey_user(uid_of(home.tenant, subject))
    return None if user is None else user.key_ids


def _account(
    home: OpenTenant, control: ControlBundle, subject: Subject, live: Mapping[str, tuple[str, ...] | None]
) -> Account:
    key, old = rotations.find_key(control, subject), rotations.find_old(control, subject)
    begun = home.log.last(KeyRotated, subject.machine) if isinstance(old, S3Key) else None
    uid = uid_of(home.tenant, subject)
    return Account(
        uid,
        subject.machine,
        live[uid],
        None if key is None else key.access_key_id,
        old.access_key_id if isinstance(old, S3Key) else None,
        None if begun is None else begun.at,
    )


def _find_use(look: MachineLook, now: datetime) -> KeyUse | None:
    last = look.reported.last
    return None if last is None else KeyUse(last.access_key_id, min(last.by_server(last.finished_at), now))
