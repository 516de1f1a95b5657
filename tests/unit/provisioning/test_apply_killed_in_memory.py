"""An apply that is killed anywhere: the next one ends it, and nothing is lost, made twice, or given two meanings."""

import base64
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from coffre.agents.restic.repository.layout import ResticLayout
from coffre.provisioning.sequence import STEPS, ApplyStep
from coffre.records.activity import RunOutcome
from coffre.records.facts.agents import MachineRetired, OrdersIssued, Removal
from coffre.records.facts.contract import Commissioned
from coffre.spec import naming
from coffre.storage.platform import KeyOrigin
from tests.doubles.ordered_agent import Fleet
from tests.doubles.storage import MemoryBucket, MemoryPlatform
from tests.doubles.workshop import CAISSE, COMPTA, RETIRED, Workshop, on_host, open_workshop, three_machines
from tests.passwords import read_password


class Killed(BaseException):
    """The process ended here."""


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


@pytest.fixture(params=KeyOrigin)
def either_workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Workshop:
    """A workshop on a platform that takes chosen keys, and one on a platform that creates them."""
    return open_workshop(tmp_path, monkeypatch, request.param)


def kill_at(patched: pytest.MonkeyPatch, where: Any, name: str, turn: int, *, after: bool = True) -> None:
    """End the process at a turn of a function: after it has done its work, or before."""
    real, turns = getattr(where, name), itertools.count(1)

    def counted(*arguments: Any, **named: Any) -> Any:
        is_last = next(turns) == turn
        if is_last and not after:
            raise Killed
        result = real(*arguments, **named)
        if is_last:
            raise Killed
        return result

    patched.setattr(where, name, counted)


def end_what_was_killed(workshop: Workshop) -> None:
    """Apply again after a kill, and check that nothing was lost, made twice, or given a second meaning."""
    secrets = workshop.estate.secrets
    control_before, data_before = secrets.find_control(), secrets.find_data()
    outcome = workshop.apply()
    assert outcome.is_complete
    assert not workshop.plan().is_needed
    if control_before is not None:
        keys = secrets.control().machine_keys
        assert control_before.owner_key in (None, secrets.control().owner_key)
        assert control_before.machine_keys == {name: keys[name] for name in control_before.machine_keys}
        assert control_before.stack_passphrase == secrets.control().stack_passphrase
    for name in data_before.repository_passwords if data_before is not None else ():
        assert read_password(secrets.data(), name) == read_password(data_before, name), "no second password"
    for name in (COMPTA, CAISSE) if workshop.has_buckets else ():
        check_one_repository(workshop, name)
        check_one_content_a_generation(workshop, name)
    check_no_key_is_unknown(workshop)
    delivered = workshop.look(lambda opened: list(opened.log.list(Commissioned)))
    assert len(delivered) == 1
    assert [run.outcome for run in workshop.look(lambda opened: opened.records.list_runs())] == [
        RunOutcome.DONE,
        RunOutcome.FAILED,
    ]


def check_no_key_is_unknown(workshop: Workshop) -> None:
    control, owner = workshop.estate.secrets.control(), workshop.estate.buckets.owner_uid
    known = {key.access_key_id for key in (control.owner_key, *control.machine_keys.values()) if key is not None}
    users = workshop.platform.list_users(owner)
    assert {each for uid in users for each in workshop.platform.list_key_ids(uid)} == known


def check_one_repository(workshop: Workshop, machine: str) -> None:
    versions = workshop.estate.bucket(machine).list_versions(f"{ResticLayout.prefix}config")
    assert len(versions) == 1, "no second repository"
    assert len(workshop.objects(machine, f"{ResticLayout.prefix}keys/")) == 1


def check_one_content_a_generation(workshop: Workshop, machine: str) -> None:
    bucket, contents = workshop.estate.bucket(machine), []
    for version in bucket.list_versions(naming.DESIRED_KEY):
        document = workshop.platform.read_version(bucket.name, version.version_id)
        payload = base64.b64decode(json.loads(document)["payload"])
        contents.append((json.loads(payload)["generation"], payload))
    assert len({generation for generation, _ in set(contents)}) == len(set(contents))
    issued = workshop.look(lambda opened: [each.fact.generation for each in opened.log.list(OrdersIssued, machine)])
    assert len(issued) == len(set(issued))
    assert {generation for generation, _ in contents} <= set(issued)


