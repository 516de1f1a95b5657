"""The collection sheet: each answer judged at once, a file valid by construction, never written over another."""

import json
from collections.abc import Callable, Iterable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffre.errors import RefusedError, UsageError
from coffre.spec.intake.collection_sheet import render_collection_sheet
from coffre.spec.intake.new import Sheet, mint_id, read_answers
from coffre.spec.intake.placing import place_tenant
from coffre.spec.intake.questions import interview, interview_rest
from coffre.spec.intake.rendering import render_tenant
from coffre.spec.loader import InvalidRepositoryError, load_checkout
from coffre.spec.machine import AgentKind
from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.platform import PlatformFile
from coffre.spec.rules.homes import check_homes
from coffre.spec.tenant import Tenant
from tests.vendor_tenants import PARTS, PLATFORMS

REPOSITORY = Path(__file__).parents[4]
MakeRoot = Callable[..., Path]
ID = "k7f3q9wz2n"

GOOD = {
    "Legal name of the customer": "Garage Blanc: père & fils",
    "SIREN, 9 digits": "987000114",
    "Number of the order form": "010",
    "Signed on": "2026-11-02",
    "Planned first day of service": "2026-12-01",
    "Named contact (article 6)": "Léa Blanc",
    "Their e-mail address": "lea@blanc.example",
    "Their phone number": "0476000000",
    "Storage sold": "200 Go",
    "Licences sold: workstations": "1",
    "Licences sold: servers": "1",
    "Options (article 16), with ; between them": "restore_tests; restore",
}


def fill(sheet: Sheet, answers: dict[str, Any]) -> list[str]:
    """Answer by the question's text, a list one after the other, the default otherwise; returns the refusals."""
    refusals = []
    waiting = {text: iter([given] if isinstance(given, str) else given) for text, given in answers.items()}
    for question in interview(sheet):
        given: Iterable[str] = waiting.get(question.text.strip(), iter(()))
        while refusal := sheet.answer(question, next(iter(given), "")):
            refusals.append("; ".join(refusal))
    return refusals


def test_the_answers_make_a_file_that_says_them() -> None:
    sheet = Sheet("garage-blanc", ID, ["lab"])
    machines = {
        "Name of a machine": ["poste-1", "srv-1"],
        "Its system": ["windows", "linux"],
        "Reached by": ["winrm", "ssh"],
        "Its host name or address": ["poste-1.blanc.example", "srv-1.blanc.example"],
        "Its licence": ["workstation", "server"],
        "Name of its password in the tenant's secrets": "admin-poste-1",
        "Log in as": ["Administrateur", "operateur"],
        "Patterns left out": "*.iso; #tmp",
        "Upload rate of the customer's line": "20 Mbit/s",
        "Volume to back up": ["200 Go", ""],
    }
    assert fill(sheet, GOOD | machines) == []
    document = read_document(sheet.text().encode(), "")
    assert isinstance(document, Document)
    assert document.data == sheet.data
    assert document.data["name"] == "Garage Blanc: père & fils"
    assert document.data["contract"]["reference"] == "010"
    assert document.data["machines"]["srv-1"]["connection"]["become"] is True
    assert (document.data["line"], document.data["machines"]["poste-1"]["volume"]) == (
        {"upload": "20 Mbit/s"},
        "200 Go",
    )
    assert document.data["plans"]["office"]["paths"] == {"windows": ["C:\\Users"], "linux": ["/home", "/etc"]}
    assert sheet.text().count("#") > 10


@pytest.mark.parametrize(
    ("question", "answers", "said"),
    [
        ("Storage sold", ["2 TB", "200 Go"], '"2 TB" is ambiguous; write 2 TiB'),
        ("Upload rate of the customer's line", ["20 MB/s", "20 Mbit/s"], "write 20 kbit/s, 20 Mbit/s or 20 Gbit/s"),
        ("SIREN, 9 digits", ["987 000 114", "987000114"], 'has separators; write "987000114"'),
        ("Planned first day of service", ["2026-10-01", "2026-12-01"], "is before signed_on (2026-11-02)"),
        ("Time zone of the schedules", ["Europe/Pari", ""], "did you mean Europe/Paris?"),
        ("Name of the backup plan", ["Büro", "buero"], "is not allowed as a name; use 3 to 40"),
        ("Options (article 16), with ; between them", ["restor", "restore"], "did you mean restore?"),
        ("Schedule, with ; between its times", ["daily 25:00", ""], "has an impossible time"),
        ("Paths to back up on linux, with ; between them", ["home", ""], "is not an absolute path"),
        ("Licences sold: servers", ["-1", "one", "1"], '"-1" is not a whole number'),
        ("Named contact (article 6)", ["", "Léa"], "an answer is needed here"),
    ],
)
def test_an_answer_is_refused_at_once_in_the_words_of_the_rules(question: str, answers: list[str], said: str) -> None:
    sheet = Sheet("garage-blanc", ID, ["lab"])
    refusals = fill(sheet, GOOD | {question: answers})
    assert len(refusals) == len(answers) - 1
    assert said in refusals[0]
    sheet.text()


