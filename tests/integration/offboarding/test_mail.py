"""Letters by e-mail, to a real SMTP server: each goes out once, and nothing is claimed that is not known."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from coffre.anchors.anchoring import anchor_quietly, mail_place
from coffre.correspondence import smtp
from coffre.correspondence.smtp import NotSentError, UncertainError
from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.notices.letters import LetterFacts, write_letter
from coffre.offboarding.notices.mail import send_letter
from coffre.records.chain.heads import is_genuine, read_heads
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.records.facts.departure import LetterKind
from coffre.records.facts.mail import MailState
from coffre.secrets.holders.setup import init
from coffre.secrets.store import SecretStore
from coffre.spec.loader import Checkout
from coffre.tenant.opening import OpenTenant
from tests.mail_server import PASSWORD, Inbox, serving
from tests.unit.offboarding.departures import NOTICE_ON, calendar_of, leaving_tenant, open_tenant

# The server does not know that its connection came over TLS from the start.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

TODAY = date(2027, 1, 5)
OUTSIDE = "temoin@notaire.example"
KIND = LetterKind.NOTICE_RECEIVED


@contextmanager
def posting(folder: Path, inbox: Inbox, security: str = "tls", **changes: Any) -> Iterator[tuple[OpenTenant, Path]]:
    """Open a service with that server, and its notice's letter."""
    with (
        serving(inbox, folder, security) as block,
        open_tenant(folder, leaving_tenant(), mail={**block, **changes}) as opened,
    ):
        yield (
            opened,
            write_letter(
                opened.tenant,
                opened.checkout,
                opened.embedded,
                KIND,
                TODAY,
                LetterFacts(NOTICE_ON, calendar_of(opened)),
            ),
        )


def states(opened: OpenTenant) -> list[str]:
    return [str(event.details["state"]) for event in opened.records.list_events(opened.tenant.id, EventKind.LETTER)]


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_letter_goes_out_once_with_its_files(tmp_path: Path, security: str) -> None:
    inbox = Inbox()
    with posting(tmp_path, inbox, security) as (opened, path):
        first = send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
        again = send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
        assert states(opened) == ["sending", "sent"]
    assert (first.state, first.is_new, again.state, again.is_new) == (MailState.SENT, True, MailState.SENT, False)
    (message,) = inbox.messages
    assert message["To"] == "claire@martin.example"
    assert message["Subject"] == "Accusé de réception de votre demande de résiliation – contrat BC-2026-0412"
    files = {each.get_filename(): each.get_content() for each in message.iter_attachments()}
    assert files[path.name] == path.read_bytes()
    assert path.with_suffix(".ics").name in files
    body = message.get_body(("plain",))
    assert body is not None
    assert "Madame, Monsieur" in body.get_content()


def test_a_letter_that_the_server_refuses_can_be_sent_later(tmp_path: Path) -> None:
    inbox = Inbox(answer="554 5.7.1 not today")
    with posting(tmp_path, inbox) as (opened, path):
        with pytest.raises(NotSentError, match="not today"):
            send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
        inbox.answer = None
        assert send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY).is_new
        assert states(opened) == ["sending", "failed", "sending", "sent"]
    assert len(inbox.messages) == 1


def test_a_server_that_hangs_up_after_the_message_leaves_it_uncertain_until_somebody_says_resend(
    tmp_path: Path,
) -> None:
    inbox = Inbox(hangs_up=True)
    with posting(tmp_path, inbox) as (opened, path):
        with pytest.raises(UncertainError):
            send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
        with pytest.raises(RefusedError, match="it is unknown whether") as caught:
            send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
        assert "--resend" in caught.value.hint
        inbox.hangs_up = False
        assert send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY, resend=True).is_new
        assert states(opened) == ["sending", "sending", "sent"]


def test_a_run_that_is_killed_while_it_sends_sends_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def die(*_: object) -> str:
        raise KilledError

    inbox = Inbox()
    with posting(tmp_path, inbox) as (opened, path):
        with monkeypatch.context() as patch:
            patch.setattr(smtp, "send", die)
            with pytest.raises(KilledError):
                send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
        with pytest.raises(RefusedError, match="it is unknown whether"):
            send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
    assert inbox.messages == []


def break_password(block: dict[str, Any], folder: Path) -> None:
    (folder / "smtp-password").write_text("wrong")


def forget_authority(block: dict[str, Any], folder: Path) -> None:
    block["ca_file"] = None


def call_nobody(block: dict[str, Any], folder: Path) -> None:
    block["port"] = 9


