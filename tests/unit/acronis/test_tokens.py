"""Tokens: one for all threads, renewed in time, ended together, and never shown."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest
from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.data_center import DataCenter
from coffre.acronis.errors import AbsurdAnswerError, AcronisAwayError, AcronisError, CredentialRefusedError
from coffre.acronis.exchange import Answer, Exchange, Question
from coffre.acronis.identifiers import ClientId, TenantUuid
from coffre.acronis.tokens import Tokens

ACCESS = Access(DataCenter("https://dc.example"), ClientId("the-client"), SecretStr("the-secret"))
CUSTOMERS = [TenantUuid(f"00000000-0000-4000-8000-00000000000{number}") for number in range(3)]


class Service:
    """Gives tokens by number, of a lifetime, by a clock that tests set."""

    def __init__(self) -> None:
        self.now, self.lifetime_seconds, self.given = 1000.0, 7200.0, 0
        self.valid: set[str] = set()
        self.forms: list[dict[str, list[str]]] = []
        self.answers: Callable[[], Answer | None] = lambda: None
        self.looks_at_clock = threading.Semaphore(0)
        self.tokens = Tokens(ACCESS, Exchange(ACCESS.data_center.url), self.ask, self.clock)

    def clock(self) -> float:
        self.looks_at_clock.release()
        return self.now

    def ask(self, question: Question, authorization: Callable[[], str]) -> Answer:
        assert question.path == "/api/2/idp/token"
        self.forms.append(parse_qs(urlencode(question.form or {})))
        if (answer := self.answers()) is not None:
            return answer
        bearer = authorization().removeprefix("Bearer ")
        if authorization().startswith("Bearer ") and bearer not in self.valid:
            raise CredentialRefusedError("refused", status=401)
        self.given += 1
        self.valid.add(f"token-{self.given}")
        body = {"access_token": f"token-{self.given}", "expires_in": self.lifetime_seconds, "token_type": "bearer"}
        return Answer(200, {}, json.dumps(body).encode())

    def take(self, customer: TenantUuid | None = None) -> str:
        return self.tokens.take(customer).value.get_secret_value()


@pytest.fixture
def service() -> Service:
    return Service()


def test_a_token_is_kept_until_a_quarter_of_an_hour_before_its_end(service: Service) -> None:
    assert service.take() == "token-1"
    service.now += 7200 - 15 * 60 - 1
    assert service.take() == "token-1"
    service.now += 1
    assert service.take() == "token-2"


def test_a_short_token_is_kept_for_half_of_its_life(service: Service) -> None:
    service.lifetime_seconds = 600
    assert service.take() == "token-1"
    service.now += 299
    assert service.take() == "token-1"
    service.now += 1
    assert service.take() == "token-2"


def test_a_token_for_a_customer_is_exchanged_once_and_ends_with_the_clients(service: Service) -> None:
    assert service.take(CUSTOMERS[0]) == "token-2"
    assert service.take(CUSTOMERS[0]) == "token-2"
    assert service.forms[1] == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "assertion": ["token-1"],
        "scope": [f"urn:acronis.com:tenant-id:{CUSTOMERS[0]}"],
    }
    assert service.take(CUSTOMERS[1]) == "token-3"
    service.now += 7200 - 15 * 60
    assert service.take(CUSTOMERS[0]) == "token-5"
    assert service.take() == "token-4"


def test_a_refused_token_is_dropped_with_all_others_and_once_only(service: Service) -> None:
    own, of_customer = service.tokens.take(), service.tokens.take(CUSTOMERS[0])
    service.tokens.drop(of_customer)
    assert service.take() == "token-3"
    service.tokens.drop(own)  # of a call that began before
    assert service.take() == "token-3"


def test_a_client_token_that_was_ended_early_is_replaced_before_the_exchange(service: Service) -> None:
    service.take()
    service.valid.clear()
    assert service.take(CUSTOMERS[0]) == "token-3"


def test_many_threads_take_one_token(service: Service) -> None:
    together = threading.Barrier(16)

    def take(number: int) -> str:
        together.wait(10)
        return service.take(CUSTOMERS[number % 3])

    with ThreadPoolExecutor(16) as threads:
        taken = list(threads.map(take, range(16)))
    assert len(set(taken)) == 3
    assert service.given == 4


def test_a_failure_is_told_to_all_who_waited_for_it(service: Service) -> None:
    began, may_go_on = threading.Event(), threading.Event()
    asked = []

    def fail() -> Answer:
        asked.append(1)
        began.set()
        assert may_go_on.wait(10)
        service.now += 60
        raise AcronisAwayError("away")

    service.answers = fail
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(service.take)
        assert began.wait(10)
        others = [threads.submit(service.take) for _ in range(7)]
        for _ in range(2 + 7):  # the first looked twice, before its call and before its question
            assert service.looks_at_clock.acquire(timeout=10)
        may_go_on.set()
        assert isinstance(first.exception(10), AcronisAwayError)
        errors = [each.exception(10) for each in others]
    assert all(isinstance(each, AcronisAwayError) for each in errors)
    assert asked == [1]
    service.answers = lambda: None
    service.now += 1
    assert service.take() == "token-1"


@pytest.mark.parametrize("code", ["invalid_client", "unauthorized_client"])
def test_a_refusal_in_the_shape_of_tokens_is_one_of_the_credential(code: str, service: Service) -> None:
    body = json.dumps({"error": code, "error_description": "no such client"}).encode()
    service.answers = lambda: Answer(400, {}, body)
    with pytest.raises(CredentialRefusedError, match="no such client"):
        service.take()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"access_token": ""}',
        b'{"access_token": 7}',
        b'{"access_token": "x", "expires_in": -1}',
        json.dumps({"access_token": "x" * 20000}).encode(),
    ],
)
def test_an_answer_without_a_token_is_said(body: bytes, service: Service) -> None:
    service.answers = lambda: Answer(200, {}, body)
    with pytest.raises(AbsurdAnswerError, match="no token"):
        service.take()


def test_an_error_of_the_token_service_has_neither_secret_nor_token(service: Service) -> None:
    service.take()
    body = json.dumps({"error": "the-secret", "error_description": "not token-1, not the-secret"}).encode()
    service.answers = lambda: Answer(418, {}, body)
    with pytest.raises(AcronisError) as raised:
        service.take(CUSTOMERS[0])
    assert "the-secret" not in raised.value.message + raised.value.code
    assert "token-1" not in raised.value.message


def test_nothing_that_holds_a_secret_shows_it(service: Service, tmp_path: Path) -> None:
    token = service.tokens.take(CUSTOMERS[0])
    shown = f"{ACCESS} {ACCESS!r} {token} {token!r} {service.tokens!r}"
    assert "the-secret" not in shown
    assert "token-" not in shown
