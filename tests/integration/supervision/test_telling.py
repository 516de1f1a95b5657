"""What supervision finds is told once: to real receivers of SMILÉO, and to customers through a real mail server."""

import email
import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffre.cli.words.supervision.messages import describe_message, write_note
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.records.messages import Audience, Outcome, Told
from coffre.spec.loader import load_checkout
from coffre.storage.values import PlatformAwayError
from coffre.supervision import saying
from coffre.supervision.availability.declaring import declare_maintenance
from coffre.supervision.telling import mailing
from coffre.supervision.telling.rules import GIVE_UP_AFTER, STORM
from coffre.supervision.telling.sending import KEPT_FOR, Teller, Telling, find_addressees
from tests.builders import PLATFORM
from tests.doubles.watching import Watching, watching
from tests.doubles.workshop import CAISSE, COMPTA, SLUG, Workshop, open_workshop
from tests.mail_server import Inbox, serving
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

MIB = 1024**2
SMALL = {"platform": "lab", "quota": "10 MiB"}
TOKEN = "s3cr3tT0ken"
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""Ten o'clock in Paris: after the digest of the day."""
FOREIGN = {COMPTA: 1, CAISSE: 1}


class Desk:
    """A supervision in memory whose messages really go out."""

    def __init__(self, workshop: Workshop, watch: Watching, inbox: Inbox, receiver: Receiver) -> None:
        self.workshop, self.watch, self.inbox, self.receiver = workshop, watch, inbox, receiver
        self.said: list[str] = []

    @property
    def records(self) -> Records:
        return self.watch.desk.records

    def problem(self, name: str, error: Exception) -> None:
        raise AssertionError(name) from error

    def tell(self) -> Telling:
        """Send what is due, as a process that was just started."""
        checkout = load_checkout(self.workshop.root)
        teller = Teller(checkout, self.records, write_note, self.said.append, self.problem, lambda: self.watch.now)
        telling = teller.tell()
        teller.call_dead_man()
        return telling

    def look(self, after: timedelta = timedelta(minutes=5)) -> Telling:
        checkout = load_checkout(self.workshop.root)
        self.watch._supervisor.addressees = lambda now: find_addressees(checkout, self.records, now)
        self.watch.look(after)
        return self.tell()

    def fill(self, machine: str, size_bytes: int, letter: str = "a") -> None:
        self.workshop.estate.bucket(machine).put(f"restic/data/{letter * 2}/{letter * 64}", b"x" * size_bytes)

    def empty(self, machine: str, letter: str = "a") -> None:
        self.workshop.estate.bucket(machine).hide(f"restic/data/{letter * 2}/{letter * 64}")

    def titles(self, channel: str = "ops") -> list[str]:
        return [each["title"] for each in self.receiver.notes(f"/{channel}/{TOKEN}")]

    def subjects(self) -> list[str]:
        return [str(each["Subject"]) for each in self.inbox.messages]

    def outcomes(self, audience: Audience) -> list[tuple[str, Outcome | None]]:
        found = self.records.messages.list_newest(100)
        return [(each.told.value, each.outcome) for each in found if each.audience is audience]


