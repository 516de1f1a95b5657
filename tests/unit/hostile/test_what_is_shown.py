"""Wherever a hostile text of a tenant file is shown, it stays a text."""

import email
import email.policy
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import icalendar
import pytest
import yaml
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from coffre.agents.desired import Issue, build_payload
from coffre.agents.driver import OrderedProgram
from coffre.cli.main import app
from coffre.correspondence import pages, smtp
from coffre.offboarding.handover.bag import bag, tags
from coffre.offboarding.handover.job import AT_THE_END, Job, Written
from coffre.offboarding.notices import ics, letters
from coffre.offboarding.notices.letters import LetterKind, message_path, title_of, write_letter
from coffre.provisioning.inventory import build_ansible_inventory
from coffre.spec.loader import load_checkout
from coffre.spec.platform import Mail
from coffre.spec.tenant import Tenant
from tests.unit.hostile.texts import PLAIN, Plainly, fields_everywhere, fields_with, hostile_tenant, load, put
from tests.unit.offboarding.certificate.test_issue import issue_whole
from tests.unit.offboarding.departures import calendar_of, open_tenant
from tests.unit.offboarding.notices.test_letters import facts_of
from tests.unit.review.conftest import ANNA, TenantRepository, repository

__all__ = ["repository"]

TODAY = date(2027, 1, 5)
MAIL = Mail(host="mail.smileo.example", sender="sauvegarde@smileo.example")
RESTIC = OrderedProgram("0.18.1", "a" * 64, Path("restic"))


class Frame(HTMLParser):
    """What a page has besides its texts: its elements with their attributes, comments and declarations."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[object] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.parts.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(tag)

    def handle_comment(self, data: str) -> None:
        self.parts.append(("comment", data))

    def handle_decl(self, declaration: str) -> None:
        self.parts.append(("declaration", declaration))

    def unknown_decl(self, data: str) -> None:
        self.parts.append(("unknown", data))

    def handle_pi(self, data: str) -> None:
        self.parts.append(("instruction", data))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def seen_pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of pages as HTML, which grows as they are laid out."""
    seen: list[str] = []
    real = pages.render_html

    def render(template: str, facts: Mapping[str, object]) -> str:
        seen.append(real(template, facts))
        return seen[-1]

    monkeypatch.setattr(pages, "render_html", render)
    return seen


