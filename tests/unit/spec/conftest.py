"""Repositories to check, made of the example files and of the cases."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
CASES = REPOSITORY / "tests" / "cases"

TenantRoot = Callable[..., Path]


@pytest.fixture
def make_root(tmp_path: Path) -> TenantRoot:
    """Return a function that makes a repository with the example platform.yaml and tenant files of these texts."""

    def make(**tenants: str) -> Path:
        shutil.copy(REPOSITORY / "platform.yaml", tmp_path)
        (tmp_path / "tenants").mkdir(exist_ok=True)
        for slug, text in tenants.items():
            (tmp_path / "tenants" / f"{slug}.yaml").write_text(text, encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def tenant_text() -> str:
    """Return the first example tenant."""
    return (REPOSITORY / "tenants" / "boulangerie-martin.yaml").read_text(encoding="utf-8")
