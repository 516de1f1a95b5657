"""What a check of a platform looks at, and what it says of the programs that machines fetch from there."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.provisioning import platforms
from coffre.provisioning.platforms import judge_program, judge_programs
from coffre.spec.platform import PlatformFile
from coffre.storage.acronis.driver import CAPABILITIES as VENDORS
from coffre.storage.checking import Verdict
from tests.builders import MIXED_PLATFORM, tenant_with


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
    driver = SimpleNamespace(
        check=lambda of, root, tenants, now, on_progress: seen.extend(tenants) or [],
        capabilities=SimpleNamespace(has_buckets=True),
    )
    monkeypatch.setattr(platforms, "driver_of", lambda _: driver)
    for name in ("_check_programs", "_check_escrow"):
        monkeypatch.setattr(platforms, name, lambda *_: None)
    settings = SimpleNamespace(platforms={"lab": None, "there": None})
    checkout: Any = SimpleNamespace(settings=settings, tenants={"martin": tenant}, root=Path())
    platforms.check(checkout, platform, datetime.now(UTC), lambda _: None)
    assert [(each.slug, each.is_copy) for each in seen] == [("martin", is_copy)]


def test_a_vendors_platform_is_checked_for_the_parts_that_it_has_and_not_for_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = {"lab": {"quota": "6 GiB"}, "vendor": {"quota": "4 GiB", "licences": {"workstation": 1}}}
    tenant, seen = tenant_with(storage={"platform": "lab", "quota": "10 GiB", "parts": parts}), []
    driver = SimpleNamespace(
        check=lambda of, root, tenants, now, on_progress: seen.extend(tenants) or [],
        capabilities=VENDORS,
    )
    monkeypatch.setattr(platforms, "driver_of", lambda _: driver)
    monkeypatch.setattr(platforms, "_check_escrow", lambda *_: None)
    settings = PlatformFile.model_validate(MIXED_PLATFORM)
    checkout: Any = SimpleNamespace(settings=settings, tenants={"martin": tenant}, root=Path())
    report = platforms.check(checkout, "vendor", datetime.now(UTC), lambda _: None)
    assert [(each.is_part, each.storage.quota_bytes) for each in seen] == [(True, 4 << 30)]
    assert report.findings == (None,), "the escrow's alone"
