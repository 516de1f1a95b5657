"""The installed `coffre exporter` as a process of its own."""

import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 60
LISTENING = "listening on http://"


@dataclass
class Exporter:
    """A running exporter, and what it has said so far."""

    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        [line] = [each for each in self.said if each.startswith(LISTENING)]
        return int(line.rpartition("/")[0].rpartition(":")[2])

    def scrape(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            text: str = answer.read().decode()
        return text

    def is_up(self) -> bool:
        return "\ncoffre_up 1.0\n" in self.scrape()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


@contextmanager
def exporting(root: Path, environment: Mapping[str, str] | None = None) -> Iterator[Exporter]:
    """Run the exporter on a free port of loopback, until the end of the block."""
    command = [
        str(Path(sys.executable).with_name("coffre")),
        "--root",
        str(root),
        "exporter",
        "--listen",
        "127.0.0.1:0",
    ]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment, cwd=root
    )
    exporter = Exporter(process)
    assert process.stderr is not None
    listener = threading.Thread(
        target=lambda stream: exporter.said.extend(map(str.strip, stream)), args=[process.stderr]
    )
    listener.start()
    try:
        wait_until(lambda: process.poll() is not None or any(each.startswith(LISTENING) for each in exporter.said))
        assert process.poll() is None, exporter.said
        yield exporter
    finally:
        if process.poll() is None:
            exporter.stop()
        listener.join()
        process.stderr.close()


def wait_until(is_so: Callable[[], object], seconds: float = SECONDS) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)
