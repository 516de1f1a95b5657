"""Drift in words: each kind has some, and nothing foreign forges a line."""

import pytest

from coffre.cli.service.drift import _show
from coffre.cli.words.drift import describe, describe_unseen, sum_up
from coffre.provisioning.drift.values import Drift, DriftKind, TenantDrift, Unseen, UnseenKind
from coffre.records.facts.departure import Stage

HOSTILE = "x\n[31mforged\x1b[2J" + "y" * 5000


@pytest.mark.parametrize("kind", DriftKind)
def test_each_kind_is_one_bounded_line(kind: DriftKind) -> None:
    for expected, found in ((5, 6), (True, False), (None, 7)):
        line = describe(Drift(kind, "compta-01", HOSTILE, expected, found))
        assert line.startswith("compta-01: ")
        assert "\n" not in line
        assert len(line) < 1000


@pytest.mark.parametrize("kind", UnseenKind)
def test_each_unknown_is_one_bounded_line(kind: UnseenKind) -> None:
    line = describe_unseen(Unseen(kind, "compta-01", HOSTILE, HOSTILE, limit_seconds=3.0))
    assert line.startswith("compta-01: unknown: ")
    assert "\n" not in line
    assert len(line) < 1000


@pytest.mark.parametrize(
    ("drift", "words"),
    [
        (
            Drift(DriftKind.WALL, None, "", 260 * 1024**3, 50 * 1024**3),
            "the owner's hard quota is 50 GiB instead of 260 GiB",
        ),
        (Drift(DriftKind.WALL, None, "", 1024**3, None), "the owner's hard quota is none instead of 1 GiB"),
        (
            Drift(DriftKind.VERSIONING, "m", "", "Enabled", "Suspended"),
            "m: versioning of the bucket is Suspended instead of Enabled",
        ),
        (Drift(DriftKind.POLICY, "m"), "m: the bucket's policy is missing"),
        (Drift(DriftKind.POLICY, "m", "CoffreOwner", {"a": 1}, None), "m: the bucket's policy CoffreOwner is missing"),
        (
            Drift(DriftKind.POLICY, "m", "Odd", None, {"a": 1}),
            "m: the bucket's policy Odd is there, and nobody asked for it",
        ),
        (Drift(DriftKind.POLICY, "m", "CoffreOwner", {"a": 1}, {"a": 2}), "m: the bucket's policy CoffreOwner differs"),
        (
            Drift(DriftKind.PUBLIC_ACCESS, "m", "ignore", True, False),
            "m: the public access block ignore is off instead of on",
        ),
        (Drift(DriftKind.GATE, "m", "", False, True), "m: the gate is closed; it should be open"),
        (Drift(DriftKind.NEVER_APPLIED, copied_to="paris"), "second copy on paris: it was never applied there"),
        (
            Drift(DriftKind.LICENCES, None, "licences.workstations", 12, 13, part="vendor"),
            "part on vendor: what the vendor gives: licences.workstations is 13 instead of 12",
        ),
        (Drift(DriftKind.SUSPENSION, None, "", False, True), "its access is suspended; it should be open"),
    ],
)
def test_the_words_say_what_is_and_what_should_be(drift: Drift, words: str) -> None:
    assert describe(drift) == words


def test_the_first_line_sums_up() -> None:
    drift = (Drift(DriftKind.GATE, "m", "", False, True),)
    unseen = (Unseen(UnseenKind.PLATFORM),)
    assert sum_up([TenantDrift("a"), TenantDrift("b")]) == "no drift in 2 tenants"
    assert sum_up([TenantDrift("a", drift), TenantDrift("b")]) == "1 of 2 tenants differs"
    found = [TenantDrift("a", drift), TenantDrift("b", drift), TenantDrift("c", (), unseen)]
    assert sum_up(found) == "2 of 3 tenants differ; 1 could not be looked at in full"


def test_what_apply_does_not_undo_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    drift = (Drift(DriftKind.EXTRA_BUCKET, None, "odd"), Drift(DriftKind.GATE, "m", "", False, True))
    _show(
        [TenantDrift("gone", ended=Stage.CLOSED), TenantDrift("a", drift)],
        None,  # type: ignore[arg-type]
        adopts=False,
    )
    assert capsys.readouterr().out.splitlines() == [
        "1 of 2 tenants differs",
        "a:",
        "  ! a bucket of this tenant's owner that no machine has (odd) (apply does not undo this)",
        "  ~ m: the gate is closed; it should be open",
        "  `coffre apply a` undoes what is marked ~",
        "gone: not looked at: its service has ended (closed)",
    ]
