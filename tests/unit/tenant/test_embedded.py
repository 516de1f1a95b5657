"""The embedded platform is what reviewed platform.yaml and the running cluster both say: files here prove nothing."""

import json
from pathlib import Path

import pytest

from coffre.offboarding.lifecycle.clock import read_today
from coffre.spec.loader import Checkout, load_checkout
from coffre.tenant.embedded import compare_cluster, why_not_embedded
from coffre.tenant.lookup import local_today
from tests.signers import Person, SignedRepository, make_person
from tests.unit.offboarding.departures import Cluster, leaving_tenant, open_tenant

REPOSITORY = Path(__file__).resolve().parents[3]
FSID, ZONE = "a179cd5e-416c-4fc5-8599-8554e73ae9a9", "f93f1137-0c5c-4ed2-bc31-d07b4277de93"


@pytest.mark.parametrize(
    ("recorded", "told", "expected"),
    [
        ({FSID, ZONE}, [ZONE], ""),
        ({FSID, ZONE}, [FSID, ZONE], ""),
        ({FSID, ZONE}, [FSID, "another"], "the cluster that answers is not the one"),
        ({FSID, ZONE}, ["another"], "the cluster that answers is not the one"),
        ({FSID}, [], "does not give its identifier"),
        (set(), [ZONE], "no record"),
    ],
)
def test_the_cluster_s_own_answer_has_to_be_the_record_s(recorded: set[str], told: list[str], expected: str) -> None:
    said = compare_cluster(recorded, told)
    assert expected in said
    assert bool(said) == bool(expected)


def desk(root: Path, *, lab: bool = True, record: object = None) -> Checkout:
    text = (REPOSITORY / "platform.yaml").read_text(encoding="utf-8")
    text = text.replace("    lab: true ", "    lab: true " if lab else "    # lab ")
    (root / "platform.yaml").write_text(text, encoding="utf-8")
    (root / "tenants").mkdir(exist_ok=True)
    folder = root / ".coffre" / "lab"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(
        json.dumps({"fsid": FSID, "zone_id": ZONE} if record is None else record), encoding="utf-8"
    )
    return load_checkout(root)


def why(checkout: Checkout, *told: str) -> str:
    return why_not_embedded(checkout, "lab", Cluster(told))  # type: ignore[arg-type]


def test_a_record_written_by_hand_makes_no_lab_of_a_platform_that_is_not_marked(tmp_path: Path) -> None:
    """Somebody puts a state.json with the real cluster's own answer beside its endpoints file."""
    assert "has no `lab: true` for lab" in why(desk(tmp_path, lab=False), ZONE)
    assert why(desk(tmp_path), ZONE) == ""


@pytest.mark.parametrize("record", [{"fsid": "x"}, [], "text", {"fsid": ""}])
def test_a_record_that_is_none_or_another_s_makes_no_lab(tmp_path: Path, record: object) -> None:
    assert why(desk(tmp_path, record=record), ZONE)


def test_a_mark_that_is_not_committed_does_not_count(tmp_path: Path) -> None:
    repository = SignedRepository(tmp_path)
    (tmp_path / ".gitignore").write_text(".coffre\n")
    desk(tmp_path, lab=False)
    repository.commit("anna@smileo.example")
    assert "not committed" in why(desk(tmp_path), ZONE)
    repository.commit("anna@smileo.example")
    assert why(desk(tmp_path), ZONE) == ""


def test_where_keys_count_the_mark_has_to_be_signed_by_one(tmp_path: Path) -> None:
    repository = SignedRepository(tmp_path / "desk")
    anna: Person = make_person(tmp_path / "keys", "anna@smileo.example")
    (repository.root / ".gitignore").write_text(".coffre\n")
    desk(repository.root, lab=False)
    repository.commit(anna, allowed_signers=anna.entry())
    desk(repository.root)
    repository.commit("anna@smileo.example", "a lab now")
    assert "no trusted key" in why(desk(repository.root), ZONE)
    repository.git("commit", "-q", "--amend", "--no-edit", settings=repository.settings(anna))
    assert why(desk(repository.root), ZONE) == ""


def test_the_day_is_the_real_one_where_the_cluster_is_another(tmp_path: Path) -> None:
    with open_tenant(tmp_path, leaving_tenant(), is_embedded=True) as opened:
        opened.storage.ids = ("another",)  # type: ignore[attr-defined]
        assert not opened.embedded.is_proved
        assert read_today(opened.tenant, opened.embedded, None) == local_today(opened.tenant)
