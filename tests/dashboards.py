"""What the files under monitoring/ ask of Prometheus."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MONITORING = Path(__file__).resolve().parents[1] / "monitoring"
RULES = MONITORING / "coffre.rules.yml"
RULE_TESTS = MONITORING / "coffre.rules.test.yml"


@dataclass(frozen=True)
class Panel:
    """A panel of a dashboard, and the expressions that it shows."""

    board: str
    title: str
    expressions: tuple[str, ...]


def list_boards() -> list[Path]:
    return sorted((MONITORING / "grafana").glob("*.json"))


def read_board(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def list_panels() -> list[Panel]:
    return [
        Panel(path.stem, panel["title"], tuple(target["expr"] for target in panel["targets"]))
        for path in list_boards()
        for panel in read_board(path)["panels"]
    ]


def list_rules() -> list[dict[str, Any]]:
    found = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in found["groups"] for rule in group["rules"]]
