"""Mail goes out once, whatever it is about: what the log says decides what is sent, refused or left."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.correspondence import smtp
from coffre.correspondence.outbox import Logged, Mailing, MailState, Posted, send_once
from coffre.errors import ExpectedError, RefusedError
from coffre.spec.platform import Mail

NOON = datetime(2027, 1, 5, 12, 0, tzinfo=UTC)
TO = "claire@martin.example"
SETTINGS = Mail(host="mail.example", port=25, sender="exploitation@smileo.example")


@dataclass
class MemoryLog:
    """A log that is none of a departure's."""

    written: list[tuple[MailState, str | None, str | None]] = field(default_factory=list)

    def find_last(self) -> Logged | None:
        return Logged(self.written[-1][0], NOON) if self.written else None

    def write(self, state: MailState, *, to: str | None = None, message_id: str | None = None) -> None:
        self.written.append((state, to, message_id))

    @property
    def states(self) -> list[MailState]:
        return [state for state, _, _ in self.written]


@dataclass
class Server:
    """What stands in for the server: it takes what comes, or fails as it is told to."""

    failure: BaseException | None = None
    taken: list[smtp.Message] = field(default_factory=list)

    def send(self, _settings: Mail, _root: Path, message: smtp.Message) -> str:
        if self.failure is not None:
            raise self.failure
        self.taken.append(message)
        return "<1@smileo.example>"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(smtp, "send", made.send)
    return made


def invoice() -> Mailing:
    return Mailing("the invoice 12", TO, lambda: smtp.Message(TO, "SMILÉO", "Facture", "Madame, Monsieur,"))


def send(log: MemoryLog, settings: Mail | None = SETTINGS, *, resend: bool = False) -> Posted:
    return send_once(invoice(), log, settings, Path("/nowhere"), resend=resend)


def test_what_was_sent_is_not_sent_again_unless_somebody_says_so(server: Server) -> None:
    log = MemoryLog()
    assert [send(log), send(log)] == [Posted(MailState.SENT, True, TO), Posted(MailState.SENT, False, TO)]
    assert log.written == [(MailState.SENDING, TO, None), (MailState.SENT, TO, "<1@smileo.example>")]
    assert send(log, resend=True).is_new
    assert len(server.taken) == 2


def test_it_is_written_down_that_mail_is_sent_before_it_is(server: Server) -> None:
    log, server.failure = MemoryLog(), KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        send(log)
    assert log.states == [MailState.SENDING]


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), smtp.UncertainError("no answer")])
def test_what_may_have_gone_out_is_refused_until_somebody_says_resend(server: Server, failure: BaseException) -> None:
    log, server.failure = MemoryLog(), failure
    with pytest.raises(type(failure)):
        send(log)
    server.failure = None
    with pytest.raises(
        RefusedError, match=r"it is unknown whether the invoice 12 was sent: .* of 2027-01-05 12:00 UTC"
    ):
        send(log)
    assert not server.taken
    assert send(log, resend=True).is_new
    assert log.states == [MailState.SENDING, MailState.SENDING, MailState.SENT]


@pytest.mark.parametrize("failure", [smtp.NotSentError("refused"), ExpectedError("no password")])
def test_what_certainly_did_not_go_out_is_sent_by_the_next_run(server: Server, failure: ExpectedError) -> None:
    log, server.failure = MemoryLog(), failure
    with pytest.raises(type(failure)):
        send(log)
    assert log.states == [MailState.SENDING, MailState.FAILED]
    server.failure = None
    assert send(log).is_new


def test_without_a_server_mail_is_written_once_and_goes_out_when_there_is_one(server: Server) -> None:
    log = MemoryLog()
    assert [send(log, None), send(log, None)] == [Posted(MailState.WRITTEN, True), Posted(MailState.WRITTEN, False)]
    assert log.states == [MailState.WRITTEN]
    assert send(log).state is MailState.SENT
    assert len(server.taken) == 1
