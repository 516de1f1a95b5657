"""What a plan says of a tenant's state, looked at on a platform in memory."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from coffre.observation.retired import RetiredStatus
from coffre.operations.access.suspension import settle_suspension
from coffre.provisioning import notes
from coffre.provisioning.steps import access
from coffre.provisioning.terms.context import FULLY, Context
from coffre.provisioning.terms.found import AccessSwitch, pick
from coffre.provisioning.terms.notes import (
    HoldNote,
    MachineNote,
    Note,
    NoteKind,
    RepositoryGoneNote,
    RetiredNote,
    TenantNote,
)
from coffre.records.database.store import Records
from coffre.records.facts.agents import Install
from coffre.records.facts.contract import HoldInFile
from coffre.records.memory import KnownSnapshot
from coffre.spec.tenant import HoldKind, Tenant
from coffre.tenant.opening import OpenTenant
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of, open_in_memory

COMPTA, CAISSE, OLD = "compta-01", "caisse-01", "vieux-pc"
MACHINES = {
    COMPTA: machine_with(),
    CAISSE: machine_with(),
    OLD: machine_with(retired={"on": "2026-11-01", "keep_until": "2099-12-31"}),
}
RETIRED = RetiredNote(OLD, RetiredStatus(date(2026, 11, 1), date(2099, 12, 31), False, False))


def tenant_of(**changes: object) -> Tenant:
    return tenant_with(machines=MACHINES, **changes)


@pytest.fixture
def estate() -> InMemoryEstate:
    return InMemoryEstate.of_all(tenant_of())


Opening = Callable[[Tenant], OpenTenant]


@pytest.fixture
def open_with(estate: InMemoryEstate, tmp_path: Path) -> Iterator[Opening]:
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield lambda tenant: open_in_memory(tenant, estate, log_of(tenant, records), tmp_path)


def switches(opened: OpenTenant) -> tuple[AccessSwitch, ...]:
    return pick(access.look(context_of(opened)), AccessSwitch)


def noted(opened: OpenTenant) -> tuple[Note, ...]:
    return notes.note(context_of(opened))


def context_of(opened: OpenTenant) -> Context:
    return Context(opened, FULLY, opened.buckets.existing(), lambda _: None)


def test_a_state_that_was_carried_out_needs_no_switch(estate: InMemoryEstate, open_with: Opening) -> None:
    active, suspended = open_with(tenant_of()), open_with(tenant_of(status="suspended"))
    assert (switches(active), noted(active)) == ((), (RETIRED,))
    assert switches(suspended) == (AccessSwitch((COMPTA, CAISSE), "suspended"),)
    assert noted(suspended) == (TenantNote(NoteKind.SUSPENDED), RETIRED)
    settle_suspension(suspended.tenant, estate.buckets)
    assert switches(suspended) == ()
    assert switches(active) == (AccessSwitch((COMPTA, CAISSE), None),)


def test_a_hold_and_an_agent_that_stands_on_a_retired_machine_are_noted(open_with: Opening) -> None:
    held = open_with(tenant_of(hold={"reference": "TJ-1", "since": "2026-11-20", "kind": "block_access"}))
    held.log.append(Install(generation=1), OLD)
    assert switches(held) == (AccessSwitch((COMPTA, CAISSE), "hold"),)
    hold = HoldNote(HoldInFile("TJ-1", date(2026, 11, 20), HoldKind.BLOCK_ACCESS))
    assert noted(held) == (hold, RETIRED, MachineNote(NoteKind.AGENT_STANDS, OLD))


def test_a_repository_that_was_seen_and_is_gone_is_noted_with_what_it_held(
    estate: InMemoryEstate, open_with: Opening
) -> None:
    opened = open_with(tenant_of())
    seen = {each * 64: KnownSnapshot(each * 64, datetime(2026, 11, 20, tzinfo=UTC)) for each in ("a", "b")}
    for machine in (COMPTA, CAISSE):
        opened.memory.change(machine, lambda known: replace(known, snapshots=seen))
    estate.bucket(CAISSE).put("restic/config", b"config")
    assert noted(opened) == (RETIRED, RepositoryGoneNote(COMPTA, 2))
