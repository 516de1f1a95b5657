"""What agents seal: opened for its machine and its key alone, by what the agent's own tests seal."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre.agents.report import LIMIT_BYTES, InvalidReportError, parse_report
from coffre.agents.sealing import Opener, derive_key, is_sealed, read_number, read_tag
from coffre.outside.faults import Fault

TESTDATA = Path(__file__).resolve().parents[3] / "agent" / "internal" / "report" / "testdata"
SEALED = (TESTDATA / "report-2-sealed.json").read_bytes()
KEY = f"reports/0000000007-{'ab' * 16}.sealed"
"""As agents of before name their reports."""

TAGGED = f"reports/0000000007-{'ab' * 16}-2935192dbd586f7cab581c24c6d85ec4.sealed"
"""As the agent's own tests name this one."""

PASSWORD = SecretStr("repository-password")
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def opener(password: SecretStr = PASSWORD, tenant: str = "k7f3q9wz2m", machine: str = "compta-01") -> Opener:
    return Opener(derive_key(password), tenant, machine)


def test_what_the_agent_sealed_opens_here() -> None:
    report = parse_report(opener().open(KEY, SEALED), NOW)
    assert (report.number, report.machine, len(report.samples)) == (7, "compta-01", 1)
    assert read_number(KEY) == report.number


def test_a_report_of_an_agent_of_before_is_read_in_clear() -> None:
    report = parse_report((TESTDATA / "report-1-plain.json").read_bytes(), NOW)
    assert (report.number, report.missing_snapshot_id, report.files_processed) == (None, None, 165)


@pytest.mark.parametrize(
    ("whose", "key"),
    [
        (opener(SecretStr("Repository-password")), KEY),
        (opener(tenant="k7f3q9wz2n"), KEY),
        (opener(machine="caisse-01"), KEY),
        (opener(), KEY.replace("7", "8")),
        (opener(), TAGGED),
        (opener(), "reports/.applied"),
    ],
    ids=["another password", "another tenant", "another machine", "another number", "another name", "another place"],
)
def test_a_seal_opens_for_its_machine_and_its_place_alone(whose: Opener, key: str) -> None:
    with pytest.raises(InvalidReportError) as caught:
        whose.open(key, SEALED)
    assert caught.value.fault is Fault.MISSEALED


def test_no_changed_byte_of_a_seal_is_taken() -> None:
    closed = bytearray(base64.b64decode(json.loads(SEALED)["sealed"]))
    for at in (0, 11, 12, len(closed) // 2, len(closed) - 1):
        changed = bytes(closed[:at]) + bytes([closed[at] ^ 1]) + bytes(closed[at + 1 :])
        with pytest.raises(InvalidReportError) as caught:
            opener().open(KEY, json.dumps({"version": 2, "sealed": base64.b64encode(changed).decode()}).encode())
        assert caught.value.fault is Fault.MISSEALED


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (b'{"version": 1, "result": "success"}', Fault.UNSEALED),
        (b'{"version": 2, "sealed": 7}', Fault.UNSEALED),
        (b'{"version": 2, "sealed": "****"}', Fault.MISSEALED),
        (b'{"version": 2, "sealed": ""}', Fault.MISSEALED),
        (b'{"version": 2, "sealed": "AAAA"}', Fault.MISSEALED),
        (b"\xff", Fault.UNREADABLE),
        (b"[]", Fault.UNREADABLE),
        (b" " * (2 * LIMIT_BYTES + 1), Fault.TOO_LARGE),
    ],
    ids=str,
)
def test_rubbish_is_told_apart(document: bytes, fault: Fault) -> None:
    with pytest.raises(InvalidReportError) as caught:
        opener().open(KEY, document)
    assert caught.value.fault is fault
    assert is_sealed(document) is (fault is Fault.MISSEALED)


@pytest.mark.parametrize(
    "key",
    ["reports/1.json", "reports/.applied", f"reports/7-{'ab' * 16}.sealed", f"reports/0000000007-{'AB' * 16}.sealed",
     f"reports/0000000007-{'ab' * 16}.sealed\n", f"{TAGGED}\n", TAGGED.replace("c4.", "."),
     f"reports/{'9' * 30}-{'ab' * 16}.sealed"],
)  # fmt: skip
def test_no_other_key_is_a_report_of_a_number(key: str) -> None:
    assert read_number(key) is None


def test_the_key_is_not_the_password_and_is_always_the_same() -> None:
    assert derive_key(PASSWORD) == derive_key(PASSWORD)
    assert PASSWORD.get_secret_value() not in derive_key(PASSWORD).get_secret_value()


def test_a_name_is_told_by_its_machine_alone() -> None:
    assert opener().report_key(7, "ab" * 16) == TAGGED
    assert opener().is_own_name(TAGGED)
    assert (read_number(TAGGED), read_tag(TAGGED), read_tag(KEY)) == (7, TAGGED[-39:-7], None)
    assert not opener().is_own_name(KEY)
    forged = [TAGGED.replace("007-", "008-"), TAGGED.replace("ab-", "aa-"), TAGGED.replace("c4.", "c5."),
              TAGGED.replace("0000000007", "00000000007")]  # fmt: skip
    assert all(read_tag(key) for key in forged)
    assert not [key for key in forged if opener().is_own_name(key)]
    for other in (opener(SecretStr("x")), opener(tenant="k7f3q9wz2n"), opener(machine="caisse-01")):
        assert not other.is_own_name(TAGGED)
