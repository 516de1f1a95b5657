"""What goes wrong on the way: lost answers, ended tokens, endless, half and foreign answers, refusals, limits."""

import contextlib
import itertools
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.client import AcronisClient, open_acronis
from coffre.acronis.data_center import read_data_center
from coffre.acronis.errors import (
    AbsurdAnswerError,
    AcronisAwayError,
    AcronisBusyError,
    AcronisError,
    CredentialRefusedError,
    OutcomeUnknownError,
)
from coffre.acronis.exchange import Exchange, NotSentError
from coffre.acronis.identifiers import ClientId, TenantUuid
from coffre.acronis.patience import Effect, Patience
from coffre.acronis.session import Session
from coffre.acronis.values.registration import OwnerScope
from coffre.acronis.values.tenants import Tenant, TenantChange
from coffre.acronis.writing import Making
from coffre.errors import BusyError, InvalidFileError
from coffre.workspace import fence
from tests.acronis.running import VendorCloud
from tests.unit.acronis.conftest import QUICK, access_of, new_customer
from tests.unit.acronis.scripted import TOKEN, Asked, ScriptedServer, answer, scripted_server, tunnelling_proxy
from tests.unit.acronis.test_users import new_user

TENANTS = "/api/2/tenants"
TENANT = "/api/2/tenants/[^/]+"


# --- lost answers ---


def test_a_customer_whose_creation_lost_its_answer_is_found_and_not_created_twice(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid
) -> None:
    new = new_customer(partner)
    cloud.fail("lose", TENANTS, method="POST")
    made = client.tenants.ensure(new)
    assert made.making is Making.FOUND_AFTER_LOST_ANSWER
    assert made.is_new
    assert len([each for each in client.tenants.list_children(partner) if each.customer_id == new.customer_id]) == 1


@pytest.mark.parametrize(
    "fault", [{"kind": "drop"}, {"kind": "status", "status": 503}, {"kind": "status", "status": 500}]
)
def test_a_customer_that_was_not_created_is_created_after_a_look(
    fault: dict[str, str], client: AcronisClient, cloud: VendorCloud, partner: TenantUuid
) -> None:
    cloud.fail(**fault, path=TENANTS, method="POST")
    assert client.tenants.ensure(new_customer(partner)).making is Making.CREATED_AFTER_LOST_ANSWER
    asked = [each["method"] for each in cloud.calls(TENANTS)]
    assert asked == ["GET", "POST", "GET", "POST", "GET"]


def test_a_creation_whose_answers_are_all_lost_is_said_to_be_unknown(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid
) -> None:
    cloud.fail("drop", TENANTS, method="POST", times=2)
    with pytest.raises(OutcomeUnknownError) as raised:
        client.tenants.ensure(new_customer(partner))
    assert "may have been carried out" in raised.value.hint
    assert len([each for each in cloud.calls(TENANTS) if each["method"] == "POST"]) == 2


