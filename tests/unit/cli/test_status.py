"""The command status, as it is read."""

from datetime import UTC, datetime

import pytest

from coffre.cli.status import _show_status
from coffre.operations.observe import LicenceStatus, TenantStatus

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def status(**changes: object) -> TenantStatus:
    plain = {
        "tenant": "acme",
        "status": "active",
        "quota_bytes": 500 * 10**9,
        "used_bytes": 0,
        "wall_bytes": None,
        "gate": "open",
        "licences": {"workstation": LicenceStatus(2, 1)},
        "options": {},
        "machines": (),
    }
    return TenantStatus(**{**plain, **changes})  # type: ignore[arg-type]


def test_the_quota_is_shown_as_it_was_sold(capsys: pytest.CaptureFixture[str]) -> None:
    _show_status(status(), NOW)
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == (
        "acme (active): 0 B of 500 Go (465.66 GiB) used, gate open; licences: 1 of 2 workstation"
    )


def test_a_closed_tenant_has_no_open_questions(capsys: pytest.CaptureFixture[str]) -> None:
    _show_status(status(status="closed", departure="closed", used_bytes=None, gate=None), NOW)
    assert capsys.readouterr().out == (
        "acme (closed): its backups are erased, its storage and its licences are given back\n"
    )
