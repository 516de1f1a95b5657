"""What the vendor says is input: ids of one kind each, bounded lines, words of tomorrow, times of all its forms."""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from coffre.acronis import identifiers
from coffre.acronis.calls.monitoring import in_iso, in_nanoseconds
from coffre.acronis.data_center import ACCOUNT, path, read_data_center
from coffre.acronis.identifiers import Identifier, InvalidIdentifierError, TenantNumber, TenantUuid, UserUuid
from coffre.acronis.values.answers import LINE_CHARACTERS, Line, Moment, Word
from coffre.acronis.values.monitoring import Alert
from coffre.acronis.values.registration import OwnerScope, PlanScope
from coffre.acronis.values.tenants import Tenant, TenantChange, TenantKind
from coffre.errors import InvalidFileError

UUID = "6e6d758d-8e74-3ae3-ac84-50eb0dff12eb"
KINDS = [
    each
    for each in vars(identifiers).values()
    if isinstance(each, type) and issubclass(each, Identifier) and each not in (Identifier, identifiers.Uuid)
]
_line: TypeAdapter[str] = TypeAdapter(Line)
_moment: TypeAdapter[datetime] = TypeAdapter(Moment)


def test_the_two_ids_of_a_tenant_cannot_stand_for_each_other() -> None:
    with pytest.raises(InvalidIdentifierError):
        TenantUuid("10584816")
    with pytest.raises(InvalidIdentifierError):
        TenantNumber(UUID)
    for wrong in (TenantNumber("10584816"), UserUuid(UUID), UUID):
        with pytest.raises(TypeError, match="a TenantUuid is wanted"):
            TenantUuid.text(wrong)  # type: ignore[arg-type]
    assert UserUuid(UUID) != TenantUuid(UUID)
    assert len({UserUuid(UUID), TenantUuid(UUID), TenantUuid(UUID.upper())}) == 2
    assert TenantUuid.text(TenantUuid(UUID.upper())) == UUID


def test_an_id_of_another_kind_is_refused_in_an_answer_too() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(TenantUuid).validate_python(UserUuid(UUID))
    assert TypeAdapter(TenantNumber).validate_python(10584816) == TenantNumber("10584816")
    with pytest.raises(ValidationError):
        TypeAdapter(TenantNumber).validate_python(True)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("text", ["", "..", "a/b", "a b", "a\n", "%2e", "?x=1", "-", "x" * 200, "é", "１２", None, 1.5])
def test_what_is_no_id_leads_nowhere(kind: type[Identifier], text: Any) -> None:
    with pytest.raises(InvalidIdentifierError) as raised:
        kind(text)
    assert str(text) not in str(raised.value) or not text


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://eu2-cloud.acronis.com", "https://eu2-cloud.acronis.com"),
        ("https://EU2-Cloud.Acronis.com/", "https://eu2-cloud.acronis.com"),
        ("https://backup.smileo.example:443", "https://backup.smileo.example"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
    ],
)
def test_a_data_center_is_an_https_host(text: str, url: str) -> None:
    assert read_data_center(text).url == url


@pytest.mark.parametrize(
    "text",
    [
        "http://dc.example",
        "dc.example",
        "https://anna:hunter2@dc.example",
        "https://dc.example/api",
        "https://",
        "HTTPS://dc.example",
        "https://dc.example?x",
        "https://dc.example#x",
        "https://dc.example:99999",
        "https://-a",
        "https://[::1]",
        "",
        "https://dc.example\n",
        "https://dc example",
    ],
)
def test_another_address_is_none_and_is_not_quoted(text: str) -> None:
    with pytest.raises(InvalidFileError) as raised:
        read_data_center(text)
    assert "hunter2" not in f"{raised.value.message}{raised.value.hint}"


def test_the_parts_of_a_path_stay_parts() -> None:
    assert path(ACCOUNT, "a/b", "..", "c?d") == "/api/2/a%2Fb/../c%3Fd"


