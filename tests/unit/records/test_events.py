"""What an event may say: plain JSON at an aware moment, and never a secret."""

from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from coffre.errors import RefusedError
from coffre.records.events import Event, EventKind, check_recordable, storable
from coffre.workspace.clock import utc_now

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def event(**details: object) -> Event:
    return Event("k7f3q9wz2m", "martin", EventKind.INSTALL, NOON, "claire@example.org", details=details)


@pytest.mark.parametrize(
    "details",
    [
        {"value": SecretStr("hunter2")},
        {"deep": [{"er": (SecretStr("hunter2"),)}]},
        {"password": "hunter2"},
        {"repository_passwords": {"pc": "hunter2"}},
        {"key": {"access_key_id": "A", "secret_access_key": "hunter2"}},
        {"stack_passphrase": "hunter2"},
        {"access": "hunter2"},
        {"SECRET": "hunter2"},
    ],
)
def test_secret_in_the_details_is_refused_and_not_repeated(details: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match="this install event was not recorded: its details contain") as caught:
        check_recordable(event(**details))
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"access_key_id": "AKIA", "quota_bytes": 2**41, "amendments": ["AV-1"], "licences": {"workstation": 12}},
        {"closed": True, "reason": "restore asked for by Mme Martin", "snapshot": None},
        {"machines": {"access-point-1": "installed"}},
    ],
)
def test_plain_details_are_recordable(details: dict[str, object]) -> None:
    check_recordable(event(**details))


def test_details_that_are_not_json_are_refused_before_the_database_sees_them() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        check_recordable(event(at=NOON))
    with pytest.raises(ValueError, match="not JSON compliant"):
        check_recordable(event(ratio=float("nan")))


def test_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        check_recordable(Event("id", "martin", EventKind.INSTALL, datetime(2026, 1, 1), "claire"))  # noqa: DTZ001


def test_file_names_of_any_bytes_become_storable_text() -> None:
    name = b"caf\xe9\x01.txt".decode("utf-8", "surrogateescape")
    assert storable({"files": (name, "a\0b"), name: 1}) == {
        "files": ["caf\\udce9\x01.txt", "a\\x00b"],
        "caf\\udce9\x01.txt": 1,
    }


def test_now_is_utc() -> None:
    assert utc_now().tzinfo is UTC
