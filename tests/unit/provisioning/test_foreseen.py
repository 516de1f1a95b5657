"""What an apply does beyond storage and agents, and the words for it."""

import pytest

from coffre.cli.words.plan import describe_step
from coffre.provisioning.steps.foreseen import Step, StepKind, judge_expiry


@pytest.mark.parametrize(
    ("stands", "wanted", "kind"),
    [
        (14, 14, None),
        (None, None, None),
        (14, 7, StepKind.EXPIRE_SOONER),
        (14, 30, StepKind.EXPIRE_LATER),
        (14, None, StepKind.EXPIRE_NEVER),
        (None, 14, StepKind.EXPIRE_AGAIN),
    ],
)
def test_what_becomes_of_the_days_after_which_versions_go(
    stands: int | None, wanted: int | None, kind: StepKind | None
) -> None:
    assert judge_expiry(stands, wanted) is kind


@pytest.mark.parametrize("kind", StepKind)
def test_every_step_has_its_words(kind: StepKind) -> None:
    text = describe_step(Step(kind, ("compta-01",)))
    assert text
    assert "{" not in text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (
            Step(StepKind.EXPIRE_SOONER, ("compta-01", "caisse-01"), 14, 7),
            "undelete_days 14 → 7 on compta-01, caisse-01: objects deleted or overwritten more than 7 days ago are "
            "lost, and `coffre undelete` cannot bring them back",
        ),
        (Step(StepKind.QUOTA, (), 200 * 2**30, 2**40), "quota sold: 200 GiB → 1 TiB"),
        (
            Step(StepKind.WALL, (), None, 650_000_000_000, 151 * 2**30),
            "wall: none → 605.36 GiB: at most 151 GiB beyond the sold quota can ever be stored",
        ),
        (Step(StepKind.OPTIONS, (), (), ("restore_tests",)), "options: none → restore_tests"),
        (Step(StepKind.LICENCES, (), ("server 1",), ("server 2",)), "licences sold: server 1 → server 2"),
    ],
)
def test_consequences_are_said_in_the_file_s_words(step: Step, text: str) -> None:
    assert describe_step(step) == text
