"""The pure rules: errors of all shapes, what is written once, and the list of what nobody has verified."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.acronis.errors import (
    AcronisAwayError,
    AcronisBusyError,
    AcronisError,
    ConflictError,
    CredentialRefusedError,
    GoneError,
    OutcomeUnknownError,
    Refusal,
    RightRefusedError,
    error_of,
    read_refusal,
    read_retry_after,
)
from coffre.acronis.unverified import ASSUMPTIONS, account, machines
from coffre.acronis.unverified.assumption import Assumption
from coffre.acronis.unverified.machines import is_applied_already
from coffre.acronis.writing import Making, change, create_once, remove

ACCOUNT = {
    "error": {
        "code": "ALREADY_EXISTS",
        "domain": "PlatformAccountServer",
        "message": "taken",
        "details": {"info": "login"},
    }
}


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (ACCOUNT, Refusal("ALREADY_EXISTS", "PlatformAccountServer", "taken: login")),
        ({"error": {"code": 409, "message": "taken", "details": {"info": "taken"}}}, Refusal("409", "", "taken")),
        ({"error": {"code": None, "details": []}}, Refusal()),
        ({"error": "invalid_client", "error_description": "no"}, Refusal("invalid_client", "", "no")),
        ({"code": "BAD_REQUEST", "domain": "Agents", "debug": {"msg": "no"}}, Refusal("BAD_REQUEST", "Agents", "no")),
        ({"code": "DATABASE_ERROR", "debug": None}, Refusal("DATABASE_ERROR")),
        ([], Refusal()),
        ({}, Refusal()),
    ],
)  # fmt: skip
def test_each_documented_shape_is_read(body: Any, refusal: Refusal) -> None:
    assert read_refusal(json.dumps(body).encode()) == refusal


def test_a_page_of_html_becomes_its_text() -> None:
    page = b"<html>\r\n<head><title>401 Authorization Required</title></head><hr><center>nginx</center>\r\n</html>"
    assert read_refusal(page).message == "401 Authorization Required nginx"


@given(st.binary(max_size=3000) | st.recursive(st.none() | st.text(), lambda each: st.dictionaries(
    st.sampled_from(["error", "code", "domain", "message", "debug", "msg", "details", "info"]), each)
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_body_becomes_one_short_printable_line(body: bytes) -> None:
    error = error_of("read", 400, body)
    assert len(error.message) < 600
    assert error.message.isprintable()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, AcronisError),
        (401, CredentialRefusedError),
        (403, RightRefusedError),
        (404, GoneError),
        (409, ConflictError),
        (415, AcronisError),
        (426, AcronisError),
        (429, AcronisBusyError),
        (500, AcronisAwayError),
        (503, AcronisAwayError),
        (302, AcronisError),
    ],
)
def test_each_status_is_one_error_with_a_hint(status: int, kind: type[AcronisError]) -> None:
    error = error_of("read tenant 7", status, b"")
    assert type(error) is kind
    assert error.status == status
    assert error.message.startswith("read tenant 7: ")
    assert error.hint.endswith(".")


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7.0), ("0", 0.0), ("", None), ("-1", None), ("soon", None), ("9" * 9, 86400.0)]
)
def test_how_long_the_service_asks_to_wait(text: str, seconds: float | None) -> None:
    assert read_retry_after({"Retry-After": text}) == seconds


# --- writing ---


def test_what_is_so_already_is_not_written() -> None:
    written = change(lambda: 5, lambda held: None if held == 5 else 5, lambda *_: pytest.fail("written"))
    assert (written.value, written.is_changed) == (5, False)


@given(st.integers(0, 3))
def test_a_write_that_conflicts_is_tried_twice_at_most(conflicts: int) -> None:
    state = {"read": 0, "written": 0}

    def read() -> int:
        state["read"] += 1
        return state["read"]

    def write(held: int, wanted: str) -> int:
        state["written"] += 1
        if state["written"] <= conflicts:
            raise ConflictError("stale", status=409)
        return held

    if conflicts >= 2:
        with pytest.raises(ConflictError):
            change(read, lambda _: "new", write)
    else:
        assert change(read, lambda _: "new", write).value == conflicts + 1
    assert state["read"] == state["written"] == min(conflicts + 1, 2)


@pytest.mark.parametrize("was_done", [True, False])
@pytest.mark.parametrize("losses", [0, 1, 2])
def test_a_creation_is_looked_for_before_it_is_sent_again(losses: int, was_done: bool) -> None:
    there: list[str] = []
    calls: list[str] = []

    def find() -> str | None:
        calls.append("find")
        return there[0] if there else None

    def create() -> str:
        calls.append("create")
        is_lost = calls.count("create") <= losses
        if was_done or not is_lost:
            there.append("made")
        if is_lost:
            raise OutcomeUnknownError("lost")
        return there[0]

    if losses == 2 and not was_done:
        with pytest.raises(OutcomeUnknownError):
            create_once(find, create)
        assert calls == ["find", "create", "find", "create", "find"]
        return
    made = create_once(find, create)
    assert there == ["made"]
    assert made.is_new
    assert create_once(find, create).making is Making.FOUND


def test_a_creation_is_said_to_be_unknown_when_the_look_fails_too() -> None:
    looks = iter([None])

    def find() -> None:
        try:
            return next(looks)
        except StopIteration:
            raise AcronisAwayError("away") from None

    def create() -> None:
        raise OutcomeUnknownError("lost")

    with pytest.raises(OutcomeUnknownError):
        create_once(find, create)


def test_what_is_gone_is_removed() -> None:
    def gone() -> None:
        raise GoneError("gone", status=404)

    assert not remove(gone)
    assert remove(lambda: None)


# --- what nobody has verified ---


def test_every_assumption_is_listed_under_its_own_name() -> None:
    constants = {
        name: value
        for module in (account, machines)
        for name, value in vars(module).items()
        if isinstance(value, Assumption)
    }
    assert list(ASSUMPTIONS) == list(constants.values())
    assert len({each.name for each in ASSUMPTIONS}) == len(ASSUMPTIONS) >= 30
    assert [name for name, value in constants.items() if value.name != name.lower().replace("_", "-")] == []
    assert all(each.assumed.endswith(".") and each.if_wrong.endswith(".") for each in ASSUMPTIONS)


@pytest.mark.parametrize(
    ("code", "message", "is_so"),
    [
        ("ApplicationsAlreadyExist", "", True),
        ("400", "apply plan p: Acronis says ApplicationsAlreadyExist: x (HTTP 400)", True),
        ("PolicyNotFound", "no", False),
    ],
)
def test_a_plan_that_is_applied_already_is_known_by_its_code(code: str, message: str, is_so: bool) -> None:
    assert is_applied_already(code, message) == is_so
