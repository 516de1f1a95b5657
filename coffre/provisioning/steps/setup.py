"""What the agent of a machine needs to know for its work, from the tenant's file, its bundle and its records."""

import base64
from dataclasses import replace

from pydantic import SecretStr

from coffre.agents.driver import AgentSetup, OrdersTrust, SeenNumbers
from coffre.agents.home import AgentOwner
from coffre.agents.kinds import driver_of
from coffre.operations.repository import storage_of
from coffre.orders.deliveries import AgentProgram, Content, digest
from coffre.orders.generations import find_written
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.minting import public_key_of
from coffre.tenant.estate.keys import access_key
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.estate.passwords import use_password
from coffre.tenant.opening import OpenTenant


def use_its_password(opened: OpenTenant, name: str) -> SecretStr | None:
    """Return the password of a machine's repository for its agent, recorded; None for a kind without one."""
    if driver_of(opened.machine(name)).repositories is None:
        return None
    return use_password(opened.secrets, opened.log, name, RoutineUse(RoutineTask.INSTALL_AGENT))


def make_content(opened: OpenTenant, control: ControlBundle, name: str, program: AgentProgram | None = None) -> Content:
    """Return what a machine that nobody can reach must get (`via: pull`): what a deployment would bring.

    ``program`` is the agent's, for a machine whose agent takes it. Newer orders alone make no other delivery necessary:
    the least generation is not part of its digest.
    """
    driver = driver_of(opened.machine(name))
    setup = make_setup(opened, control, name, use_its_password(opened, name))
    lasting = replace(setup, trust=None if setup.trust is None else replace(setup.trust, least_generation=0))
    return Content(driver.configure(setup), setup.seen, digest(driver.configure(lasting), program), program)


def make_setup(opened: OpenTenant, control: ControlBundle, name: str, password: SecretStr | None) -> AgentSetup:
    """Return what a machine's agent needs to know; without the password, for a look."""
    machine, storage, trust = opened.machine(name), None, None
    driver, owner = driver_of(machine), AgentOwner(opened.tenant.id, name)
    if driver.needs_bucket:
        key = access_key(control.machine_keys[name])
        storage = storage_of(opened.storage.endpoint, opened.buckets.name(name), key, password)
    if driver.takes_orders:
        public_key = base64.b64decode(public_key_of(control.signing_key))
        trust = OrdersTrust(public_key, find_written(opened.log, name))
    return AgentSetup(owner, machine.os, storage, trust, _seen_numbers(opened.memory, name))


def _seen_numbers(memory: TenantMemory, name: str) -> SeenNumbers:
    seen = memory.read(name)
    return SeenNumbers(seen.report_number or 0, seen.check_in_number or 0)
