"""What the trials of all kinds of platforms share: whose a name is, waiting with an end, and a run that goes on."""

from datetime import UTC, datetime, timedelta

import pytest

from coffre.errors import RemoteError
from coffre.storage import trying
from coffre.storage.checking import Verdict, ok

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("uid", "is_abandoned"),
    [
        ("coffre-check-20261124t100000z-0a1b2c3d", True),
        ("coffre-check-20261124t100000z-0a1b2c3d.machine", True),
        ("coffre-check-20261124t115500z-0a1b2c3d", False),
        ("coffre-check-20261324t100000z-0a1b2c3d", False),
        ("coffre-check-20261124t100000z", False),
        ("coffre-check-20261124t100000z-0a1b2c3d.compta-01", False),
        ("coffre-programs", False),
        ("check-k7f3q9wz2m", False),
    ],
)
def test_only_what_an_old_check_made_is_abandoned(uid, is_abandoned):
    assert trying.is_abandoned(uid, NOW, timedelta(minutes=15)) is is_abandoned


def test_a_new_check_and_its_users_are_not_abandoned_until_their_time_has_passed():
    for uid in trying.users_of(trying.new_name(NOW)):
        assert trying.is_checks_own(uid)
        assert not trying.is_abandoned(uid, NOW, timedelta())
        assert trying.is_abandoned(uid, NOW + timedelta(seconds=1), timedelta())


def test_what_comes_true_is_waited_for_and_what_does_not_ends_after_the_patience():
    answers = iter([False, False, True])
    assert trying.Patience(seconds=60.0, pause_seconds=0.0).wait_until(lambda: next(answers)) is not None
    assert trying.Patience(seconds=0.0, pause_seconds=0.0).wait_until(lambda: False) is None


def test_a_refused_trial_is_a_finding_and_the_others_are_made():
    def refuse():
        raise RemoteError("the gateway says no", "ask it again")

    said = []
    found = trying.run_trials([("policy", refuse), ("gate", lambda: ok("gate", "it closes"))], said.append)
    assert [finding.verdict for finding in found] == [Verdict.PROBLEM, Verdict.OK]
    assert (found[0].sentence, found[0].advice) == ("it could not be tried: the gateway says no", "ask it again")
    assert said == ["trying policy on a test bucket", "trying gate on a test bucket"]