def test_no_machine_is_asked_for_beyond_the_licences() -> None:
    sheet = Sheet("garage-blanc", ID, ["lab"])
    machines = {
        "Name of a machine": ["poste-1", "poste-2", "poste-3"],
        "Its host name or address": ["h1.example", "h1.example", "h2.example"],
        "Its licence": ["workstation", "workstation", "server"],
    }
    refusals = fill(sheet, GOOD | machines)
    assert [refusal.partition(";")[0] for refusal in refusals] == [
        "1 licence for 2 machines (poste-1, poste-2)",
        '"h1.example" is the host of poste-1 too',
    ]
    assert list(sheet.data["machines"]) == ["poste-1", "poste-2"]


@pytest.mark.parametrize(
    "path", sorted((REPOSITORY / "tests/cases/tenants/valid").glob("*.yaml")), ids=lambda p: p.stem
)
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_any_valid_file_can_be_the_answers(path: Path, form: str) -> None:
    document = read_document(path.read_bytes(), "")
    assert isinstance(document, Document)
    data = {key: value for key, value in document.data.items() if key != "id"}
    content = json.dumps(data) if form == "json" else render_tenant(path.stem, data)
    text = read_answers(content.encode(), "answers", path.stem, ID, ["lab", "site-b"])
    again = read_document(text.encode(), "")
    assert isinstance(again, Document)
    assert again.data == {"version": 1, **data, "id": ID}


def test_wrong_answers_are_named_with_their_place_in_their_own_file() -> None:
    text = "id: abc\nname: Garage\nstorage: {platform: lab, quota: 2 TB}\n"
    with pytest.raises(InvalidRepositoryError) as refused:
        read_answers(text.encode(), "answers.yaml", "garage", ID, ["lab"])
    said = [str(problem) for problem in refused.value.problems]
    assert any(line.startswith("answers.yaml:1:1: id: is generated by") for line in said)
    assert any(line.startswith('answers.yaml:3:33: storage.quota: "2 TB" is ambiguous') for line in said)


def test_an_id_is_minted_past_those_that_are_taken() -> None:
    asked: list[str] = []

    def is_taken(candidate: str) -> bool:
        asked.append(candidate)
        return len(asked) < 3

    assert mint_id(is_taken) == asked[2]
    assert len(set(asked)) == 3


def test_a_file_is_placed_once_and_never_over_another(make_root: MakeRoot, tenant_text: str) -> None:
    root = make_root()
    path = place_tenant(root, "boulangerie-martin", tenant_text)
    assert path.read_text(encoding="utf-8") == tenant_text
    with pytest.raises(RefusedError, match="already exists"):
        place_tenant(root, "boulangerie-martin", "version: 1\n")
    with pytest.raises(UsageError, match="is not allowed as a name"):
        place_tenant(root, "Boulangerie", tenant_text)
    assert path.read_text(encoding="utf-8") == tenant_text


def test_a_file_that_breaks_a_rule_among_the_others_is_not_placed(make_root: MakeRoot, tenant_text: str) -> None:
    root = make_root(**{"boulangerie-martin": tenant_text})
    with pytest.raises(InvalidRepositoryError, match=r'"k7f3q9wz2m" is the id of'):
        place_tenant(root, "boulangerie-bis", tenant_text)
    assert [path.name for path in (root / "tenants").iterdir()] == ["boulangerie-martin.yaml"]


VENDORS = {"editor": AgentKind.ACRONIS}
TERMS = {
    "Number of the distributor's order of the licences": "CMD-88231",
    "The customer accepted the editor's terms on": ["03/11/2026", "2026-11-03"],
}