def lose_password(block: dict[str, Any], folder: Path) -> None:
    (folder / "smtp-password").unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (break_password, "refused the account"),
        (forget_authority, "is not trusted"),
        (call_nobody, "refused"),
        (lose_password, "smtp-password"),
    ],
)
def test_what_stops_a_letter_before_it_leaves_is_named_and_no_doubt_stays(
    tmp_path: Path, spoil: Callable[[dict[str, Any], Path], None], words: str
) -> None:
    inbox = Inbox()
    with serving(inbox, tmp_path, "tls") as block:
        spoil(block, tmp_path)
        with open_tenant(tmp_path, leaving_tenant(), mail=block) as opened:
            path = write_letter(
                opened.tenant,
                opened.checkout,
                opened.embedded,
                KIND,
                TODAY,
                LetterFacts(NOTICE_ON, calendar_of(opened)),
            )
            with pytest.raises(ExpectedError, match=words) as caught:
                send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY)
            assert states(opened) == ["sending", "failed"]
    assert PASSWORD not in f"{caught.value.message} {caught.value.hint}"
    assert inbox.messages == []


def test_without_a_mail_server_a_letter_is_a_file_and_is_recorded_once(tmp_path: Path) -> None:
    with open_tenant(tmp_path, leaving_tenant()) as opened:
        path = write_letter(
            opened.tenant,
            opened.checkout,
            opened.embedded,
            KIND,
            TODAY,
            LetterFacts(NOTICE_ON, calendar_of(opened)),
        )
        assert send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY).is_new
        assert not send_letter(opened.tenant, opened.checkout, opened.log, KIND, path, TODAY).is_new
        assert states(opened) == ["written"]
        assert path.stat().st_mode & 0o077 == 0


@contextmanager
def anchoring(folder: Path, inbox: Inbox) -> Iterator[tuple[Checkout, Records, SecretStore, list[str]]]:
    """Open real records that are anchored by that server, and hear what is told of it."""
    root = folder / "checkout"
    root.mkdir()
    places = (root / "bundles", root / "escrow", root)
    environment = {"XDG_CONFIG_HOME": str(folder / "home")}
    init(*places, environment=environment)
    secrets = SecretStore.open(*places, environment=environment)
    with (
        serving(inbox, root, "tls") as block,
        open_tenant(root, leaving_tenant(), mail=block, anchor={"mail": OUTSIDE}) as opened,
        Records.open("sqlite:.coffre/records.db", root) as records,
    ):
        yield opened.checkout, records, secrets, []


def test_the_head_of_the_records_goes_out_once_a_day_and_proves_them(tmp_path: Path) -> None:
    inbox = Inbox()
    with anchoring(tmp_path, inbox) as (repository, records, secrets, told):
        for _ in range(2):
            anchor_quietly(repository, records, secrets, told.append)
        (message,) = inbox.messages
        assert (message["To"], told) == (OUTSIDE, [])
        (attached,) = [each.get_content() for each in message.iter_attachments()]
        body = message.get_body(("plain",))
        assert body is not None
        for text in (attached.decode() if isinstance(attached, bytes) else attached, body.get_content()):
            (head,) = read_heads(text)
            assert head == records.find_head(mail_place(OUTSIDE))
            assert is_genuine(head)


@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        ({"answer": "554 5.7.1 not today"}, "did not accept the message: 5.7.1 not today"),
        ({"hangs_seconds": 6.0}, "did not answer after the message"),
        ({"hangs_up": True}, "did not answer after the message"),
    ],
    ids=["refuses", "hangs", "hangs up"],
)
def test_a_head_that_is_not_known_to_have_gone_out_is_told_stops_nothing_and_goes_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoilt: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr(smtp, "ANSWER_SECONDS", 2.0)
    inbox = Inbox(**spoilt)
    with anchoring(tmp_path, inbox) as (repository, records, secrets, told):
        anchor_quietly(repository, records, secrets, told.append)
        (said,) = told
        assert words in said
        assert said.startswith("the records were not anchored: ")
        assert records.find_head(mail_place(OUTSIDE)) is None
        assert len(records.list_heads()) == 1, "the mail that failed kept the head from its other place"
        inbox.answer, inbox.hangs_seconds, inbox.hangs_up = None, 0.0, False
        anchor_quietly(repository, records, secrets, told.append)
        assert told == [said]
        head = records.find_head(mail_place(OUTSIDE))
        assert head is not None
        body = inbox.messages[-1].get_body(("plain",))
        assert body is not None
        assert read_heads(body.get_content()) == [head]
