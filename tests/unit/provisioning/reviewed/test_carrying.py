"""A reviewed plan is applied in memory: exactly, once, and on from where a kill left it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from coffre.errors import RefusedError
from coffre.provisioning.apply import TenantOutcome
from coffre.provisioning.exact import ExactPlan
from coffre.provisioning.reviewed import carrying
from coffre.provisioning.reviewed.carrying import Approved, apply_reviewed
from coffre.provisioning.reviewed.consent import Consent
from coffre.provisioning.reviewed.destruction import Destruction
from coffre.provisioning.reviewed.document import OpenedPlan
from coffre.provisioning.rotation.rotate import KeyChoice
from coffre.records.facts.reviewed import ApplyState, ReviewedApply
from coffre.spec.loader import load_checkout
from tests.doubles.opening import AUTHOR
from tests.doubles.workshop import CAISSE, COMPTA, NOON, SLUG, Workshop, open_workshop
from tests.unit.provisioning.reviewed.examples import HEAD, reviewed

CONSENT = Consent(7, "anna", "anna", ("boris",))


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = open_workshop(tmp_path, monkeypatch)
    monkeypatch.setattr(carrying, "lock_recorded", made.desk.lock_recorded)
    return made


def approve(exact: ExactPlan, sha256: str = "d1") -> Approved:
    """Return a plan as the review made it: of another commit than the merged one."""
    plan = replace(reviewed(), exact=replace(exact, commit=HEAD))
    return Approved(OpenedPlan(plan, sha256), (Destruction.PROTECTION,), CONSENT)


def carry(
    workshop: Workshop, approved: Approved, contained: Sequence[str] = (str(AUTHOR.commit),)
) -> TenantOutcome | None:
    return apply_reviewed(
        load_checkout(workshop.root),
        SLUG,
        approved,
        contained.__contains__,
        on_progress=workshop.said.append,
        clock=lambda: NOON,
    )


def recorded(workshop: Workshop) -> list[ReviewedApply]:
    return workshop.look(lambda opened: [each.fact for each in opened.log.list(ReviewedApply)])


def sell(workshop: Workshop, quota: str) -> None:
    workshop.write_file(storage={"platform": "lab", "quota": quota})


def test_what_was_reviewed_is_applied_and_who_agreed_is_recorded(workshop: Workshop) -> None:
    outcome = carry(workshop, approve(workshop.plan_exactly()))
    assert outcome is not None
    assert outcome.is_complete
    begun, done = recorded(workshop)
    assert begun == ReviewedApply(ApplyState.BEGUN, "d1", HEAD, ("boris",), ("protection",), 7, "anna", "anna")
    assert done == replace(begun, state=ApplyState.DONE)
    assert not workshop.plan().is_needed


def test_twice_is_told_and_changes_nothing(workshop: Workshop) -> None:
    approved = approve(workshop.plan_exactly())
    carry(workshop, approved)
    before = recorded(workshop)
    assert carry(workshop, approved) is None
    assert recorded(workshop) == before


def test_a_change_that_somebody_applied_by_hand_is_in_effect_already(workshop: Workshop) -> None:
    approved = approve(workshop.plan_exactly())
    workshop.apply()
    assert carry(workshop, approved) is None


def test_a_plan_without_changes_is_applied_as_such(workshop: Workshop) -> None:
    workshop.apply()
    outcome = carry(workshop, approve(workshop.plan_exactly()))
    assert outcome is not None
    assert outcome.storage == ()
    assert [each.state for each in recorded(workshop)] == [ApplyState.BEGUN, ApplyState.DONE]


def test_a_moved_platform_file_or_stack_is_refused(workshop: Workshop) -> None:
    workshop.apply()
    sell(workshop, "20 GiB")
    approved = approve(workshop.plan_exactly())
    workshop.platform.set_wall(workshop.estate.buckets.owner_uid, 1)
    with pytest.raises(RefusedError, match="changed since then: other changes"):
        carry(workshop, approved)
    sell(workshop, "30 GiB")
    with pytest.raises(RefusedError, match=r"changed since then: the tenant file"):
        carry(workshop, approved)
    sell(workshop, "20 GiB")
    workshop.apply()
    workshop.rotate(KeyChoice())
    workshop.platform.set_wall(workshop.estate.buckets.owner_uid, 1)
    with pytest.raises(RefusedError, match="the state of stack martin"):
        carry(workshop, approved)
    assert recorded(workshop) == []


def test_a_gate_that_closes_meanwhile_spoils_nothing(workshop: Workshop) -> None:
    workshop.apply()
    sell(workshop, "20 GiB")
    approved = approve(workshop.plan_exactly())
    workshop.estate.bucket(COMPTA).set_gate(True)
    assert [step.kind.value for step in workshop.plan().steps if step.kind.value == "open gate"]
    outcome = carry(workshop, approved)
    assert outcome is not None
    assert outcome.is_complete
    assert not workshop.plan().is_needed


def kill_at(workshop: Workshop, approved: Approved, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an apply end in the middle as a kill does, at the begin of a step."""

    class Killed(BaseException):
        """No step catches it."""

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        module, function = step.split(".")
        patched.setattr(f"coffre.provisioning.steps.{module}.{function}", die)
        with pytest.raises(Killed):
            carry(workshop, approved)


