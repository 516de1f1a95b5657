"""Every file under tests/cases/: valid ones load, broken ones say exactly what stands beside them.

COFFRE_UPDATE_GOLDEN=1 rewrites the expected texts; review them as a diff.
"""

import os
import shutil
from pathlib import Path

import pytest

from coffre.spec.loader import InvalidRepositoryError, load_checkout

REPOSITORY = Path(__file__).parents[3]
CASES = REPOSITORY / "tests" / "cases"
TWO_HOMES = CASES / "platform" / "valid" / "acronis.yaml"
"""Has platforms with buckets and one without."""
FOUR_HOMES = CASES / "homes" / "platform.yaml"
"""Has two platforms with buckets, and two of one vendor."""


def cases(folder: str) -> list[Path]:
    found = sorted((CASES / folder).glob("*.yaml"))
    assert found, f"no cases in {folder}"
    return found


def repository(root: Path, *, tenant: Path | None = None, platform: Path = REPOSITORY / "platform.yaml") -> Path:
    (root / "tenants").mkdir()
    shutil.copy(platform, root / "platform.yaml")
    if tenant:
        shutil.copy(tenant, root / "tenants")
    return root


def check_golden(root: Path, case: Path) -> None:
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(root)
    said = "".join(f"{problem}\n" for problem in refused.value.problems)
    golden = case.with_suffix(".stderr")
    if os.environ.get("COFFRE_UPDATE_GOLDEN") == "1":
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")
    assert "pydantic" not in said
    assert "{value}" not in said


@pytest.mark.parametrize("case", cases("tenants/broken"), ids=lambda path: path.stem)
def test_broken_tenant_says_what_is_wrong_and_where(case: Path, tmp_path: Path) -> None:
    check_golden(repository(tmp_path, tenant=case), case)


@pytest.mark.parametrize("case", cases("platform/broken"), ids=lambda path: path.stem)
def test_broken_platform_says_what_is_wrong_and_where(case: Path, tmp_path: Path) -> None:
    check_golden(repository(tmp_path, platform=case), case)


@pytest.mark.parametrize("case", cases("homes/broken"), ids=lambda path: path.stem)
def test_a_tenant_whose_agents_have_no_right_home_says_so(case: Path, tmp_path: Path) -> None:
    check_golden(repository(tmp_path, tenant=case, platform=FOUR_HOMES), case)


@pytest.mark.parametrize("case", cases("homes/valid"), ids=lambda path: path.stem)
def test_a_tenant_whose_agents_have_homes_loads(case: Path, tmp_path: Path) -> None:
    assert list(load_checkout(repository(tmp_path, tenant=case, platform=FOUR_HOMES)).tenants) == [case.stem]


@pytest.mark.parametrize("case", cases("tenants/valid"), ids=lambda path: path.stem)
def test_valid_tenant_loads(case: Path, tmp_path: Path) -> None:
    assert list(load_checkout(repository(tmp_path, tenant=case, platform=TWO_HOMES)).tenants) == [case.stem]


@pytest.mark.parametrize("case", cases("platform/valid"), ids=lambda path: path.stem)
def test_valid_platform_loads(case: Path, tmp_path: Path) -> None:
    assert load_checkout(repository(tmp_path, platform=case)).settings.version == 1


def test_every_expected_text_has_its_case() -> None:
    texts = {path.with_suffix("") for path in CASES.glob("*/broken/*.stderr")}
    files = {path.with_suffix("") for path in CASES.glob("*/broken/*.yaml")}
    assert texts == files


def test_no_secret_of_a_broken_file_is_quoted() -> None:
    """A credential that stands where its name or reference belongs is refused without being repeated."""
    said = "".join(path.read_text(encoding="utf-8") for path in CASES.glob("*/broken/*.stderr"))
    assert not [secret for secret in ("Hunter2", "AKIA0123456789", "s3cret") if secret in said]
