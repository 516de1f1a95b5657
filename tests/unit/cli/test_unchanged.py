"""plan over many tenants: what was compared is told with what nobody looked at, never as "nothing to change"."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.cli.tenants import unchanged
from coffre.cli.tenants.unchanged import Compared, show_compared, sort_tenants
from coffre.errors import RemoteError
from coffre.provisioning.drift.storages import StorageLook, StorageStanding
from coffre.provisioning.inputs import InputState, Standing
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from tests.builders import PLATFORM

AT = datetime(2027, 1, 5, 9, 30, tzinfo=UTC)
CHECKOUT = Checkout(Path("/nowhere"), PlatformFile.model_validate(PLATFORM), {})
STATES = {
    "martin": InputState("martin", Standing.UNCHANGED, AT, "0f3a"),
    "moved": InputState("moved", Standing.UNCHANGED, AT, "0f3a"),
    "away": InputState("away", Standing.UNCHANGED, AT, "0f3a"),
    "durand": InputState("durand", Standing.FILE, AT, "1a2b3c4d5e6f7a8b"),
    "new": InputState("new", Standing.NEW),
}


@pytest.fixture(autouse=True)
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the comparison and the look; returns which tenants were looked at."""
    looked: list[str] = []

    def look_at_storages(_: Checkout, slugs: list[str], __: object) -> dict[str, StorageLook]:
        looked.extend(slugs)
        return {
            "martin": StorageLook("martin", StorageStanding.AS_APPLIED),
            "moved": StorageLook("moved", StorageStanding.OTHER),
            "away": StorageLook("away", StorageStanding.UNSEEN, RemoteError("nobody answers", "Look there.")),
        }

    monkeypatch.setattr("coffre.provisioning.inputs.compare_inputs", lambda *_: STATES)
    monkeypatch.setattr("coffre.provisioning.drift.storages.look_at_storages", look_at_storages)
    return looked


def test_only_what_is_unchanged_and_as_applied_gets_no_whole_look(
    compared: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = sort_tenants(CHECKOUT, list(STATES), is_offline=False)
    assert compared == ["martin", "moved", "away"]
    assert (found.to_plan, found.told, found.failed) == (["moved", "durand", "new"], (STATES["martin"],), ("away",))
    assert not found.has_changed
    show_compared(found)
    shown = capsys.readouterr()
    assert shown.err == "away: nobody answers\n  Look there.\n"
    assert shown.out.startswith("martin: unchanged since the apply of 2027-01-05 09:30 UTC; its storage is as applied")
    assert "orders, repositories and agents were not looked at" in shown.out
    assert "nothing to change" not in shown.out


def test_offline_nothing_is_looked_at_and_each_changed_tenant_has_its_reason(
    compared: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = sort_tenants(CHECKOUT, list(STATES), is_offline=True)
    assert (compared, found.to_plan, found.has_changed) == ([], [], True)
    show_compared(found)
    shown = capsys.readouterr().out
    assert "martin: unchanged since the apply of 2027-01-05 09:30 UTC; the platform was not looked at\n" in shown
    assert (
        "durand: its file, or its platform in platform.yaml, changed since the apply of 2027-01-05 09:30 UTC: " in shown
    )
    assert "`coffre review 1a2b3c4d5e6f..HEAD`" in shown
    assert "new: no complete apply is recorded\n" in shown


def test_many_unchanged_tenants_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    told = tuple(InputState(f"t{number}", Standing.UNCHANGED, AT.replace(hour=number)) for number in range(20))
    show_compared(Compared([], told, is_offline=True))
    assert capsys.readouterr().out == (
        "20 tenants: unchanged since their applies of 2027-01-05 00:30 UTC to 2027-01-05 19:30 UTC; "
        "the platform was not looked at\n"
    )
    assert len(told) > unchanged.NAMED


def test_as_values_nobody_knows_whether_a_change_is_needed() -> None:
    [value] = Compared([], (STATES["martin"],), is_offline=True).as_values()
    assert value["is_needed"] is None
    assert (value["tenant"], value["standing"], value["looked_at"]) == ("martin", "unchanged", "inputs")
