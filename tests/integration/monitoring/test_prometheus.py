"""Debian's Prometheus and Alertmanager over the real exporter: every panel has data, and alerts come and go."""

import json
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffre.findings import Finding, FindingKind
from coffre.records.activity import Usage
from coffre.records.database.supervision import Noted
from coffre.records.kept_findings import KeptFinding
from coffre.records.probes import one_probe
from coffre.supervision.findings.life import Subject, place_of
from tests.builders import PLATFORM, tenant_with
from tests.dashboards import MONITORING, list_panels, list_rules
from tests.doubles.watching import Watching, watching
from tests.doubles.workshop import CAISSE, COMPTA, SLUG, Workshop, on_host, open_workshop
from tests.exporting import exporting, wait_until
from tests.postgresql import free_port

MIB = 1024**2
PACK = f"restic/data/ab/{'ab' * 32}"
TENANT = tenant_with()


@dataclass
class Hook:
    """What Alertmanager sent, to which receiver."""

    told: list[tuple[str, str, str]] = field(default_factory=list)
    """Path, name of the alert, and its status."""


@contextmanager
def receiving() -> Iterator[tuple[int, Hook]]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hook.told += [(self.path, each["labels"]["alertname"], each["status"]) for each in sent["alerts"]]
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Prometheus:
    """A running Prometheus."""

    port: int

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=expression)["result"]
        return found

    def firing(self) -> set[str]:
        return {each["labels"]["alertname"] for each in self.ask("alerts")["alerts"] if each["state"] == "firing"}


@contextmanager
def program(folder: Path, ready: Callable[[], bool], *command: str) -> Iterator[None]:
    log_file = folder / f"{command[0]}.log"
    with log_file.open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            wait_until(lambda: process.poll() is not None or ready())
            assert process.poll() is None, log_file.read_text()
            yield
        finally:
            process.terminate()
            process.wait(30)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@dataclass
class Stand:
    """Everything that runs, over the records of one tenant."""

    workshop: Workshop
    desk: Watching
    prometheus: Prometheus
    hook: Hook


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The files of monitoring/ as they are, but for ports and shorter intervals."""
    folder = tmp_path_factory.mktemp("monitoring")
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("checkout")
        workshop = open_workshop(root, patch)
        with watching(root, workshop.estate, datetime.now(UTC), patch, PLATFORM["records"]) as desk:
            fill(workshop, desk)
            with (
                receiving() as (hook_port, hook),
                exporting(root) as exporter,
                running(folder, exporter.port, hook_port) as prometheus,
            ):
                yield Stand(workshop, desk, prometheus, hook)


def fill(workshop: Workshop, desk: Watching) -> None:
    """A tenant that grows, with a failed backup and a finding of SMILÉO's."""
    # The exporter runs as a command of its own, which knows where each kind of agent backs up to.
    machines = {name: on_host(name) for name in (COMPTA, CAISSE)}
    workshop.write_file(machines=machines, storage={"platform": "lab", "quota": "20 MiB"})
    workshop.apply()
    workshop.estate.bucket(COMPTA).put(PACK, b"x" * 10 * MIB)
    desk.look()
    store, now = desk.desk.records, desk.now
    sizes = ((back, (30 - back) * MIB // 6) for back in range(30))
    store.record_usage(
        Usage(TENANT.id, COMPTA, (now - timedelta(days=back)).date(), size, size, now - timedelta(days=back))
        for back, size in sizes
    )
    # Probes up to a later time, so that they are fresh however long the tests take.
    begin = datetime.now(UTC) - timedelta(hours=1)
    store.availability.add_probes([one_probe("lab", begin + timedelta(minutes=2 * turn), 20) for turn in range(90)])
    found = [
        Finding(FindingKind.BACKUP_FAILED, CAISSE, {"result": "failed"}),
        Finding(FindingKind.VERIFICATION_LATE, CAISSE, {"last_full_round_at": None}),
    ]
    kept = [KeptFinding(place_of(Subject(TENANT.id, SLUG), each), SLUG, now, now, each.evidence) for each in found]
    store.supervision.note([Noted(TENANT.id, now, findings=kept)])


@contextmanager
def running(folder: Path, exporter_port: int, hook_port: int) -> Iterator[Prometheus]:
    own, alerts = free_port(), free_port()
    settings = yaml.safe_load((MONITORING / "prometheus.example.yml").read_text(encoding="utf-8"))
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(MONITORING / "coffre.rules.yml")]
    settings["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{alerts}"]
    settings["scrape_configs"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{exporter_port}"]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    telling = (MONITORING / "alertmanager.example.yml").read_text(encoding="utf-8").replace("9300", str(hook_port))
    routes = yaml.safe_load(telling)
    routes["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(routes))
    with (
        program(
            folder, lambda: is_ready(alerts), "prometheus-alertmanager", "--config.file=alertmanager.yml",
            "--storage.path=alerts", f"--web.listen-address=127.0.0.1:{alerts}", "--cluster.listen-address=",
        ),
        program(
            folder, lambda: is_ready(own), "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{own}", f"--web.external-url=http://127.0.0.1:{own}/",
        ),
    ):  # fmt: skip
        yield Prometheus(own)


def test_each_panel_has_data(stand: Stand) -> None:
    wait_until(lambda: stand.prometheus.query("coffre_findings"))
    without = [
        (panel.board, panel.title, text)
        for panel in list_panels()
        for text in panel.expressions
        if not stand.prometheus.query(text.replace("$tenant", SLUG))
    ]
    assert without == []


def test_every_rule_is_evaluated(stand: Stand) -> None:
    def rules() -> list[Any]:
        return [rule for group in stand.prometheus.ask("rules")["groups"] for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()))
    assert {rule["name"]: rule["health"] for rule in rules()} == {rule["alert"]: "ok" for rule in list_rules()}


def test_an_alert_reaches_its_receiver_and_so_does_its_end(stand: Stand) -> None:
    stand.workshop.estate.bucket(CAISSE).put(PACK, b"x" * 10 * MIB)
    stand.desk.look()
    wait_until(lambda: ("/working-day", "CoffreQuotaReached", "firing") in stand.hook.told)
    assert "CoffreQuotaReached" in stand.prometheus.firing()
    stand.workshop.estate.bucket(COMPTA).hide(PACK)
    stand.desk.look()
    wait_until(lambda: ("/working-day", "CoffreQuotaReached", "resolved") in stand.hook.told)
    assert "CoffreQuotaReached" not in stand.prometheus.firing()
