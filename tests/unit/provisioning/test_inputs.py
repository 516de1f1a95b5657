"""Which tenants are as they were applied, by files and records alone."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffre.provisioning import inputs
from coffre.provisioning.inputs import CHANGES_NOTHING, DECISIVE, Digests, InputState, Standing, compare_inputs, judge
from coffre.provisioning.terms.context import Intent
from coffre.records.events import Event, EventKind
from coffre.records.facts.backups import Drilled
from coffre.records.facts.contract import HoldPlaced
from coffre.records.facts.inputs import InputsApplied
from coffre.records.facts.registry import write_fact
from coffre.spec.loader import load_checkout
from coffre.spec.tenant import HoldKind
from tests.builders import PLATFORM
from tests.doubles.workshop import COMPTA, NOON, SLUG, Workshop, on_host, open_workshop

HASH = "ab" * 32
DIGESTS = Digests("1" * 64, "2" * 64)
APPLIED = {"tenant_sha256": "1" * 64, "program_sha256": "2" * 64, "is_complete": True, "has_agents": True}


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


def state(workshop: Workshop) -> InputState:
    return compare_inputs(load_checkout(workshop.root), [SLUG], workshop.said.append)[SLUG]


def recorded(workshop: Workshop) -> list[bool]:
    return workshop.look(lambda opened: [each.fact.is_complete for each in opened.log.list(InputsApplied)])


def event(kind: EventKind = EventKind.INPUTS_APPLIED, **changes: Any) -> Event:
    return Event("k7", SLUG, kind, NOON, "claire", "0f3a", details={**APPLIED, **changes})


@pytest.mark.parametrize(
    ("newest", "standing"),
    [
        (None, Standing.NEW),
        (event(), Standing.UNCHANGED),
        (event(tenant_sha256="3" * 64), Standing.FILE),
        (event(program_sha256="3" * 64), Standing.PROGRAM),
        (event(is_complete=False), Standing.EVENT),
        (event(has_agents=False), Standing.EVENT),
        (event(EventKind.HOLD_PLACED), Standing.EVENT),
    ],
)
def test_the_newest_decisive_event_says_how_the_inputs_stand(newest: Event | None, standing: Standing) -> None:
    judged = judge(SLUG, {} if newest is None else {"k7": newest}, "k7", DIGESTS)
    assert judged.standing is standing
    assert judged.is_unchanged == (standing is Standing.UNCHANGED)
    assert judged.applied_at == (NOON if standing in (Standing.UNCHANGED, Standing.FILE, Standing.PROGRAM) else None)


def test_every_kind_of_event_is_decisive_unless_it_is_known_to_change_nothing() -> None:
    assert set(EventKind) == DECISIVE | CHANGES_NOTHING
    assert EventKind.DEPARTURE in DECISIVE
    assert EventKind.KEY_ROTATED in DECISIVE


def test_a_tenant_is_unchanged_from_its_complete_apply_until_an_input_changes(workshop: Workshop) -> None:
    assert state(workshop).standing is Standing.NEW
    workshop.apply()
    assert state(workshop).is_unchanged
    path = workshop.root / "tenants" / f"{SLUG}.yaml"
    path.write_text(f"# a comment changes nothing\n{path.read_text('utf-8')}", encoding="utf-8")
    assert state(workshop).is_unchanged
    workshop.write_file(storage={"platform": "lab", "quota": "20 GiB"})
    assert state(workshop).standing is Standing.FILE
    workshop.apply()
    assert state(workshop).is_unchanged
    assert recorded(workshop) == [True, False, True], "the change is recorded before it is begun"


def test_an_apply_that_changes_no_input_records_nothing_more(workshop: Workshop) -> None:
    workshop.apply()
    workshop.apply()
    workshop.apply(Intent(storage_only=True))
    assert recorded(workshop) == [True]


def test_an_apply_that_is_cut_leaves_nothing_unchanged_not_even_the_file_of_before(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.apply()
    workshop.write_file(storage={"platform": "lab", "quota": "20 GiB"})
    with monkeypatch.context() as patch:
        patch.setattr("coffre.provisioning.steps.storage.do", lambda *_: pytest.fail("cut"))
        with pytest.raises(pytest.fail.Exception):
            workshop.apply()
    workshop.write_file()
    assert state(workshop).standing is Standing.EVENT
    workshop.apply()
    assert state(workshop).is_unchanged


def test_storage_alone_does_not_make_a_tenant_unchanged(workshop: Workshop) -> None:
    workshop.apply(Intent(storage_only=True))
    assert state(workshop).standing is Standing.EVENT
    workshop.apply()
    assert state(workshop).is_unchanged


@pytest.mark.parametrize(
    ("fact", "standing"),
    [
        (HoldPlaced("REQ-1", date(2027, 1, 5), HoldKind.PRESERVE), Standing.EVENT),
        (Drilled(8, HASH), Standing.UNCHANGED),
    ],
)
def test_what_happens_to_the_tenant_counts_and_what_only_looks_does_not(
    workshop: Workshop, fact: Any, standing: Standing
) -> None:
    workshop.apply()
    workshop.look(lambda opened: opened.log.append(fact))
    assert state(workshop).standing is standing


def test_another_version_of_coffre_is_another_input(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    workshop.apply()
    monkeypatch.setattr(inputs, "digest_code", lambda: "another")
    assert state(workshop).standing is Standing.PROGRAM


def test_the_platforms_settings_count_and_those_of_the_house_do_not(workshop: Workshop) -> None:
    workshop.apply()
    write = workshop.root / "platform.yaml"
    write.write_text(
        yaml.safe_dump({**PLATFORM, "working_hours": {"days": "daily", "opens": "00:00", "closes": "23:59"}})
    )
    assert state(workshop).is_unchanged
    write.write_text(
        yaml.safe_dump({**PLATFORM, "platforms": {"lab": {**PLATFORM["platforms"]["lab"], "object_limit": 7_000_000}}})
    )
    assert state(workshop).standing is Standing.FILE


def test_every_file_of_code_and_playbooks_is_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[str] = set()

    def sha256_file(path: Path) -> str:
        read.add(path.name)
        return "0"

    monkeypatch.setattr(inputs.toolchain, "sha256_file", sha256_file)
    inputs.digest_code.__wrapped__()
    assert {"inputs.py", "aws.py", "deploy_agents.yml"} <= read


def test_a_fact_is_stored_as_it_will_be_read() -> None:
    assert write_fact(InputsApplied(**APPLIED)) == APPLIED


def _machine() -> dict[str, Any]:
    return on_host(COMPTA)
