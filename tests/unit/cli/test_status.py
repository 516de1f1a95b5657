"""The command status, as it is read."""

import json
from datetime import UTC, date, datetime

import pytest

from coffre.cli import output
from coffre.cli.service.status import _show_status
from coffre.observation.machine import MachineStatus
from coffre.observation.retired import RetiredStatus
from coffre.observation.tenant import HoldStatus, LicenceStatus, TenantObservation

NOW = datetime(2026, 11, 28, tzinfo=UTC)


def status(**changes: object) -> TenantObservation:
    plain = {
        "tenant": "acme",
        "status": "active",
        "quota_bytes": 500 * 10**9,
        "used_bytes": 0,
        "wall_bytes": None,
        "beyond_wall_bytes": 0,
        "gate_look_seconds": 300,
        "gate": "open",
        "licences": {"workstation": LicenceStatus(2, 1)},
        "options": {},
        "machines": (),
    }
    return TenantObservation(**{**plain, **changes})  # type: ignore[arg-type]


def test_the_quota_is_shown_as_it_was_sold(capsys: pytest.CaptureFixture[str]) -> None:
    _show_status(status(), NOW)
    shown = capsys.readouterr().out
    assert shown.splitlines()[0] == (
        "acme (active): 0 B of 500 Go (465.66 GiB) used, gate open; licences: 1 of 2 workstation"
    )


def test_the_wall_is_told_with_what_may_pass_it(capsys: pytest.CaptureFixture[str]) -> None:
    _show_status(status(wall_bytes=650_000_000_000, beyond_wall_bytes=3 * 2**30, gate_look_seconds=95), NOW)
    assert capsys.readouterr().out.splitlines()[1] == (
        "  wall at 605.36 GiB, all versions counted; up to 3 GiB may exceed it until every gateway has counted; while "
        "backups run, run `coffre gate` every 95 s"
    )


def test_without_a_wall_what_may_pass_the_quota_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    _show_status(status(beyond_wall_bytes=2**30, gate_look_seconds=40), NOW, has_wall=False)
    assert capsys.readouterr().out.splitlines()[1] == (
        "  the platform has no wall: the gate is the only limit, and up to 1 GiB may exceed the sold quota between two "
        "looks; while backups run, run `coffre gate` every 40 s"
    )


def test_a_closed_tenant_has_no_open_questions(capsys: pytest.CaptureFixture[str]) -> None:
    _show_status(status(status="closed", departure="closed", used_bytes=None, gate=None), NOW)
    assert capsys.readouterr().out == (
        "acme (closed): its backups are erased, its storage and its licences are given back\n"
    )


def test_what_is_kept_of_a_retired_machine_is_a_line_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    retired = RetiredStatus(date(2026, 11, 20), date(2027, 3, 31), may_be_erased=False, is_kept_by_hold=True)
    machine = MachineStatus("vieux-pc", "restic", *[None] * 9, retired=retired)  # type: ignore[arg-type]
    _show_status(status(machines=(machine,)), NOW)
    shown = capsys.readouterr().out
    assert "  vieux-pc: retired on 2026-11-20, its backups are kept by the hold (2027-03-31 is over)\n" in shown
    output.result_json(machine)
    assert json.loads(capsys.readouterr().out)["retired"] == {
        "on": "2026-11-20",
        "keep_until": "2027-03-31",
        "may_be_erased": False,
        "is_kept_by_hold": True,
    }


def test_a_hold_is_named_by_its_file_and_a_confidential_one_is_not_named(capsys: pytest.CaptureFixture[str]) -> None:
    confidential = HoldStatus(None, "2027-01-02", "block_access", in_force=True, is_confidential=True)
    _show_status(status(hold=confidential), NOW)
    shown = capsys.readouterr().out
    assert "  hold (confidential, see `coffre hold list`, since 2027-01-02, block_access): in force\n" in shown
    in_file = HoldStatus("TJ 1/27", "2027-01-02", "preserve", in_force=False)
    _show_status(status(hold=in_file), NOW)
    assert "  hold (TJ 1/27, since 2027-01-02, preserve): NOT in force yet" in capsys.readouterr().out