@pytest.fixture
def make_desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    with ExitStack() as held:

        def make(*, mail: bool = True, channels: dict[str, str] | None = None) -> Desk:
            inbox, receiver = Inbox(), held.enter_context(receiving())
            workshop = open_workshop(tmp_path, monkeypatch)
            block = held.enter_context(serving(inbox, workshop.root, "none"))
            takes = {"ops": "all", "night": "urgent"} if channels is None else channels
            for name in takes:
                (workshop.root / f"{name}.url").write_text(receiver.url("json", f"{name}/{TOKEN}"))
            (workshop.root / "dead-man.url").write_text(receiver.url("http", f"alive/{TOKEN}"))
            notify = {
                "channels": {name: {"url": f"file:{name}.url", "takes": each} for name, each in takes.items()},
                "dead_man": "file:dead-man.url",
            }
            settings: dict[str, Any] = {**PLATFORM, "notify": notify, **({"mail": block} if mail else {})}
            (workshop.root / "platform.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True))
            watch = held.enter_context(
                watching(workshop.root, workshop.estate, MONDAY, monkeypatch, PLATFORM["records"])
            )
            workshop.write_file(storage=SMALL)
            workshop.apply()
            return Desk(workshop, watch, inbox, receiver)

        yield make


def test_the_customer_is_told_once_of_90_and_of_100_percent_and_of_the_end(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.look()
    assert desk.subjects() == []
    desk.fill(COMPTA, 9 * MIB)
    for _ in range(3):
        desk.look()
    near = "Votre espace de sauvegarde est rempli à plus de 90\u00a0% – contrat BC-2026-0412"
    assert desk.subjects() == [near]
    desk.fill(CAISSE, MIB)
    for _ in range(2):
        desk.look()
    reached = "Vos sauvegardes sont arrêtées : l’espace est plein – contrat BC-2026-0412"
    assert desk.subjects() == [near, reached]
    desk.empty(COMPTA)
    for _ in range(2):
        desk.look()
    over = "Votre espace de sauvegarde est de nouveau suffisant – contrat BC-2026-0412"
    assert desk.subjects() == [near, reached, over]
    first, _, last = desk.inbox.messages
    assert (first["To"], first["Auto-Submitted"]) == ("claire@martin.example", "auto-generated")
    assert "9\u00a0Mio sur 10\u00a0Mio" in first.get_content()
    assert "peuvent reprendre" in last.get_content()


def test_that_a_mail_left_is_proved_in_the_chain(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(channels={})
    desk.fill(COMPTA, 9 * MIB)
    desk.look()
    [event] = desk.records.select_events(None, {EventKind.MESSAGE_SENT})
    [mail] = desk.inbox.messages
    [row] = [each for each in desk.records.messages.list_newest(9) if each.outcome is Outcome.SENT]
    assert row.document is not None
    assert event.details == {
        "message": row.id,
        "subject": "quota_near",
        "told": "begin",
        "to": "claire@martin.example",
        "message_id": mail["Message-ID"],
        "answer": "250 taken",
        "sha256": hashlib.sha256(row.document.encode()).hexdigest(),
    }
    assert email.message_from_string(row.document)["Message-ID"] == mail["Message-ID"]
    assert desk.records.verify().faults == ()


def test_a_mail_whose_result_is_unknown_goes_out_again_with_the_same_message_id(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(channels={})
    desk.fill(COMPTA, 9 * MIB)
    with monkeypatch.context() as patched:

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        patched.setattr(mailing.Post, "_prove", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.look()
    assert len(desk.inbox.messages) == 1
    desk.tell()
    assert len(desk.inbox.messages) == 1, "one that is killed again and again does not flood the customer"
    desk.watch.now += timedelta(minutes=2)
    desk.tell()
    desk.tell()
    first, second = desk.inbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    [event] = desk.records.select_events(None, {EventKind.MESSAGE_SENT})
    assert event.details["attempts"] == 2


def test_a_server_that_never_answers_after_the_mail_gets_it_three_times_and_no_more(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(channels={})
    desk.inbox.hangs_up = True
    desk.fill(COMPTA, 9 * MIB)
    for _ in range(5):
        desk.look(timedelta(hours=2))
    assert len(desk.inbox.messages) == 3
    assert len({each["Message-ID"] for each in desk.inbox.messages}) == 1
    assert desk.outcomes(Audience.CUSTOMER) == [("begin", Outcome.GIVEN_UP)]
    [finding] = [each for each in desk.records.supervision.list_findings() if each.place.kind == "customer_not_told"]
    assert finding.evidence == {"reason": "not_sent", "error": "it is unknown whether it arrived"}


def test_a_kill_between_the_finding_and_the_message_loses_nothing(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    desk.fill(COMPTA, 9 * MIB)
    checkout = load_checkout(desk.workshop.root)
    desk.watch._supervisor.addressees = lambda now: find_addressees(checkout, desk.records, now)
    desk.watch.look()
    assert (desk.subjects(), desk.titles()) == ([], []), "killed after the pass, before anything was sent"
    desk.tell()
    assert (len(desk.subjects()), desk.titles()) == (1, ["Coffre: martin: quota near"])


def test_without_a_mail_server_a_finding_says_that_the_customer_was_not_told(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(mail=False)
    desk.fill(COMPTA, 9 * MIB)
    desk.look()
    [finding] = [each for each in desk.records.supervision.list_findings() if each.place.kind == "customer_not_told"]
    assert (finding.slug, finding.evidence) == (SLUG, {"reason": "no_mail_server", "error": None})
    assert desk.titles()[-1] == "Coffre: martin: customer not told (minor)"
    desk.empty(COMPTA)
    desk.look()
    assert "customer_not_told" not in [each.place.kind for each in desk.records.supervision.list_findings()]
    assert desk.outcomes(Audience.CUSTOMER) == [("begin", Outcome.OVER)], (
        "nobody is told of the end of what it never heard"
    )


def test_a_refused_mail_is_tried_again_and_the_next_process_goes_on(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(channels={})
    desk.inbox.answer = "451 4.7.1 greylisted"
    desk.fill(COMPTA, 9 * MIB)
    telling = desk.look()
    assert (telling.sent, telling.waiting, list(telling.refused)) == (0, 1, [SLUG])
    assert "greylisted" in telling.refused[SLUG]
    assert desk.tell().refused == {}, "its pause is not over"
    desk.inbox.answer = None
    desk.watch.now += timedelta(minutes=2)
    assert desk.tell().sent == 1
    [event] = desk.records.select_events(None, {EventKind.MESSAGE_SENT})
    assert event.details["attempts"] == 2


def test_a_receiver_that_is_down_gets_everything_later_as_one_message(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(channels={"ops": "all"})
    desk.receiver.status = 503
    for number, machine in enumerate((COMPTA, CAISSE) * 4):
        desk.workshop.estate.bucket(machine).put(f"foreign-{number}", b"1")
        desk.fill(machine, 5 * MIB)
    telling = desk.look()
    assert "HTTP 503" in telling.refused["channel ops"]
    assert telling.sent == 1, "the customer's mail"
    asked = len(desk.receiver.asked)
    desk.look(timedelta(seconds=10))
    assert [each for each in desk.receiver.asked[asked:] if "ops" in each] == [], "its pause is not over"
    desk.look(timedelta(hours=1))
    [failing] = [each for each in desk.records.supervision.list_findings() if each.place.kind == "channel_failing"]
    assert failing.evidence == {"channel": "ops", "error": "it answered HTTP 503"}
    assert "the dead man's URL is not called" in desk.said[-1], "nobody else would notice"
    desk.receiver.status = 200
    desk.look(timedelta(hours=1))
    assert len(desk.titles()) <= STORM
    assert "channel_failing" not in [each.place.kind for each in desk.records.supervision.list_findings()]
    wanted = {Outcome.SENT, Outcome.GATHERED, Outcome.OVER, None}
    assert {outcome for _, outcome in desk.outcomes(Audience.CHANNEL)} <= wanted


def test_a_late_workstation_waits_for_the_digest_and_the_urgent_channel_hears_nothing(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk()
    desk.fill(COMPTA, 8 * MIB)
    telling = desk.look()
    assert (telling.sent, telling.waiting) == (0, 1)
    assert telling.next_at == datetime(2026, 11, 24, 7, tzinfo=UTC), "eight o'clock in Paris"
    desk.watch.now = telling.next_at
    assert desk.tell().sent == 1
    [note] = desk.receiver.notes(f"/ops/{TOKEN}")
    assert note["title"] == "Coffre: 1 finding new, 0 ended"
    assert "above 80 %" in note["message"]
    assert desk.titles("night") == []


def test_it_is_over_for_those_who_were_told_and_flapping_is_held_off(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(channels={"ops": "all"})
    for turn in range(4):
        desk.fill(COMPTA, 9 * MIB, "abcd"[turn])
        desk.look()
        desk.empty(COMPTA, "abcd"[turn])
        desk.look()
    urgent = [each for each in desk.titles() if "quota near" in each]
    assert urgent == ["Coffre: martin: quota near", "Coffre: martin: ended: quota near"]
    assert len(desk.subjects()) == 2
    desk.fill(COMPTA, 9 * MIB, "e")
    desk.look()
    desk.look(timedelta(hours=1))
    assert len(desk.subjects()) == 3, "it still holds after the hold-off"


def test_a_full_space_is_told_once_also_when_the_weaker_warning_was_held_off(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(channels={"ops": "all"})
    desk.fill(COMPTA, 9 * MIB)
    desk.look()
    desk.empty(COMPTA)
    desk.look()
    told = len(desk.titles())
    desk.fill(COMPTA, 9 * MIB, "b")
    desk.look()
    assert len(desk.subjects()) == 2, "90 % was told lately: it waits"
    desk.fill(CAISSE, MIB)
    desk.look()
    for _ in range(4):
        desk.look(timedelta(minutes=30))
    assert [each.split(" – ")[0] for each in desk.subjects()[2:]] == [
        "Vos sauvegardes sont arrêtées : l’espace est plein"
    ]
    assert [each for each in desk.titles()[told:] if "quota" in each] == ["Coffre: martin: quota reached"]
    assert desk.outcomes(Audience.CUSTOMER)[2:] == [("begin", Outcome.GATHERED), ("begin", Outcome.SENT)]
    waits = [each for each in desk.records.messages.list_waiting() if "quota" in each.about]
    assert [each for each in waits if each.told is Told.BEGIN] == [], "neither 90 % nor 80 % is left for later"


def test_a_new_channel_hears_once_of_what_is_open(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(channels={"ops": "all"})
    desk.workshop.estate.bucket(COMPTA).put("foreign", b"1")
    desk.fill(COMPTA, 9 * MIB)
    desk.look()
    before = desk.titles()

    def name(**channels: str) -> None:
        file = desk.workshop.root / "platform.yaml"
        settings = yaml.safe_load(file.read_text("utf-8"))
        for each in channels:
            (desk.workshop.root / f"{each}.url").write_text(desk.receiver.url("json", f"{each}/{TOKEN}"))
        settings["notify"]["channels"] = {
            each: {"url": f"file:{each}.url", "takes": takes} for each, takes in channels.items()
        }
        file.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")

    name(ops="all", second="all", night="urgent")
    desk.receiver.status = 503
    desk.tell()
    desk.receiver.status = 200
    for _ in range(3):
        desk.look(timedelta(hours=1))
    assert desk.titles("second") == ["Coffre: 0 findings new, 2 still open, 0 ended"]
    [note] = desk.receiver.notes(f"/night/{TOKEN}")
    assert "still" in note["message"]
    assert "above 90 %" in note["message"]
    assert "above 80 %" not in note["message"]
    assert desk.titles() == before, "one that was told hears nothing again"
    name(ops="all", renamed="urgent")
    desk.look()
    assert len(desk.titles("renamed")) == 1, "a renamed channel is a new one"
    desk.watch.now += KEPT_FOR
    for _ in range(2):
        desk.look(timedelta(days=1))
    assert len([each for each in desk.titles() if "foreign" in each or "open" in each]) == 1, "told once, however long"
    desk.workshop.estate.bucket(COMPTA).hide("foreign")
    desk.look(timedelta(days=1))
    desk.look(timedelta(days=1))
    assert any("martin: ended: " in each["message"] for each in desk.receiver.notes(f"/renamed/{TOKEN}"))


def test_what_is_acknowledged_or_silenced_is_not_told_and_told_again_after_its_day(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(channels={"ops": "all"})
    author = Author("claire@smileo.example", None)
    desk.receiver.status = 503
    desk.workshop.estate.bucket(COMPTA).put("foreign", b"1")
    desk.look()
    [finding] = desk.records.supervision.list_findings()
    assert finding.id is not None
    until = desk.watch.now + timedelta(days=1)
    saying.silence(desk.records, finding.id, until, "a test of theirs", author, desk.watch.now)
    desk.receiver.status = 200
    desk.look(timedelta(hours=1))
    assert desk.outcomes(Audience.CHANNEL) == [("begin", Outcome.SILENCED)]
    desk.look(timedelta(days=1))
    assert [each for each in desk.titles() if "foreign" in each] == ["Coffre: martin: still: foreign keys"]
    desk.look()
    assert len([each for each in desk.titles() if "foreign" in each]) == 1
    saying.acknowledge(desk.records, finding.id, "we know", author, desk.watch.now)
    desk.workshop.estate.bucket(COMPTA).hide("foreign")
    desk.look()
    assert desk.titles()[-1] == "Coffre: martin: ended: foreign keys", "those who heard of it hear that it is over"


def test_after_days_it_is_given_up_and_a_finding_says_so_until_one_goes_through(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(channels={})
    desk.inbox.answer = "550 5.1.1 no such user"
    desk.fill(COMPTA, 9 * MIB)
    desk.look()
    desk.look(timedelta(hours=1))
    [finding] = [each for each in desk.records.supervision.list_findings() if each.place.kind == "customer_not_told"]
    assert "no such user" in str(finding.evidence["error"])
    desk.look(GIVE_UP_AFTER)
    assert desk.outcomes(Audience.CUSTOMER) == [("begin", Outcome.GIVEN_UP)]
    desk.look()
    assert "customer_not_told" in [each.place.kind for each in desk.records.supervision.list_findings()]
    desk.empty(COMPTA)
    desk.look()
    desk.look()
    assert "customer_not_told" not in [each.place.kind for each in desk.records.supervision.list_findings()]


def test_the_dead_man_hears_of_each_pass_also_when_a_platform_is_away(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk()
    alive = f"/alive/{TOKEN}"
    desk.look()
    assert [each for each in desk.receiver.asked if each == alive] == [alive]

    def away(slug: str) -> None:
        raise PlatformAwayError("nobody answers")

    desk.watch.desk.before_open = away
    desk.look()
    assert [each for each in desk.receiver.asked if each == alive] == [alive, alive]
    assert desk.titles() == ["Coffre: lab: platform away (critical)"] == desk.titles("night")
    desk.receiver.status = 500
    desk.look()
    assert "answered HTTP 500" in desk.said[-1]


def test_no_token_of_a_channel_is_in_a_log_an_error_or_the_records(
    make_desk: Callable[..., Desk], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    desk = make_desk()
    for status in (503, 404, 200):
        desk.receiver.status = status
        desk.workshop.estate.bucket(COMPTA).put(f"foreign-{status}", b"1")
        desk.fill(COMPTA, 9 * MIB)
        desk.look(timedelta(hours=2))
    (desk.workshop.root / "ops.url").write_text(f"json://127.0.0.1:1/{TOKEN}")
    (desk.workshop.root / "night.url").write_text(f"nonsense://{TOKEN}")
    (desk.workshop.root / "dead-man.url").write_text(f"http://127.0.0.1:1/{TOKEN}")
    desk.empty(COMPTA)
    telling = desk.look(timedelta(hours=2))
    assert set(telling.refused) == {"channel ops", "channel night"}
    said = [*desk.said, *telling.refused.values(), caplog.text, *capfd.readouterr()]
    assert [each for each in said if TOKEN in each] == []
    for file in (desk.workshop.root / ".coffre").rglob("*"):
        if file.is_file():
            assert TOKEN.encode() not in file.read_bytes(), file


def test_a_maintenance_is_told_to_the_customer_once_with_the_proof_that_the_mail_left(
    make_desk: Callable[..., Desk],
) -> None:
    desk = make_desk(channels={})
    file = desk.workshop.root / "platform.yaml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    window = {"begins": "2026-12-10 22:00", "ends": "2026-12-11 02:00", "reason": "remplacement de disques"}

    def declare(*windows: dict[str, str]) -> None:
        settings["platforms"]["lab"]["maintenance"] = list(windows)
        file.write_text(yaml.safe_dump(settings, allow_unicode=True), "utf-8")
        checkout = load_checkout(desk.workshop.root)
        declare_maintenance(desk.records, checkout, Author("claire", None), desk.watch.now, is_urgent=False)

    for _ in range(2):
        declare(window)
        desk.look()
    [mail] = desk.inbox.messages
    assert mail["Subject"] == "Maintenance prévue le 10\u00a0décembre\u00a02026 – contrat BC-2026-0412"
    assert "remplacement de disques" in mail.get_content()
    [event] = desk.records.select_events(None, {EventKind.MESSAGE_SENT})
    assert (event.details["subject"], event.details["told"]) == ("maintenance", "begin")
    assert event.details["message_id"] == mail["Message-ID"]
    declare()
    desk.look()
    assert desk.subjects()[1:] == ["Maintenance annulée, 10\u00a0décembre\u00a02026 – contrat BC-2026-0412"]
    assert "maintenance withdrawn" in describe_message(desk.records.messages.list_newest(1)[0])
    assert desk.records.verify().faults == ()