@pytest.fixture
def without_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long and shows nothing: the layout of the HTML."""

    def lay_out(template: str, _sheets: object, facts: Mapping[str, object], *_: object) -> bytes:
        return pages.render_html(template, facts).encode()

    monkeypatch.setattr(letters, "render_pdf", lay_out)


def letters_of(root: Path, tenant: Tenant) -> Iterator[Path]:
    root.mkdir()
    with open_tenant(root, tenant) as opened:
        for kind in LetterKind:
            yield write_letter(opened.tenant, opened.checkout, opened.embedded, kind, TODAY, facts_of(opened))


@pytest.mark.usefixtures("without_layout")
@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_a_letter_has_the_text_and_no_element_of_it(value: str, seen_pages: list[str], tmp_path: Path) -> None:
    plain = list(letters_of(tmp_path / "plain", hostile_tenant("Martin")))
    hostile = list(letters_of(tmp_path / "hostile", hostile_tenant(value)))
    frames = [Frame(page) for page in seen_pages]
    count = len(LetterKind)
    assert len(plain) == len(hostile) == count
    for before, after in zip(frames[:count], frames[count:], strict=True):
        assert after.parts == before.parts
        assert value in after.text
    mails = [[message_path(letter).read_text(encoding="utf-8") for letter in each] for each in (plain, hostile)]
    assert [mail.replace(value, "Martin") for mail in mails[1]] == mails[0]
    assert value in "".join(mails[1])


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_a_mail_has_no_header_and_a_calendar_no_entry_more(value: str, tmp_path: Path) -> None:
    counts = []
    for number, name in enumerate(("Martin", value)):
        tenant = hostile_tenant(name)
        (tmp_path / str(number)).mkdir()
        with open_tenant(tmp_path / str(number), tenant) as opened:
            content = ics.render(tenant, calendar_of(opened))
        events = icalendar.Calendar.from_ical(content).walk("VEVENT")
        assert all(str(event["summary"]).endswith(f" – {name}") for event in events)
        subject = f"{title_of(LetterKind.NOTICE_RECEIVED)} – contrat {tenant.contract.reference}"
        message = smtp.Message(tenant.contact.email, "SMILÉO SAS", subject, name, {"calendrier.ics": content})
        sent = email.message_from_bytes(
            smtp._write(MAIL, message).as_bytes(policy=email.policy.SMTP), policy=email.policy.default
        )
        assert sent["Subject"] == subject
        assert sent.get_body().get_content().rstrip() == name  # type: ignore[attr-defined]
        counts.append((len(events), {len(each) for each in events}, sent.keys(), len(list(sent.walk()))))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_a_bag_has_no_tag_more_and_says_the_name(value: str, tmp_path: Path) -> None:
    names = []
    for number, name in enumerate(("Martin", value)):
        root = tmp_path / str(number)
        (root / "bag").mkdir(parents=True)
        with open_tenant(root, hostile_tenant(name)) as opened:
            leaving = opened.tenant.leaving
            assert leaving is not None
            assert leaving.return_ is not None
            job = Job(opened, "compta-01", leaving.return_, root / "bag", AT_THE_END, print)
            payload = bag.write_manifest(job.bag, ())
            tags.describe(job, Written(payload, ("86288919",), 0, "2027-04-01T10:00:00+00:00", 1.0, 1.0))
        read = (root / "bag" / "bag-info.txt").read_text(encoding="utf-8")
        assert f"Internal-Sender-Identifier: {name}\n" in read
        assert f"Client :   {name} (contrat {name})\n" in (root / "bag" / tags.README).read_text(encoding="utf-8")
        names.append([line.partition(": ")[0] for line in read.splitlines()])
    assert names[0] == names[1]


def test_a_certificate_has_the_texts_and_no_element_of_them(seen_pages: list[str], tmp_path: Path) -> None:
    """All at once: it takes long to sign one, and each text is in a place of its own."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "hostile").mkdir()
    everything = " ".join(PLAIN.values())[:200].strip()
    texts = []
    for folder, name in (("plain", "Martin"), ("hostile", everything)):
        with open_tenant(tmp_path / folder, hostile_tenant(name), is_embedded=True) as opened:
            made = issue_whole(opened)
            texts.append(made.pdf.read_bytes())
    before, after = (Frame(page) for page in seen_pages)
    assert after.parts == before.parts
    assert everything in after.text
    assert b"/URI" not in texts[1]


def test_the_texts_of_a_file_are_no_part_of_an_inventory(tmp_path: Path) -> None:
    for value in PLAIN.values():
        tenant = load(tmp_path, fields_everywhere(value))
        inventory = json.dumps(build_ansible_inventory(load_checkout(tmp_path), [tenant.slug]))
        assert value not in json.loads(inventory)
        assert "{{" not in inventory
        assert "evil" not in inventory


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_orders_say_a_path_as_it_is_written(value: str) -> None:
    """What the agent makes of them is in agent/internal/units: no unit file has a path of the orders."""
    fields = fields_with("plans.office.paths.0", f"/srv/{value}")
    put(fields, "plans.office.exclude.0", value)
    tenant = Tenant.model_validate({**fields, "slug": "martin"})
    payload = build_payload(tenant, "compta-01", {"restic": RESTIC}, Issue(1, datetime(2026, 12, 1, tzinfo=UTC)))
    read = json.loads(json.dumps(payload))
    assert (read["plan"]["paths"], read["plan"]["exclude"]) == ([f"/srv/{value}"], [value])


@pytest.mark.parametrize("value", PLAIN.values(), ids=PLAIN)
def test_a_comment_has_each_text_as_code(
    value: str, repository: TenantRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a real commit; the words of every kind of line are in cli/test_review_words.py."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    fields = yaml.safe_load(repository.text("acme"))
    before = fields["name"]
    for place in ("name", "contact.name", "contract.reference", "contract.distributor"):
        put(fields, place, value)
    repository.put("acme", yaml.dump(fields, Dumper=Plainly))
    repository.commit(ANNA)
    command = ["--root", str(repository.root), "review", "--offline", "HEAD~1..HEAD"]
    comment = CliRunner().invoke(app, [*command, "--markdown"])
    assert comment.exit_code == 0, comment.output
    page = Frame(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(comment.stdout))
    elements = {part[0] for part in page.parts if isinstance(part, tuple)}
    assert elements <= {"h2", "h3", "ul", "li", "p", "blockquote", "strong", "code", "details", "summary"}
    assert value.replace("|", "¦") in page.text
    assert value != before
    shown = CliRunner().invoke(app, command).stdout
    assert all(line.isprintable() for line in shown.splitlines())
