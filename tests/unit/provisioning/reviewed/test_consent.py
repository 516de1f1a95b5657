"""Who must have agreed to a plan, by the git host's own accounts."""

from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.githost.values import Approval, CommitAuthor
from coffre.provisioning.reviewed.consent import Consent, judge_consent
from coffre.provisioning.reviewed.destruction import Destruction
from tests.unit.provisioning.reviewed.examples import AFTER, HEAD, change

DESTROYS = (Destruction.RESOURCES,)
BORIS = (Approval("boris", HEAD),)


def judge(
    destroys: tuple[Destruction, ...] = DESTROYS, required: int = 1, commit: str = HEAD, **fields: Any
) -> Consent:
    return judge_consent("martin", commit, change(**fields), destroys, required)


def refusal(**options: Any) -> str:
    with pytest.raises(RefusedError) as refused:
        judge(**options)
    assert "`coffre apply martin` yourself" in refused.value.hint
    return refused.value.message


@pytest.mark.parametrize("destroys", [DESTROYS, ()])
def test_who_proposed_approved_and_merged_is_returned(destroys: tuple[Destruction, ...]) -> None:
    assert judge(destroys) == Consent(7, "anna", "anna", ("boris",))


@pytest.mark.parametrize("destroys", [DESTROYS, ()])
@pytest.mark.parametrize(
    "fields",
    [
        {"approvals": ()},
        {"approvals": (Approval("anna", HEAD),)},
        {"approvals": (Approval("Anna", HEAD),)},
        {"approvals": (Approval("boris", "c" * 40),)},
        {"approvals": (Approval("boris", None),)},
        {"commit_authors": frozenset({CommitAuthor("Boris", "boris@smileo.example")})},
        {"author": "BORIS"},
    ],
)
def test_the_author_an_author_of_its_commits_and_an_approval_of_another_commit_count_nothing(
    fields: dict[str, Any], destroys: tuple[Destruction, ...]
) -> None:
    assert "0 of 1 persons approved change 7 at commit aaaaaaaaaaaa" in refusal(destroys=destroys, **fields)


def test_who_merges_a_plan_that_destroys_is_no_second_person() -> None:
    assert "nor the one who merged it" in refusal(merged_by="Boris")
    assert judge((), merged_by="boris").approved_by == ("boris",)
    both = (*BORIS, Approval("chloe", HEAD))
    assert judge(merged_by="boris", approvals=both).approved_by == ("chloe",)


def test_a_merge_by_nobody_is_no_merge_by_somebody_else() -> None:
    assert "does not say who merged change 7" in refusal(merged_by=None)
    assert judge((), merged_by=None).approved_by == ("boris",)


def test_an_author_without_an_account_leaves_open_who_it_is() -> None:
    authors = frozenset({CommitAuthor("anna", "anna@smileo.example"), CommitAuthor(None, "who@nowhere.example")})
    assert "who@nowhere.example" in refusal(commit_authors=authors)
    assert judge((), commit_authors=authors).approved_by == ("boris",)
    assert judge(commit_authors=authors, bars_writers=True).approved_by == ("boris",)


def test_a_plan_made_after_the_approval_destroys_nothing() -> None:
    assert "nobody approved this plan" in refusal(commit=AFTER)
    assert judge((), commit=AFTER).approved_by == ("boris",)


def test_the_number_of_approvals_is_a_setting_and_never_0_for_what_destroys() -> None:
    assert "1 of 2 persons" in refusal(required=2)
    assert "0 of 1 persons" in refusal(required=0, approvals=())
    assert judge((), required=0, approvals=()) == Consent(7, "anna", "anna", ())
    assert judge((), required=0) == Consent(7, "anna", "anna", ("boris",))


def test_without_a_git_host_only_what_nobody_has_to_approve_is_applied() -> None:
    for destroys, required in ((DESTROYS, 0), (DESTROYS, 1), ((), 1)):
        with pytest.raises(RefusedError, match="nobody can tell who approved it") as refused:
            judge_consent("martin", HEAD, None, destroys, required)
        assert "Write git_host into platform.yaml" in refused.value.hint
    assert judge_consent("martin", HEAD, None, (), 0) == Consent()
