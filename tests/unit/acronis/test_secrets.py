"""Neither the client's secret, nor a token, nor a registration token is in an error, a log, a traceback or a repr."""

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre.acronis.access import Access
from coffre.acronis.client import AcronisClient
from coffre.acronis.data_center import read_data_center
from coffre.acronis.errors import AcronisError
from coffre.acronis.exchange import Exchange
from coffre.acronis.identifiers import ClientId, TenantUuid
from coffre.acronis.session import Session
from coffre.acronis.values.registration import OwnerScope
from tests.unit.acronis.conftest import QUICK
from tests.unit.acronis.scripted import TOKEN, Asked, ScriptedServer, answer, ending, scripted_server

SECRET, REGISTRATION = "the-secret-of-the-client", "ABCD-EFGH-IJKL"
TENANT = TenantUuid("00000000-0000-4000-8000-000000000001")


def echo(asked: Asked) -> bytes:
    """Refuse, and say everything back that came."""
    said = f"{asked.headers.get('authorization', '')} {SECRET} {asked.body.decode()}".replace('"', "'")
    return answer(f'{{"error": {{"code": 7, "message": "{said}"}}}}'.encode(), 400)


def half_token(_: Asked) -> bytes:
    return answer(f'{{"id": 5, "token": "{REGISTRATION}", "expires_at": "never"}}'.encode())


def do_everything(calls: AcronisClient) -> list[Callable[[], object]]:
    return [
        lambda: calls.tenants.read(TENANT),
        lambda: calls.within(TENANT).tenants.read(TENANT),
        lambda: calls.registration.create(TENANT, 60, [OwnerScope(TENANT)]),
        lambda: calls.users.is_login_free("anna@durand.example"),
    ]


@pytest.mark.parametrize(
    "script",
    [
        echo,
        half_token,
        lambda _: answer(b"<html>", 401, "text/html"),
        lambda _: ending(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
        lambda _: b"nonsense\r\n\r\n",
        lambda _: ending(b""),
    ],
    ids=["echoed", "a wrong answer", "refused", "half", "not http", "ended"],
)
def test_no_error_log_or_traceback_has_a_secret(
    script: Callable[[Asked], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with scripted_server(tmp_path) as server:
        server.script = script
        texts = failing_texts(server)
    assert len(texts) >= 3  # a login is free after any answer that refuses nothing
    everything = "\n".join([*texts, caplog.text])
    for secret in (SECRET, TOKEN, REGISTRATION):
        assert secret not in everything
    assert "durand" not in caplog.text


def failing_texts(server: ScriptedServer) -> list[str]:
    access = Access(read_data_center(server.url), ClientId("the-client"), SecretStr(SECRET), server.ca_file)
    exchange = Exchange(server.url, server.ca_file, answer_seconds=5)
    texts = []
    calls = AcronisClient(Session(exchange, access, QUICK))
    for call in do_everything(calls):
        try:
            call()
        except AcronisError as error:
            chain = traceback.TracebackException.from_exception(error, capture_locals=True)
            texts.append("".join(chain.format()) + f"{error!r} {vars(error)} {calls!r} {vars(calls)}")
    exchange.close()
    return texts
