"""The prices of platform.yaml: the example is valid, and no key can charge a customer for leaving."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffre.spec.loader import InvalidRepositoryError, load_checkout
from coffre.spec.machine import MachineKind
from coffre.spec.platform import PlatformFile
from coffre.spec.prices import PriceList, Prices, VolumeBasis, VolumePart, VolumeStep
from coffre.spec.problems.exit_charges import find_exit_charge
from coffre.spec.problems.problems import Loc
from coffre.spec.schema import platform_schema
from tests.builders import PLATFORM

REPOSITORY = Path(__file__).parents[3]
IN_PRICES: tuple[Loc, ...] = (
    ("prices",),
    ("prices", "lists", 0),
    ("prices", "lists", 0, "machines"),
    ("prices", "lists", 0, "volume", 0),
    ("prices", "lists", 0, "volume_beyond"),
    ("prices", "lists", 0, "options"),
)
ON_LEAVING = [
    "exit", "exit_fee", "exitFee", "EXIT-FEE", "termination", "early_termination", "switching", "switching_charge",
    "egress", "egress_gib", "departure", "depart", "leaving", "offboarding", "cancellation", "migration",
    "transfer_out", "data_return", "retrieval", "export", "erasure", "reversibilite", "réversibilité", "résiliation",
    "sortie", "restitution", "contract_closure", "closing",
]  # fmt: skip


def test_the_example_of_the_repository_is_a_valid_one(tmp_path: Path) -> None:
    """It stands there as a comment, since prices are optional."""
    text = (REPOSITORY / "platform.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("# prices:"))
    following = next(number for number in range(first + 1, len(lines)) if not lines[number].startswith("#  "))
    lines[first:following] = [line.removeprefix("# ") for line in lines[first:following]]
    (tmp_path / "tenants").mkdir()
    (tmp_path / "platform.yaml").write_text("\n".join(lines), encoding="utf-8")
    prices = load_checkout(tmp_path).settings.prices
    assert prices is not None
    assert prices.volume is VolumeBasis.RESERVED
    entry = prices.lists[0]
    assert entry.machines_eur.keys() == set(MachineKind)
    assert entry.volume_beyond is not None
    assert entry.options_eur
    assert entry.out_of_hours_hour_eur


def test_prices_are_optional_and_reserved_volume_is_the_default() -> None:
    assert PlatformFile.model_validate(PLATFORM).prices is None
    entry = {"since": "2026-01-01", "machines": {}, "volume": [{"up_to": 1, "month": "1"}]}
    assert Prices.model_validate({"lists": [entry]}).volume is VolumeBasis.RESERVED


def test_no_key_of_the_prices_is_about_leaving() -> None:
    """The table of words must not refuse what there is, and what there is must not be a charge on leaving."""
    for model in (Prices, PriceList, VolumeStep, VolumePart):
        for name, field in model.model_fields.items():
            assert find_exit_charge(("prices", field.alias or name)) is None
    schema = platform_schema()["$defs"]["PriceList"]["properties"]
    keys = [*schema["machines"]["required"], *platform_schema()["$defs"]["Option"]["enum"]]
    assert [key for key in keys if find_exit_charge(("prices", "lists", 0, "options", key))] == []


@pytest.mark.parametrize("key", ON_LEAVING)
def test_a_charge_on_leaving_is_refused_wherever_a_price_can_stand(key: str) -> None:
    for loc in IN_PRICES:
        finding = find_exit_charge((*loc, key))
        assert finding is not None, (loc, key)
        assert "12 January 2027" in finding.hint
        assert "article 29" in finding.hint
        assert finding.at_key


@pytest.mark.parametrize(
    "loc",
    [
        ("exit_fee",), ("exitfee",), ("switching_charges",), ("frais_de_sortie",), ("contract", "termination_penalty"),
        ("offboarding", "fee"), ("offboarding", "retrieval_price"), ("leaving", "charge"),
        ("leaving", "return", "cost"),
    ],
)  # fmt: skip
def test_elsewhere_a_word_for_money_has_to_be_with_it(loc: Loc) -> None:
    assert find_exit_charge(loc) is not None


@pytest.mark.parametrize(
    "loc",
    [
        (), ("prices", "currency"), ("prices", "lists", 0, "discount"), ("prices", "lists", 0), ("prices", ""),
        ("prices", "1"), ("exit",), ("storage", "price"), ("leaving", "notice"), ("offboarding", "retrieval"),
        ("plans", "office", "transfer"),
    ],
)  # fmt: skip
def test_another_unknown_key_is_an_unknown_key(loc: Loc) -> None:
    assert find_exit_charge(loc) is None


def test_a_hostile_key_is_cut_before_it_is_read() -> None:
    assert find_exit_charge(("prices", "x" * 10_000_000 + "exit")) is None
    assert find_exit_charge(("prices", "e\u0301" * 1_000_000)) is None


def test_a_tenant_has_no_price_list_of_its_own_and_no_charge_on_leaving(tmp_path: Path) -> None:
    text = (REPOSITORY / "tenants" / "boulangerie-martin.yaml").read_text(encoding="utf-8")
    (tmp_path / "tenants").mkdir()
    (tmp_path / "platform.yaml").write_bytes((REPOSITORY / "platform.yaml").read_bytes())
    (tmp_path / "tenants" / "martin.yaml").write_text(f'{text}\nprice_list: {{}}\nexit_fee: "9"\n', encoding="utf-8")
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(tmp_path)
    said = {problem.path: problem.message for problem in refused.value.problems}
    assert said["price_list"] == "is not supported yet"
    assert said["exit_fee"] == "would be a charge on leaving, which no price can express"


@pytest.mark.parametrize("broken", [7, [], "x", [7], [[]], [{"volume": [7, {}]}], [{"since": [], "machines": [1]}]])
def test_prices_of_any_shape_are_problems_and_no_crash(broken: Any, tmp_path: Path) -> None:
    for prices in ({"lists": broken}, broken):
        (tmp_path / "tenants").mkdir(exist_ok=True)
        (tmp_path / "platform.yaml").write_text(yaml.safe_dump({**PLATFORM, "prices": prices}), encoding="utf-8")
        with pytest.raises(InvalidRepositoryError) as refused:
            load_checkout(tmp_path)
        assert all(re.match("prices", problem.path) for problem in refused.value.problems)