STEPS = ["secrets.do", "storage.do", "keys.do", "repositories.do", "orders.do", "deployment.do", "second_copy.do"]


@pytest.mark.parametrize("step", STEPS)
def test_after_a_kill_the_same_plan_is_applied_to_its_end(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    approved = approve(workshop.plan_exactly())
    kill_at(workshop, approved, step, monkeypatch)
    assert [each.state for each in recorded(workshop)] == [ApplyState.BEGUN]
    outcome = carry(workshop, approved)
    assert outcome is not None
    assert outcome.is_complete
    assert recorded(workshop)[-1].state is ApplyState.DONE
    assert not workshop.plan().is_needed


def test_after_a_kill_nothing_beyond_the_plan_is_done(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    approved = approve(workshop.plan_exactly())
    kill_at(workshop, approved, "orders.do", monkeypatch)
    sell(workshop, "20 GiB")
    with pytest.raises(
        RefusedError, match="an apply of this plan was interrupted, and more than its rest would change"
    ):
        carry(workshop, approved)


@pytest.mark.parametrize("command", ["apply", "rotate"])
def test_after_a_kill_and_another_command_nobody_goes_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The rest of the plan would undo what that command did on purpose."""
    workshop.apply()
    sell(workshop, "20 GiB")
    approved = approve(workshop.plan_exactly())
    kill_at(workshop, approved, "orders.do", monkeypatch)
    run = {"apply": workshop.apply, "rotate": partial(workshop.rotate, KeyChoice())}[command]
    run()
    workshop.platform.set_wall(workshop.estate.buckets.owner_uid, 1)
    with pytest.raises(RefusedError, match=f"`coffre {command}` has changed the tenant since"):
        carry(workshop, approved)


def test_after_a_kill_and_an_apply_by_hand_the_change_is_in_effect(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    approved = approve(workshop.plan_exactly())
    kill_at(workshop, approved, "orders.do", monkeypatch)
    workshop.apply()
    assert carry(workshop, approved) is None


def test_an_older_commit_than_the_applied_one_is_refused(workshop: Workshop) -> None:
    first = approve(workshop.plan_exactly())
    carry(workshop, first)
    with pytest.raises(RefusedError, match=r"a state of the file from commit 1a2b3c4d5e6f was applied"):
        carry(workshop, first, contained=())


def test_a_machine_that_does_not_answer_is_tried_again_by_the_same_plan(workshop: Workshop) -> None:
    approved = approve(workshop.plan_exactly())
    workshop.fleet.machine(CAISSE).answers = False
    outcome = carry(workshop, approved)
    assert outcome is not None
    assert outcome.pending_machines == [CAISSE]
    assert [each.state for each in recorded(workshop)] == [ApplyState.BEGUN]
    workshop.fleet.machine(CAISSE).answers = True
    again = carry(workshop, approved)
    assert again is not None
    assert again.is_complete
    assert [each.state for each in recorded(workshop)][-1] is ApplyState.DONE
