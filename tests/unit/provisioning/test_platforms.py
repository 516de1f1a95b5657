"""What is said of the programs that machines fetch from a platform."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.provisioning import platforms
from coffre.provisioning.platforms import judge_program, judge_programs
from coffre.storage.checking import Verdict
from tests.builders import tenant_with


def test_a_program_is_judged_by_the_hash_of_what_was_read() -> None:
    assert judge_program("aa", None) is None
    assert judge_program("aa", "aa") is True
    assert judge_program("aa", "bb") is False


@pytest.mark.parametrize(
    ("by_build", "verdict", "named"),
    [
        ({}, Verdict.OK, "no program"),
        ({"linux-amd64": True, "windows-amd64": None}, Verdict.OK, "linux-amd64"),
        (
            {"linux-amd64": True, "windows-amd64": False},
            Verdict.PROBLEM,
            "programs for windows-amd64 in bucket programs-of-paris are not those",
        ),
    ],
)
def test_one_swapped_program_is_a_problem(by_build: dict[str, bool | None], verdict: Verdict, named: str) -> None:
    finding = judge_programs(by_build, "programs-of-paris")
    assert finding.verdict is verdict
    assert named in finding.sentence


@pytest.mark.parametrize(("platform", "is_copy"), [("lab", False), ("there", True)])
def test_a_platform_is_checked_for_the_tenants_and_the_copies_that_it_has(
    monkeypatch: pytest.MonkeyPatch, platform: str, is_copy: bool
) -> None:
    storage = {"platform": "lab", "quota": "10 GiB", "copy": {"platform": "there"}}
    tenant, seen = tenant_with(storage=storage), []
    driver = SimpleNamespace(check=lambda of, root, tenants, now, on_progress: seen.extend(tenants) or [])
    monkeypatch.setattr(platforms, "driver_of", lambda _: driver)
    for name in ("_check_programs", "_check_escrow"):
        monkeypatch.setattr(platforms, name, lambda *_: None)
    settings = SimpleNamespace(platforms={"lab": None, "there": None})
    checkout: Any = SimpleNamespace(settings=settings, tenants={"martin": tenant}, root=Path())
    platforms.check(checkout, platform, datetime.now(UTC), lambda _: None)
    assert [(each.slug, each.is_copy) for each in seen] == [("martin", is_copy)]