EACH_STEP = pytest.mark.parametrize(
    "step", STEPS, ids=lambda step: f"{step.do.__module__.rsplit('.', 1)[-1]}.{step.do.__name__}"
)


@EACH_STEP
def test_killed_after_any_step_the_next_apply_ends_it_and_nothing_is_lost(
    either_workshop: Workshop, monkeypatch: pytest.MonkeyPatch, step: ApplyStep
) -> None:
    workshop = either_workshop
    with monkeypatch.context() as patched:
        kill_at(patched, sys.modules[step.do.__module__], step.do.__name__, 1)
        with pytest.raises(Killed):
            workshop.apply()
    end_what_was_killed(workshop)


@EACH_STEP
def test_a_retirement_that_is_killed_after_any_step_is_ended_once_by_the_next_apply(
    either_workshop: Workshop, monkeypatch: pytest.MonkeyPatch, step: ApplyStep
) -> None:
    workshop = either_workshop
    workshop.apply()
    history = _remember(workshop)
    workshop.write_file(machines=three_machines(**{COMPTA: on_host(COMPTA, retired=RETIRED)}))
    with monkeypatch.context() as patched:
        kill_at(patched, sys.modules[step.do.__module__], step.do.__name__, 1)
        with pytest.raises(Killed):
            workshop.apply()
    assert workshop.apply().is_complete
    assert not workshop.plan().is_needed
    assert COMPTA not in workshop.estate.secrets.control().machine_keys
    check_no_key_is_unknown(workshop)
    facts = workshop.look(
        lambda opened: [type(each.fact) for each in opened.log.list((MachineRetired, Removal), COMPTA)]
    )
    assert facts == [MachineRetired, Removal], "each recorded once"
    if history is None:
        return
    snapshot, password = history
    orders = workshop.orders(COMPTA)
    assert orders is not None
    assert (orders["generation"], orders["remove"]) == (2, True), "its last order, written once"
    assert not workshop.fleet.machine(COMPTA).has_agent
    assert f"{ResticLayout.prefix}snapshots/{snapshot}" in workshop.objects(COMPTA)
    assert read_password(workshop.estate.secrets.data(), COMPTA) == password


def _remember(workshop: Workshop) -> tuple[str, str] | None:
    """Return a snapshot of a machine and its password; None where nothing of it lies in a bucket."""
    if not workshop.has_buckets:
        return None
    return workshop.back_up(COMPTA), read_password(workshop.estate.secrets.data(), COMPTA)


WRITES = 6
"""The objects that a first apply writes: the key and the config of two repositories, and the orders of two machines."""


@pytest.mark.parametrize("turn", range(1, WRITES + 1))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_write_into_a_bucket_the_next_apply_ends_it_and_nothing_is_lost(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, turn: int, after: bool
) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, MemoryBucket, "put", turn, after=after)
        with pytest.raises(Killed):
            workshop.apply()
    end_what_was_killed(workshop)


def test_a_first_apply_writes_no_other_objects(workshop: Workshop) -> None:
    workshop.apply()
    written = [key for name in (COMPTA, CAISSE) for key in workshop.objects(name, "")]
    assert len(written) == WRITES, written


@pytest.mark.parametrize(
    ("name", "turn"), [("add_user", 2), ("add_key", 1), ("set_wall", 1), ("make_bucket", 1), ("make_bucket", 2)]
)
def test_killed_at_a_resource_the_next_apply_adopts_what_is_there(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, name: str, turn: int
) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, MemoryPlatform, name, turn)
        with pytest.raises(Killed):
            workshop.apply()
    plan = workshop.plan()
    assert {change.operation for change in plan.storage} >= {"adopt"}
    end_what_was_killed(workshop)


@pytest.mark.parametrize("name", [COMPTA, CAISSE])
def test_killed_among_the_machines_the_next_apply_records_what_each_runs(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, Fleet, "install", [COMPTA, CAISSE].index(name) + 1)
        with pytest.raises(Killed):
            workshop.apply()
    assert workshop.fleet.machine(name).has_agent
    end_what_was_killed(workshop)
