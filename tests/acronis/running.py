"""The stand-in for the vendor's cloud, started for the time of a block, with its control door in hand."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

ROOT = Path(__file__).resolve().parents[2]


class ControlRefusedError(Exception):
    """The control door refused a verb."""


@dataclass(frozen=True)
class VendorCloud:
    """A running stand-in: where it is, whom it trusts, and how tests have things happen there."""

    url: str
    downloads_url: str
    ca_file: Path
    client_id: str
    client_secret: str = field(repr=False)
    partner_id: str
    pool: urllib3.PoolManager = field(repr=False)

    def tell(self, verb: str, **asked: Any) -> dict[str, Any]:
        """Have a verb of the control door happen (`tests/acronis/control.py`), and return its answer."""
        answer = self.pool.request("POST", f"{self.url}/_control/{verb}", body=json.dumps(asked), timeout=30)
        if answer.status != 200:
            raise ControlRefusedError(answer.data.decode())
        found: dict[str, Any] = json.loads(answer.data)
        return found

    def fail(self, kind: str, path: str = ".*", **fields: Any) -> None:
        """Have the next calls of a path meet a fault (`tests/acronis/faults.py`)."""
        self.tell("fail", kind=kind, path=path, **fields)

    def calls(self, path: str = "") -> list[dict[str, Any]]:
        """Return the calls that came in, of a path when one is given."""
        return [each for each in self.tell("journal")["calls"] if path in ("", each["path"])]

    def assert_all_as_described(self) -> None:
        """Assert that every request and every answer so far was as the description has it."""
        journal = self.tell("journal")
        assert journal["invalid_requests"] == []
        assert journal["invalid_answers"] == []


@contextmanager
def vendor_cloud(
    folder: Path,
    *,
    state: Path | None = None,
    installers: Path | None = None,
    host: str = "127.0.0.1",
    downloads_host: str = "127.0.0.2",
) -> Iterator[VendorCloud]:
    """Run a stand-in for the time of the block; ``folder`` has its certificates, ``state`` what it knew before.

    ``installers`` is a folder with the files that it gives out for download, by the vendor's names.
    """
    command = [sys.executable, "-m", "tests.acronis.service", "--with-parent", "--host", host, "--tls", str(folder)]
    command += ["--downloads-host", downloads_host]
    command += [] if state is None else ["--state", str(state)]
    command += [] if installers is None else ["--installers", str(installers)]
    with subprocess.Popen(
        command, cwd=ROOT, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            line = process.stdout.readline()
            assert line, "the stand-in did not start"
            said = json.loads(line)
            with urllib3.PoolManager(ca_certs=said["ca_file"], maxsize=8) as pool:
                yield VendorCloud(**{**said, "ca_file": Path(said["ca_file"])}, pool=pool)
        finally:
            process.stdin.close()
            process.wait(timeout=60)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'lab'}"}
