"""AWS for tests: moto's server in a process of its own, whose memory is the account; nothing of it stays."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "123456789012"
"""The account that moto gives everybody without a role."""
REGION = "eu-west-3"

_PROGRAM = """
import sys
from threading import Thread
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address=sys.argv[1], port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()  # ends with the test
server.stop()
"""


@dataclass(frozen=True)
class Moto:
    """A running server: its address, and the environment by which AWS's libraries find it."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def reset(self) -> None:
        """Empty the account."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass


@contextmanager
def moto_server(host: str = "127.0.0.1", *, log: Path | None = None) -> Iterator[Moto]:
    """Run a server for the time of the block, on a free port; it answers when this gives it."""
    with (
        Path(log or os.devnull).open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            port = process.stdout.readline().decode().strip()
            assert port, "moto's server did not start"
            yield Moto(f"http://{host}:{port}")
        finally:
            process.stdin.close()
            process.wait(timeout=60)
