"""Which machine counts is learned where agents are deployed, and changes by a recorded word alone."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.agents.identity import MachineIdentity
from coffre.errors import UsageError
from coffre.operations.acknowledge.replaced_machine import NO_REPLACEMENT, Replacement, give_away, meet
from coffre.records.database.store import Records
from coffre.records.facts.agents import MachineReplaced
from coffre.tenant.estate.memory import TenantMemory
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog
from tests.doubles.opening import log_of

MACHINE = "compta-01"
HERE = MachineIdentity(machine_id="ab" * 16, hardware_id="cd" * 16, boot_id="01" * 16, host_name="compta-01")
NEW = MachineIdentity(machine_id="ef" * 16, hardware_id="98" * 16, boot_id="02" * 16, host_name="neuf")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Any]:
    tenant = tenant_with()
    with Records.open("sqlite:.coffre/records.db", tmp_path) as records:
        yield SimpleNamespace(memory=TenantMemory(log_of(tenant, records)), tenant=tenant, log=InMemoryLog())


def test_the_first_machine_that_is_deployed_is_the_one_and_stays_it_after_a_reboot_and_a_rename(opened: Any) -> None:
    again = HERE.model_copy(update={"boot_id": "03" * 16, "host_name": "accueil"})
    assert [meet(opened.memory, MACHINE, said) for said in (HERE, again, None, MachineIdentity(host_name="x"))] == [
        ()
    ] * 4
    accepted = opened.memory.read(MACHINE).accepted
    assert (accepted.machine_id, accepted.host_name) == (HERE.machine_id, "compta-01")
    assert not opened.log.has(MachineReplaced)


def test_another_machine_is_the_one_only_by_a_word_with_its_reason(opened: Any) -> None:
    meet(opened.memory, MACHINE, HERE)
    mainboard = HERE.model_copy(update={"hardware_id": "77" * 16})
    assert meet(opened.memory, MACHINE, mainboard) == ("hardware",)
    assert meet(opened.memory, MACHINE, NEW) == meet(opened.memory, MACHINE, NEW) == ("installation", "hardware")
    give_away(opened.tenant, opened.log, opened.memory, NO_REPLACEMENT)
    assert meet(opened.memory, MACHINE, NEW) == ("installation", "hardware")
    with pytest.raises(UsageError, match="no reason"):
        give_away(opened.tenant, opened.log, opened.memory, Replacement((MACHINE,), " "))
    assert not opened.log.has(MachineReplaced)
    for _ in range(2):  # killed before the deployment, and typed again
        give_away(opened.tenant, opened.log, opened.memory, Replacement((MACHINE,), "its disk died"))
    replaced = opened.log.list(MachineReplaced)
    assert [(each.machine, each.fact.reason) for each in replaced] == [(MACHINE, "its disk died")] * 2
    assert replaced[0].fact.before.host_name == "compta-01"
    assert meet(opened.memory, MACHINE, NEW) == ()
    assert meet(opened.memory, MACHINE, HERE) == ("installation", "hardware")
    give_away(opened.tenant, opened.log, opened.memory, Replacement((MACHINE,), "the old one was repaired"))
    assert meet(opened.memory, MACHINE, HERE) == ()
    assert meet(opened.memory, MACHINE, NEW) == ("installation", "hardware")
