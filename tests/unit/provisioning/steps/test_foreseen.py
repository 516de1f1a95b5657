"""What an apply does beyond storage and agents, and the words for it."""

import pytest

from coffre.cli.words.plan import describe_step
from coffre.provisioning.steps.access import judge_expiry
from coffre.provisioning.terms.found import Change, ChangeKind


@pytest.mark.parametrize(
    ("stands", "wanted", "kind"),
    [
        (14, 14, None),
        (None, None, None),
        (14, 7, ChangeKind.EXPIRE_SOONER),
        (14, 30, ChangeKind.EXPIRE_LATER),
        (14, None, ChangeKind.EXPIRE_NEVER),
        (None, 14, ChangeKind.EXPIRE_AGAIN),
    ],
)
def test_what_becomes_of_the_days_after_which_versions_go(
    stands: int | None, wanted: int | None, kind: ChangeKind | None
) -> None:
    assert judge_expiry(stands, wanted) is kind


@pytest.mark.parametrize("kind", ChangeKind)
def test_every_step_has_its_words(kind: ChangeKind) -> None:
    text = describe_step(Change(kind, ("compta-01",)))
    assert text
    assert "{" not in text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (
            Change(ChangeKind.EXPIRE_SOONER, ("compta-01", "caisse-01"), 14, 7),
            "undelete_days 14 → 7 on compta-01, caisse-01: objects deleted or overwritten more than 7 days ago are "
            "lost, and `coffre undelete` cannot bring them back",
        ),
        (Change(ChangeKind.QUOTA, (), 200 * 2**30, 2**40), "quota sold: 200 GiB → 1 TiB"),
        (
            Change(ChangeKind.WALL, (), None, 650_000_000_000, 151 * 2**30),
            "wall: none → 605.36 GiB: at most 151 GiB beyond the sold quota can ever be stored",
        ),
        (
            Change(ChangeKind.NEW_KEYS, ("owner", "compta-01")),
            "access keys created by the platform for: owner, compta-01",
        ),
        (
            Change(ChangeKind.REPLACE_KEYS, ("compta-01",)),
            "access keys of compta-01: the platform no longer has them; it creates new ones, and the agents get them",
        ),
        (Change(ChangeKind.OPTIONS, (), (), ("restore_tests",)), "options: none → restore_tests"),
        (Change(ChangeKind.LICENCES, (), ("server 1",), ("server 2",)), "licences sold: server 1 → server 2"),
    ],
)
def test_consequences_are_said_in_the_file_s_words(step: Change, text: str) -> None:
    assert describe_step(step) == text
