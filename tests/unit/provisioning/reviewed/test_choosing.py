"""Which saved plan is the one of a merged file, and why every other one is refused."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from coffre.errors import RefusedError
from coffre.provisioning.reviewed.choosing import Merged, choose_plan
from coffre.provisioning.reviewed.document import open_plan, seal_plan
from coffre.provisioning.terms.notes import CostsNote
from coffre.records.saved_plans import SavedPlan
from coffre.signing.seals.sealed_json import seal_json
from tests.unit.provisioning.reviewed.examples import AFTER, HEAD, ID, NOON, PLAN, key, reviewed, row
from tests.unit.provisioning.test_exact import COSTS, DIFFERENCES, NOTES, WALL
from tests.unit.provisioning.test_exact import PLAN as FULL

MERGED = Merged("martin", ID, "f1", "f2", HEAD, AFTER, "BEFORE..AFTER")
NO_HOST = replace(MERGED, reviewed_commit=None)


def choose(*saved: SavedPlan, merged: Merged = MERGED, days: int = 14) -> str | None:
    chosen = choose_plan(saved, merged, key().certificates[0], NOON, days)
    return chosen.reviewed.exact.plan.options.get("mark")


def marked(mark: str, **changes: object) -> SavedPlan:
    return row(plan=replace(PLAN, options={"mark": mark}), **changes)


def test_a_plan_with_everything_comes_back_as_it_was_signed() -> None:
    assert isinstance(COSTS, CostsNote)
    assert isinstance(COSTS.month, Decimal)
    full = replace(FULL.plan, notes=(*NOTES, COSTS))
    plan = reviewed(plan=full, stacks={"martin": "e1", "martin_copy": None})
    opened = open_plan("martin", seal_plan(plan, key()), key().certificates[0])
    assert opened.reviewed == plan
    assert (WALL in opened.reviewed.exact.plan.storage, opened.reviewed.exact.plan.machines[0].differences) == (
        True,
        DIFFERENCES,
    )


def test_the_newest_plan_of_the_merged_change_is_chosen() -> None:
    assert choose(marked("newest"), marked("older")) == "newest"
    assert choose(marked("other change", commit="c" * 40), marked("own")) == "own"
    assert choose(marked("other platform.yaml", platform_file_sha256="x"), marked("own")) == "own"


def test_without_a_git_host_the_content_of_the_files_counts_alone() -> None:
    assert choose(marked("other commit", commit="c" * 40), merged=NO_HOST) == "other commit"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tenant_id": "m4ple9x2ya"}, "one of another tenant"),
        ({"plan": replace(PLAN, tenant="durand")}, "one of another tenant"),
        ({"tenant_file_sha256": "x"}, "another content of the file"),
        ({"platform_file_sha256": "x"}, r"platform\.yaml has changed since the plan was made"),
        ({"commit": "c" * 40}, "another change than the merged one: of commit cccccccccccc"),
        ({"planned_at": NOON - timedelta(days=15)}, "is not of the last 14 days"),
        ({"planned_at": NOON + timedelta(minutes=6)}, "is not of the last 14 days"),
    ],
)
def test_a_plan_of_something_else_is_refused_with_how_to_plan_again(changes: dict[str, object], said: str) -> None:
    with pytest.raises(RefusedError, match=said) as refused:
        choose(row(**changes))
    assert refused.value.exit_code == 4
    assert "`coffre review BEFORE..AFTER --save-plans`" in refused.value.hint


def test_no_plan_is_told() -> None:
    with pytest.raises(RefusedError, match="no plan was saved for its file as it is merged"):
        choose()


def test_the_age_is_a_setting() -> None:
    old = marked("old", planned_at=NOON - timedelta(days=20))
    assert choose(old, days=21) == "old"


def test_a_plan_made_again_after_the_merge_counts_only_where_the_review_planned_the_same_content() -> None:
    again, at_review = marked("again", commit=AFTER), marked("review", stacks={})
    assert choose(again, at_review) == "again"
    with pytest.raises(RefusedError, match="no plan was saved at the review of the merged change"):
        choose(again)


def test_every_changed_byte_is_seen() -> None:
    text = row().document
    for at in range(0, len(text), 7):
        other = "x" if text[at] != "x" else "y"
        with pytest.raises(RefusedError, match="cannot be relied on"):
            choose(replace(row(), document=text[:at] + other + text[at + 1 :]))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("", "damaged, or no plan"),
        ("{}", "damaged, or no plan"),
        (row().document + "\n", "does not end in a signature"),
        (row("foreign").document, "another key than that of platform.yaml signed it"),
        (seal_json({"certificate": {"tenant": "martin"}}, key()).decode(), "another version of Coffre"),
        (row().document.replace('"commit"', '"Commit"'), "changed after it was signed"),
    ],
)
def test_what_the_key_did_not_sign_as_a_plan_is_refused_and_not_skipped(document: str, said: str) -> None:
    forged = replace(row(), document=document)
    with pytest.raises(RefusedError, match=said):
        choose(forged, row())


def test_a_document_of_another_version_is_refused_by_that() -> None:
    facts = json.loads(row().document)
    del facts["signature"]
    for changed in ({"version": 2}, {"purpose": "another one"}):
        with pytest.raises(RefusedError, match="another version of Coffre wrote it"):
            choose(replace(row(), document=seal_json({**facts, **changed}, key()).decode()))
