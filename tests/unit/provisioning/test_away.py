"""A tenant with parts on two platforms, one of which is away: what is seen goes on, and nobody calls the rest fine."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from coffre.cli.tenants.provisioning import _show_outcome
from coffre.cli.words.plan import show_plan
from coffre.errors import RefusedError, RemoteError
from coffre.provisioning.inputs import compare_inputs
from coffre.provisioning.terms.context import FULLY, Intent, refuse_for_a_part, refuse_what_rules_forbid
from coffre.provisioning.terms.done import MachineState
from coffre.provisioning.terms.found import ChangeKind
from coffre.provisioning.terms.notes import NoteKind
from coffre.records.facts.contract import QuotaChange
from coffre.spec.loader import load_checkout
from coffre.storage.values import PlatformAwayError
from tests.doubles.storage import MemoryPlatform
from tests.doubles.workshop import (
    CAISSE,
    COMPTA,
    MIXED,
    OTHER,
    RETIRED,
    SLUG,
    Workshop,
    on_host,
    open_mixed_workshop,
    three_machines,
)

GIB = 1 << 30
SILENCE = PlatformAwayError("the vendor does not answer", "Run the same command again later.")


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_mixed_workshop(tmp_path, monkeypatch)


@contextmanager
def away(platform: MemoryPlatform, problem: RemoteError = SILENCE) -> Iterator[None]:
    """Have a platform answer nothing for the time of the block, neither to Coffre nor to a stack."""

    def fail(*_: object, **__: object) -> None:
        raise problem

    answers = [name for name in dir(platform) if not name.startswith("_") and callable(getattr(platform, name))]
    with pytest.MonkeyPatch.context() as patched:
        for name in answers:
            patched.setattr(platform, name, fail)
        yield


def vendor_away(mixed: Workshop) -> AbstractContextManager[None]:
    return away(mixed.vendor)


def own_away(mixed: Workshop) -> AbstractContextManager[None]:
    return away(mixed.platform, PlatformAwayError("lab: no answer", "Run the same command again later."))


def sizes(ours: int, vendors: int) -> dict[str, Any]:
    """Return the storage with another size of each part, in GiB."""
    storage = deepcopy(MIXED["storage"])
    storage["quota"] = f"{ours + vendors} GiB"
    storage["parts"]["lab"]["quota"], storage["parts"]["vendor"]["quota"] = f"{ours} GiB", f"{vendors} GiB"
    return storage


def is_as_applied(mixed: Workshop) -> bool:
    return compare_inputs(load_checkout(mixed.root), [SLUG], lambda _: None)[SLUG].is_unchanged


def states(mixed: Workshop) -> dict[str, MachineState]:
    return {each.machine: each.state for each in mixed.apply().machines}


def test_a_plan_goes_on_with_the_part_that_answers_and_names_the_other(
    mixed: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed.apply()
    mixed.write_file(machines=three_machines(**{"neuf-01": on_host("neuf-01")}), licences={"workstation": 4})
    with vendor_away(mixed):
        plan = mixed.plan()
    assert {each.platform for each in plan.storage} == {""}
    assert {(each.machine, each.action) for each in plan.machines if each.action != "none"} == {("neuf-01", "install")}
    assert [(each.platform, each.machines, each.error) for each in plan.unseen] == [
        ("vendor", (OTHER,), "the vendor does not answer")
    ]
    assert ChangeKind.LICENCES not in {each.kind for each in plan.steps}, "it is the sum of all parts"
    show_plan(plan)
    said = capsys.readouterr().out
    assert (
        f"  ! part on vendor: NOT compared, nor are its machines ({OTHER}): the vendor does not answer. Run the same "
        "command again later.\n"
    ) in said


def test_a_plan_without_a_change_does_not_say_that_there_is_none(
    mixed: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed.apply()
    with vendor_away(mixed):
        show_plan(mixed.plan())
    assert "nothing to change" not in capsys.readouterr().out


def test_an_apply_goes_on_with_the_part_that_answers_and_is_not_complete(
    mixed: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed.apply()
    assert is_as_applied(mixed)
    mixed.write_file(
        machines=three_machines(**{"neuf-01": on_host("neuf-01")}),
        licences={"workstation": 4},
        storage=sizes(7, 5),
    )
    with vendor_away(mixed):
        outcome = mixed.apply()
    assert not outcome.is_complete
    found = {each.machine: (each.state, each.message) for each in outcome.machines}
    assert found["neuf-01"][0] is MachineState.INSTALLED
    assert found[OTHER] == (MachineState.PENDING, "vendor does not answer")
    _show_outcome(outcome)
    assert "part on vendor: NOT settled: the vendor does not answer. Run the same" in capsys.readouterr().out
    assert len(mixed.platform.list_owned_buckets(mixed.estate.buckets.owner_uid)) == 3
    recorded = mixed.look(lambda opened: opened.log.last(QuotaChange))
    assert recorded is not None
    assert recorded.fact.quota_bytes == 10 * GIB, "what is sold is recorded once every part has it"
    assert not is_as_applied(mixed)
    assert mixed.apply().is_complete
    recorded = mixed.look(lambda opened: opened.log.last(QuotaChange))
    assert recorded is not None
    assert recorded.fact.quota_bytes == 12 * GIB
    assert is_as_applied(mixed)
    assert not mixed.plan().is_needed


def test_nothing_is_recorded_as_applied_where_the_part_that_answers_has_no_change(mixed: Workshop) -> None:
    mixed.apply()
    mixed.write_file(storage=sizes(6, 5))
    with vendor_away(mixed):
        for intent in (FULLY, Intent(storage_only=True)):
            assert not mixed.apply(intent).is_complete
    assert not is_as_applied(mixed)


def test_a_vendor_that_goes_away_between_the_look_and_its_stack_stops_nothing_else(
    mixed: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed.apply()
    mixed.write_file(storage=sizes(6, 5))
    asked: list[str] = []
    survey_user = mixed.vendor.survey_user

    def answer_once(uid: str) -> object:
        asked.append(uid)
        if len(asked) > 1:
            raise SILENCE
        return survey_user(uid)

    def fail(*_: object) -> None:
        raise RemoteError("Pulumi failed")

    with monkeypatch.context() as patched:
        patched.setattr(mixed.vendor, "survey_user", answer_once)
        patched.setattr(mixed.vendor, "put", fail)
        outcome = mixed.apply()
    assert [each.platform for each in outcome.unseen] == ["vendor"]
    assert {each.machine: each.state for each in outcome.machines}[COMPTA] is MachineState.UNCHANGED
    assert not outcome.is_complete


def test_space_is_not_taken_from_a_part_while_the_other_one_cannot_get_it(mixed: Workshop) -> None:
    mixed.apply()
    uid = mixed.estate.buckets.owner_uid
    before = mixed.platform.find_owner(uid)
    mixed.write_file(storage=sizes(3, 7))
    with vendor_away(mixed):
        for command in (mixed.plan, mixed.apply):
            with pytest.raises(RemoteError, match="the part on lab gets smaller, and vendor does not answer"):
                command()
    assert mixed.platform.find_owner(uid) == before


def test_a_machine_that_retires_at_a_vendor_that_is_away_is_not_recorded_as_retired(mixed: Workshop) -> None:
    mixed.apply()
    mixed.write_file(machines=three_machines(**{OTHER: on_host(OTHER, agent="acronis", retired=RETIRED)}))
    with vendor_away(mixed):
        assert {each.machine for each in mixed.plan().machines} == {COMPTA, CAISSE}
        assert states(mixed)[OTHER] is MachineState.PENDING
    assert states(mixed)[OTHER] is MachineState.REMOVED


def test_a_first_apply_needs_every_platform(mixed: Workshop) -> None:
    with vendor_away(mixed), pytest.raises(RemoteError, match="the vendor does not answer"):
        mixed.apply()


def test_a_plan_that_saw_a_part_is_not_carried_out_without_it(mixed: Workshop) -> None:
    mixed.apply()
    mixed.write_file(storage=sizes(6, 5))
    planned = mixed.plan_exactly()
    with vendor_away(mixed):
        with pytest.raises(RefusedError, match="vendor does not answer now"):
            mixed.apply(planned=planned)
        blind = mixed.plan_exactly()
        assert not mixed.apply(planned=blind).is_complete
    with pytest.raises(RefusedError, match="vendor answers now"):
        mixed.apply(planned=blind)
    assert mixed.apply(planned=mixed.plan_exactly()).is_complete


def test_a_plan_without_the_tenants_own_platform_has_the_vendors_part(
    mixed: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    mixed.apply()
    mixed.back_up(COMPTA)
    mixed.apply()
    machines = three_machines(**{"neuf-01": on_host("neuf-01")})
    mixed.write_file(storage=sizes(6, 5), machines=machines, licences={"workstation": 4})
    with own_away(mixed):
        plan = mixed.plan()
    assert [(each.kind, each.platform) for each in plan.storage] == [("OfferingItems", "vendor")]
    assert [each.machine for each in plan.machines] == [OTHER]
    assert (plan.steps, plan.access, plan.secrets_to_mint, plan.rotations) == ((), (), (), ())
    assert [(each.platform, set(each.machines)) for each in plan.unseen] == [("lab", {"neuf-01", COMPTA, CAISSE})]
    assert {each.kind for each in plan.notes} <= {NoteKind.LICENCE}, "nobody saw whether a repository is there"
    show_plan(plan)
    assert "part on lab: NOT compared" in capsys.readouterr().out


def test_an_apply_without_the_tenants_own_platform_settles_the_vendors_part_alone(mixed: Workshop) -> None:
    mixed.apply()
    keys = dict(mixed.estate.secrets.control().machine_keys)
    mixed.write_file(storage=sizes(6, 5))
    with own_away(mixed):
        outcome = mixed.apply()
    found = {each.machine: each.state for each in outcome.machines}
    assert found == {OTHER: MachineState.UNCHANGED, COMPTA: MachineState.PENDING, CAISSE: MachineState.PENDING}
    assert [each.kind for each in outcome.storage] == ["OfferingItems"]
    assert not outcome.is_complete
    assert mixed.estate.secrets.control().machine_keys == keys
    owner = mixed.vendor.find_owner(mixed.estate.buckets.owner_uid)
    assert owner is not None
    assert owner.wall_bytes == 5 * GIB
    recorded = mixed.look(lambda opened: opened.log.last(QuotaChange))
    assert recorded is not None
    assert recorded.fact.quota_bytes == 10 * GIB
    assert not is_as_applied(mixed)
    assert mixed.apply().is_complete
    assert is_as_applied(mixed)


def test_a_machine_that_moves_to_a_bucket_keeps_everything_while_its_new_platform_is_away(mixed: Workshop) -> None:
    """In the vendor's part it counts as retired: nothing of that may be carried out from there."""
    mixed.apply()
    moving = on_host(OTHER, moved_from={"agent": "acronis", "keep_until": "2099-12-31"})
    mixed.write_file(machines=three_machines(**{OTHER: moving}))
    assert mixed.apply().is_complete
    keys = dict(mixed.estate.secrets.control().machine_keys)
    assert OTHER in keys
    with own_away(mixed):
        assert "remove" not in {each.action for each in mixed.plan().machines}
        assert states(mixed)[OTHER] is MachineState.PENDING
    assert mixed.estate.secrets.control().machine_keys == keys
    assert mixed.apply().is_complete


def test_nothing_goes_on_while_nobody_answers(mixed: Workshop) -> None:
    mixed.apply()
    for command in (mixed.plan, mixed.apply):
        with own_away(mixed), vendor_away(mixed), pytest.raises(RemoteError, match="lab: no answer"):
            command()


def test_space_is_not_taken_from_the_vendors_part_while_the_own_one_cannot_get_it(mixed: Workshop) -> None:
    mixed.apply()
    mixed.write_file(storage=sizes(7, 3))
    with own_away(mixed), pytest.raises(RemoteError, match="the part on vendor gets smaller, and lab does not answer"):
        mixed.apply()


def test_a_vendors_machine_enrols_without_the_platform_that_it_does_not_use(mixed: Workshop) -> None:
    mixed.apply()
    with own_away(mixed):
        mixed.look(refuse_for_a_part)
        with pytest.raises(PlatformAwayError):
            mixed.look(lambda opened: refuse_for_a_part(opened.parts[0]))
    with vendor_away(mixed):
        mixed.look(refuse_what_rules_forbid)