def test_a_user_and_a_registration_token_survive_a_lost_answer(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    cloud.fail("lose", "/api/2/users", method="POST")
    user = client.users.ensure(new_user(customer))
    assert user.making is Making.FOUND_AFTER_LOST_ANSWER
    personal = user.value.personal_tenant_id
    assert personal is not None
    cloud.fail("lose", ".*/registration_tokens", method="POST")
    made = client.registration.create(personal, 3600, [OwnerScope(personal)])
    assert made.making is Making.CREATED_AFTER_LOST_ANSWER
    assert len(client.registration.list_of_tenant(personal)) == 2


def test_a_change_whose_answer_was_lost_is_seen_as_made(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    cloud.fail("lose", TENANT, method="PUT")
    written = client.tenants.update(customer.id, lambda _: TenantChange(name="Durand"))
    assert written.is_changed
    assert written.value.name == "Durand"
    assert written.value.version == customer.version + 1


def test_a_deletion_whose_answer_was_lost_is_done(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    client.tenants.disable(customer.id)
    cloud.fail("lose", TENANT, method="DELETE")
    client.tenants.delete_tenant(customer.id)
    assert client.tenants.find(customer.id) is None


def test_half_an_answer_is_asked_for_again(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    cloud.fail("half", TENANT)
    assert client.tenants.read(customer.id).id == customer.id


# --- tokens ---


def test_a_token_that_ends_in_the_middle_of_a_listing_is_renewed(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid, customer: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.acronis.session.PAGE_SIZE", 1)
    listing = client.tenants.list_children(partner)
    first = next(listing)
    cloud.tell("expire_tokens")
    assert customer.id in {first.id, *(each.id for each in listing)}


def test_a_token_for_one_customer_is_renewed_with_the_one_that_it_came_from(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    within = client.within(customer.id)
    assert list(within.agents.list_all()) == []
    cloud.tell("forget_journal")
    assert list(within.agents.list_all()) == []
    assert [each["path"] for each in cloud.calls()] == ["/api/agent_manager/v2/agents"]
    cloud.tell("expire_tokens")
    assert list(within.agents.list_all()) == []
    assert len(cloud.calls("/api/2/idp/token")) == 2  # the client's own, and the customer's


def test_a_disabled_client_is_said_after_one_more_try(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid
) -> None:
    made = cloud.tell("make_client", tenant_id=str(partner), name="other")
    access = access_of(cloud)
    credential = ClientId(made["client_id"]), SecretStr(made["client_secret"])
    other = Access(access.data_center, *credential, access.ca_file)
    with open_acronis(other, QUICK) as opened:
        opened.tenants.read(partner)
        cloud.tell("set_client", client_id=made["client_id"], status="disabled")
        cloud.tell("forget_journal")
        with pytest.raises(CredentialRefusedError) as raised:
            opened.tenants.read(partner)
    assert "enabled" in raised.value.hint
    assert raised.value.status == 401
    assert len(cloud.calls()) == 2


def test_a_wrong_secret_is_said(cloud: VendorCloud, partner: TenantUuid) -> None:
    access = access_of(cloud)
    wrong = Access(access.data_center, access.client_id, SecretStr("wrong"), access.ca_file)
    with open_acronis(wrong, QUICK) as opened, pytest.raises(CredentialRefusedError) as raised:
        opened.tenants.read(partner)
    assert "take a token for the API client" in raised.value.message
    assert "wrong" not in raised.value.message


# --- the service has too much to do ---


def test_a_wait_that_the_service_asks_for_is_waited(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    cloud.fail("status", TENANT, status=429, headers={"Retry-After": "1"})
    began = time.monotonic()
    client.tenants.read(customer.id)
    assert 1.0 <= time.monotonic() - began < 20


def test_a_wait_beyond_all_patience_is_not_begun(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    cloud.fail("status", TENANT, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(AcronisBusyError) as raised:
        client.tenants.read(customer.id)
    assert raised.value.status == 429
    assert len(cloud.calls(f"{TENANTS}/{customer.id}")) == 1


def test_a_creation_that_was_refused_for_now_is_sent_again(
    client: AcronisClient, cloud: VendorCloud, partner: TenantUuid
) -> None:
    cloud.fail("status", TENANTS, method="POST", status=429, headers={"Retry-After": "0"})
    assert client.tenants.ensure(new_customer(partner)).making is Making.CREATED


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_service_that_cannot_serve_is_asked_a_few_times(
    status: int, client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    cloud.fail("status", TENANT, status=status, times=99, body="<html><h1>Bad\x1b[31m gateway</h1></html>")
    with pytest.raises(AcronisAwayError) as raised:
        client.tenants.read(customer.id)
    assert raised.value.status == status
    assert "Bad" in raised.value.message
    assert "\x1b" not in raised.value.message
    assert "<" not in raised.value.message
    assert len(cloud.calls(f"{TENANTS}/{customer.id}")) == QUICK.attempts


def test_a_refusal_for_good_is_not_repeated(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    cloud.fail("status", TENANT, status=426)
    with pytest.raises(AcronisError) as raised:
        client.tenants.read(customer.id)
    assert raised.value.status == 426
    assert len(cloud.calls(f"{TENANTS}/{customer.id}")) == 1


# --- answers that are none ---


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedServer]:
    with scripted_server(tmp_path) as running:
        yield running


class Opener(Protocol):
    """Opens calls to an address; they are closed with the test."""

    def __call__(self, url: str, ca_file: Path | None, **bounds: float) -> Session: ...


@pytest.fixture
def open_session(cloud: VendorCloud) -> Iterator[Opener]:
    known = access_of(cloud)
    with contextlib.ExitStack() as closing:

        def opened(url: str, ca_file: Path | None, **bounds: Any) -> Session:
            access = Access(read_data_center(url), known.client_id, known.client_secret, ca_file)
            session = Session(Exchange(url, ca_file, **bounds), access, QUICK)
            closing.callback(session.close)
            return session

        yield opened


@pytest.fixture
def session(server: ScriptedServer, open_session: Opener) -> Session:
    return open_session(server.url, server.ca_file)


def test_an_answer_without_end_is_given_up(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    cloud.fail("huge", TENANT, size_bytes=100 * 1024**2)
    began = time.monotonic()
    with pytest.raises(AbsurdAnswerError, match="larger"):
        client.tenants.read(customer.id)
    assert time.monotonic() - began < 30


def drip(content: bytes, seconds: float) -> Iterator[bytes]:
    for each in content:
        time.sleep(seconds)  # that the server is slow is the point
        yield bytes([each])


@pytest.mark.parametrize("head", [0, 60], ids=["from the first byte", "in the body"])
def test_an_answer_that_drips_in_is_given_up(head: int, server: ScriptedServer, open_session: Opener) -> None:
    whole = answer(b'{"items": []}' + b" " * 400)
    server.script = lambda _: itertools.chain((whole[:head],), drip(whole[head:], 0.05))
    session = open_session(server.url, server.ca_file, answer_seconds=0.5)
    began = time.monotonic()
    with pytest.raises(AcronisAwayError, match="no whole answer"):
        session.read("read", "/x")
    assert time.monotonic() - began < 15
    assert len(server.targets()) == QUICK.attempts


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome</html>",
        b"[",
        b'{"items": 1}',
        b"{}",
        b'{"items": [{"id": "x"}]}',
        b"\xff\xfe",
        b"[" * 5000,
        b"null",
    ],
)
def test_an_answer_that_is_not_one_of_this_api_is_said(
    body: bytes, server: ScriptedServer, session: Session, partner: TenantUuid
) -> None:
    server.script = lambda _: answer(body)
    with pytest.raises(AbsurdAnswerError) as raised:
        list(AcronisClient(session).tenants.list_children(partner))
    assert "not one of Acronis' API" in raised.value.message
    assert len(raised.value.message) < 500
    assert len(server.targets()) == 1


@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_call_follows_no_redirect_and_takes_its_token_nowhere(
    status: int, server: ScriptedServer, session: Session, partner: TenantUuid, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    with scripted_server(tmp_path / "other", "127.0.0.2") as other:
        server.script = lambda _: answer(b"", status, Location=f"{other.url}/api/2/tenants/{partner}")
        with pytest.raises(AcronisError, match="another address") as raised:
            AcronisClient(session).tenants.read(partner)
        assert "exact address" in raised.value.hint
        assert other.asked == []
        assert server.asked[-1].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_cookie_is_not_kept(server: ScriptedServer, session: Session) -> None:
    server.script = lambda _: answer(b"{}", Set_Cookie="session=1; Path=/")
    for _ in range(2):
        session.read("read", "/x")
    assert all("cookie" not in each.headers for each in server.asked)


def test_who_calls_says_so(server: ScriptedServer, session: Session) -> None:
    session.read("read", "/x")
    assert server.asked[0].headers["user-agent"].startswith("coffre/0.")
    assert " (" in server.asked[0].headers["user-agent"]


# --- pages ---


@pytest.mark.parametrize(
    ("after", "why"), [('"again"', "circle"), ("7", "cursor"), (f'"{"x" * 20000}"', "cursor")], ids=str
)
def test_pages_without_a_true_end_are_said(after: str, why: str, server: ScriptedServer, session: Session) -> None:
    server.script = lambda _: answer(f'{{"items": [], "paging": {{"cursors": {{"after": {after}}}}}}}'.encode())
    with pytest.raises(AbsurdAnswerError, match=why):
        list(session.pages("list", "/x"))


def test_pages_that_never_end_are_said(
    server: ScriptedServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coffre.acronis.session.MAX_PAGES", 5)
    number = itertools.count()
    server.script = lambda _: answer(
        f'{{"items": [], "paging": {{"cursors": {{"after": "{next(number)}"}}}}}}'.encode()
    )
    with pytest.raises(AbsurdAnswerError, match="more than 5 pages"):
        list(session.pages("list", "/x"))


def test_a_cursor_is_sent_with_the_limit_alone(server: ScriptedServer, session: Session) -> None:
    def script(asked: Asked) -> bytes:
        is_last = "after=" in asked.target
        return answer(b'{"items": [2]}' if is_last else b'{"items": [1], "paging": {"cursors": {"after": "a b&c"}}}')

    server.script = script
    assert list(session.pages("list", "/x", {"filter": "f", "not": None})) == [1, 2]
    assert server.targets() == ["/x?filter=f&limit=500", "/x?after=a+b%26c&limit=500"]


# --- no connection ---


def test_a_certificate_of_nobody_is_said_at_once(server: ScriptedServer, open_session: Opener) -> None:
    session = open_session(server.url, None)
    with pytest.raises(AcronisAwayError, match="certificate") as raised:
        session.read("read", "/x")
    assert "ca_file" in raised.value.hint
    assert server.asked == []


def test_nobody_there_is_said_after_two_tries(open_session: Opener) -> None:
    session = open_session("https://127.0.0.1:1", None)
    began = time.monotonic()
    with pytest.raises(AcronisAwayError, match=r"no connection to https://127\.0\.0\.1:1"):
        session.read("read", "/x")
    assert time.monotonic() - began < 10


def test_a_proxy_that_gives_no_way_is_named(open_session: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://anna:hunter2@127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    session = open_session("https://dc.example", None)
    with pytest.raises(AcronisAwayError) as raised:
        session.read("read", "/x")
    assert "NO_PROXY=dc.example" in raised.value.hint
    assert "hunter2" not in f"{raised.value.message}{raised.value.hint}"


def test_calls_go_through_the_proxy_with_its_account(
    open_session: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with (
        scripted_server(tmp_path, named="192.0.2.7") as server,
        tunnelling_proxy(int(server.url.rpartition(":")[2])) as (port, heads),
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://anna:h%C3%A9@127.0.0.1:{port}")
        assert open_session("https://192.0.2.7", server.ca_file).read("read", "/x") == {}
    assert server.targets() == ["/x"]
    assert heads[0].startswith("CONNECT 192.0.2.7:443 HTTP/1.1\r\n")
    assert f"Proxy-Authorization: Basic {b64encode('anna:hé'.encode()).decode()}\r\n" in heads[0]


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_a_ca_file_that_is_none_is_said(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content, encoding="utf-8")
    with pytest.raises(InvalidFileError, match="CA file"):
        Exchange("https://dc.example", tmp_path / "ca.pem")


def test_a_question_that_was_never_sent_is_another_error_than_one_without_an_answer() -> None:
    attempts = []

    def attempt() -> None:
        attempts.append(1)
        raise NotSentError("no connection", "")

    with pytest.raises(NotSentError):
        Patience(connection_attempts=2, first_wait_seconds=0.01).run(Effect.CREATES, attempt)
    assert len(attempts) == 2


# --- locks ---


def test_nothing_is_changed_once_the_lock_is_lost(client: AcronisClient, cloud: VendorCloud, customer: Tenant) -> None:
    def lost() -> None:
        raise BusyError("the lock is lost")

    with fence.fenced_by(lost):
        client.tenants.read(customer.id)
        cloud.tell("forget_journal")
        with pytest.raises(BusyError):
            client.tenants.disable(customer.id)
        with pytest.raises(BusyError):
            client.registration.create(customer.id, 60, [OwnerScope(customer.id)])
    assert {each["method"] for each in cloud.calls()} == {"GET"}


def test_a_lock_that_is_lost_during_a_wait_ends_the_change(
    client: AcronisClient, cloud: VendorCloud, customer: Tenant
) -> None:
    asked = []

    def lost_at_the_second_look() -> None:
        asked.append(1)
        if len(asked) > 1:
            raise BusyError("the lock is lost")

    cloud.fail("status", TENANT, method="PUT", status=503, times=2)
    with fence.fenced_by(lost_at_the_second_look), pytest.raises(BusyError):
        client.tenants.disable(customer.id)
    assert client.tenants.read(customer.id).enabled
