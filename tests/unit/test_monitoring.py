"""The alert rules and dashboards: Prometheus's own tool accepts them, and they ask only for what the exporter shows."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from coffre.supervision.metrics.exposition import write_families
from tests.dashboards import MONITORING, RULE_TESTS, RULES, list_boards, list_panels, list_rules, read_board

SHOWN = {each.name for each in write_families([])}


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=MONITORING)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_accepts_the_rules_and_they_act_as_they_must() -> None:
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)
    run("promtool", "test", "rules", RULE_TESTS)


def test_every_alert_is_tested_both_ways() -> None:
    tests = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
    expected = [each for test in tests for each in test["alert_rule_test"]]
    names = {rule["alert"] for rule in list_rules()}
    assert {each["alertname"] for each in expected if each["exp_alerts"]} == names
    assert {each["alertname"] for each in expected if not each["exp_alerts"]} == names


def test_the_examples_are_valid() -> None:
    run("promtool", "check", "config", "prometheus.example.yml")
    run("amtool", "check-config", "alertmanager.example.yml")


def test_every_alert_says_what_to_do_and_how_urgent_it_is() -> None:
    for rule in list_rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "action"}


@pytest.mark.parametrize("path", [RULES, *list_boards()], ids=lambda path: path.stem)
def test_only_metrics_that_the_exporter_shows_are_asked_for(path: Path) -> None:
    named = set(re.findall(r"\bcoffre_[a-z_]+", path.read_text(encoding="utf-8")))
    assert named
    assert named <= SHOWN


def test_every_metric_is_in_the_page() -> None:
    page = (MONITORING.parent / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(coffre_[a-z_]+)[`{]", page)) == SHOWN


def test_each_expression_of_a_panel_is_one_for_prometheus(tmp_path: Path) -> None:
    records = [
        {"record": f"panel:{board}", "expr": expression.replace("$tenant", "martin")}
        for board, expression in enumerate(text for panel in list_panels() for text in panel.expressions)
    ]
    file = tmp_path / "panels.yml"
    groups = [{"name": f"panel{turn}", "rules": [each]} for turn, each in enumerate(records)]
    file.write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    assert f"{len(records)} rules found" in run("promtool", "check", "rules", file)


@pytest.mark.parametrize("path", list_boards(), ids=lambda path: path.stem)
def test_panels_of_a_board_have_numbers_and_places_of_their_own(path: Path) -> None:
    board = read_board(path)
    places = [each["gridPos"] for each in board["panels"]]
    assert len({each["id"] for each in board["panels"]}) == len(places)
    taken = [
        (column, row)
        for each in places
        for column in range(each["x"], each["x"] + each["w"])
        for row in range(each["y"], each["y"] + each["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(column for column, _ in taken) < 24