def test_a_vendors_platform_asks_for_order_and_terms_and_not_for_days_to_undelete() -> None:
    sheet = Sheet("garage-blanc", ID, ["lab", "editor"], VENDORS)
    machines = {"Name of a machine": "poste-1", "Its host name or address": "poste-1.blanc.example"}
    refusals = fill(sheet, {**GOOD, **TERMS, **machines, "Storage platform": "editor", "Its licence": "workstation"})
    assert refusals == ['"03/11/2026" is not a date; write year-month-day, like 2026-11-03']
    data = yaml.safe_load(sheet.text())
    assert data["contract"]["vendor"] == {"order": "CMD-88231", "terms_accepted_on": date(2026, 11, 3)}
    assert data["storage"] == {"platform": "editor", "quota": "200 Go"}
    assert {each["agent"] for each in data["machines"].values()} == {"acronis"}
    settings = PlatformFile.model_validate(PLATFORMS)
    assert list(check_homes(Tenant.model_validate({**sheet.data, "slug": "garage-blanc"}), settings.platforms)) == []


def test_a_space_in_parts_is_asked_for_where_there_is_a_vendors_platform() -> None:
    sheet = Sheet("garage-blanc", ID, ["lab", "editor"], VENDORS)
    answers = {
        "Storage platform": "lab",
        "Licences sold: workstations": "2",
        "Licences sold: servers": "0",
        "Vendor's platform for some machines": ["lab", "editor"],
        "Its part of the storage sold": "50 Go",
        "The part of lab": ["100 Go", ""],
        "Licences ordered for it: workstations": ["3", "1"],
        "Name of a machine": ["poste-1", "poste-2"],
        "Its host name or address": ["poste-1.blanc.example", "poste-2.blanc.example"],
        "Its agent": ["acrobat", "acronis"],
    }
    refusals = fill(sheet, {**GOOD, **TERMS, **answers})
    assert refusals[:4] == [
        '"lab" is not possible here; write editor',
        "the parts have 150 Go (139.7 GiB) together, and the quota is 200 Go (186.26 GiB); "
        "write parts that add up to exactly the quota",
        '"3" is more than the 2 that the tenant has of this kind; write fewer here, or add them to the licences that '
        "are sold",
        '"03/11/2026" is not a date; write year-month-day, like 2026-11-03',
    ]
    assert refusals[4:] == ['"acrobat" is not possible here; write restic or acronis']
    data = yaml.safe_load(sheet.text())
    assert data["storage"]["parts"] == {
        "editor": {"quota": "50 Go", "licences": {"workstation": 1}},
        "lab": {"quota": "150 Go"},
    }
    assert [each["agent"] for each in data["machines"].values()] == ["acronis", "restic"]


def test_what_is_known_of_a_space_in_parts_is_not_asked_again() -> None:
    sheet = Sheet("garage-blanc", ID, ["lab", "editor"], VENDORS)
    sheet.data |= {
        "licences": {"workstation": 2},
        "storage": {"platform": "lab", "quota": "200 Go", "parts": deepcopy(PARTS)},
        "machines": {"poste-1": {"agent": "acronis", "os": "linux"}},
        "plans": {"office": {}},
    }
    before = deepcopy(sheet.data["storage"]["parts"])
    asked = {".".join(map(str, question.loc)) for question in interview_rest(sheet)}
    assert "contract.vendor.order" in asked
    assert not {each for each in asked if each.startswith("storage.parts") or each == "machines.poste-1.agent"}
    assert sheet.data["storage"]["parts"] == before


def test_the_customers_sheet_asks_for_order_and_terms_where_a_vendors_agent_can_be_chosen() -> None:
    provider = PlatformFile.model_validate(PLATFORMS).provider
    text = render_collection_sheet(provider, ["Acronis Cyber Protect"])
    assert "3.7  Agent Acronis Cyber Protect, si vous le choisissez" in text
    assert "commande des licences passée au" in text
    assert "Agent" not in render_collection_sheet(provider)


def test_the_customers_sheet_is_in_french_and_names_the_provider(make_root: MakeRoot, tenant_text: str) -> None:
    settings = load_checkout(make_root(martin=tenant_text)).settings
    text = render_collection_sheet(settings.provider)
    for word in ("SMILÉO SAS", "exploitation@smileo.example", "Raison sociale", "SIREN", "serveurs", "mot de passe"):
        assert word in text
    assert "coffre-fort" not in text.lower()
    assert "{" not in text