@given(st.text(st.characters(exclude_categories=())))
def test_a_text_is_one_bounded_line(text: str) -> None:
    line = _line.validate_python(text)
    assert len(line) <= LINE_CHARACTERS
    assert not any(unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp", "Cs") for each in line)


@given(st.text())
def test_a_word_of_tomorrow_is_unknown_and_never_sent(text: str) -> None:
    kind = TypeAdapter(TenantKind).validate_python(text)
    assert kind is TenantKind.UNKNOWN or kind.value == text
    if kind is TenantKind.UNKNOWN:
        with pytest.raises(ValueError, match="cannot be sent"):
            kind.sent()


def test_every_set_of_words_has_an_unknown_one() -> None:
    def all_of(kind: type[Word]) -> list[type[Word]]:
        return [each for below in kind.__subclasses__() for each in (below, *all_of(below))]

    found = all_of(Word)
    assert len(found) >= 10
    assert all("UNKNOWN" in each.__members__ and each["UNKNOWN"].value == "unknown" for each in found)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-11-30T16:00:00Z", datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("2026-11-30T16:00:00", datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("2026-11-30T18:00:00.123456789+02:00", datetime(2026, 11, 30, 16, 0, 0, 123456, tzinfo=UTC)),
        ("Mon, 30 Nov 2026 16:00:00 GMT", datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("Mon, 30 Nov 2026 16:00:00 +0000", datetime(2026, 11, 30, 16, tzinfo=UTC)),
        (1796054400, datetime(2026, 11, 30, 16, tzinfo=UTC)),
        ("1796054400000000000", datetime(2026, 11, 30, 16, tzinfo=UTC)),
    ],
)
def test_times_of_all_forms_are_read(value: Any, moment: datetime) -> None:
    assert _moment.validate_python(value) == moment


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()))
def test_any_other_time_is_refused_and_breaks_nothing(value: Any) -> None:
    try:
        moment = TypeAdapter(Moment | None).validate_python(value)
    except ValidationError:
        return
    assert moment is None or moment.tzinfo is UTC


def test_times_are_asked_for_without_a_fraction_lost() -> None:
    moment = datetime(2026, 11, 30, 16, 0, 0, 123456, tzinfo=UTC)
    assert in_nanoseconds(moment) == 1796054400123456000
    assert in_iso(moment) == "2026-11-30T16:00:00.123Z"


def test_a_tenant_of_tomorrow_is_read() -> None:
    tenant = Tenant.model_validate(
        {"id": UUID, "version": 2**63, "name": "A\x1b]0;x\x07", "kind": "galaxy", "external_operation_status": "moving"}
        | {"a_field_of_tomorrow": {}, "contact": {"email": None}, "pricing_mode": "barter", "mfa_status": None}
    )
    assert tenant.kind is TenantKind.UNKNOWN
    assert tenant.name == r"A\x1b]0;x\x07"
    assert tenant.is_live
    assert tenant.contact is not None
    assert tenant.contact.email == ""


def test_a_change_has_only_what_differs() -> None:
    tenant = Tenant.model_validate({"id": UUID, "version": 1, "name": "A", "kind": "customer", "language": "fr"})
    assert TenantChange(name="A", language="fr", enabled=True).of(tenant) is None
    assert TenantChange(name="B", language="fr").of(tenant) == TenantChange(name="B")


def test_an_alert_that_names_no_machine_names_none() -> None:
    for details in ({}, {"resourceId": None}, {"resourceId": "../x"}, {"resourceId": ["a"]}, None):
        alert = Alert.model_validate({"id": "a1", "type": "NoBackupForXDays", "details": details})
        assert alert.resource is None


def test_the_scopes_of_a_token_are_as_the_vendor_writes_them() -> None:
    assert str(OwnerScope(TenantUuid(UUID))) == f"urn:acronis.com:tenant-id:{UUID}:backup_agent_admin"
    scope = str(PlanScope(TenantNumber("10584816"), identifiers.PolicyId("p-1")))
    assert re.fullmatch(r"urn:acronis\.com::policy_management:10584816\|p-1:apply_revoke", scope)
    with pytest.raises(TypeError):
        str(PlanScope(TenantUuid(UUID), identifiers.PolicyId("p-1")))  # type: ignore[arg-type]
