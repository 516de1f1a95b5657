"""AWS for tests: moto's server in a process of its own, whose memory is the account; nothing of it stays."""

import json
import os
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from coffre_lab.ceph.certificates import issue

ACCOUNT = "123456789012"
"""The account that moto gives everybody without a role."""
REGION = "eu-west-3"

_PROGRAM = Path(__file__).with_name("moto_process.py")


@dataclass(frozen=True)
class Moto:
    """A running server: its address, and the environment by which AWS's libraries find it."""

    url: str
    ca_file: Path | None = None
    access_key_id: str = "testing"
    secret_access_key: str = field(default="testing", repr=False)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **({} if self.ca_file is None else {"AWS_CA_BUNDLE": str(self.ca_file)}),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def make_operator(self, policy: Mapping[str, Any]) -> "Moto":
        """Create a user with this policy and return the server as that user sees it."""
        iam = boto3.client(
            "iam",
            region_name=REGION,
            endpoint_url=self.url,
            verify=None if self.ca_file is None else str(self.ca_file),
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )
        iam.create_user(UserName="operator")
        iam.put_user_policy(UserName="operator", PolicyName="own", PolicyDocument=json.dumps(policy))
        given = iam.create_access_key(UserName="operator")["AccessKey"]
        return replace(self, access_key_id=given["AccessKeyId"], secret_access_key=given["SecretAccessKey"])

    def reset(self) -> None:
        """Empty the account."""
        self._tell("reset")

    @contextmanager
    def checking_keys(self) -> Iterator[None]:
        """Refuse unknown keys, wrong secrets, and what the policies of a user do not allow, during the block."""
        self._tell("reset-auth", b"0")
        try:
            yield
        finally:
            self._tell("reset-auth", b"inf")

    def _tell(self, path: str, body: bytes | None = None) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.url}/moto-api/{path}", body, {"Content-Type": "text/plain"}, method="POST"
        )
        trusted = None if self.ca_file is None else ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(request, timeout=30, context=trusted):  # noqa: S310
            pass


@contextmanager
def moto_server(host: str = "127.0.0.1", *, tls: Path | None = None, log: Path | None = None) -> Iterator[Moto]:
    """Run a server for the time of the block, on a free port; it answers when this gives it.

    With a folder for ``tls`` it speaks HTTPS, by an authority of its own.
    """
    certificates = [] if tls is None else _make_certificate(tls, host)
    with (
        Path(log or os.devnull).open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-P", str(_PROGRAM), host, *certificates],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            port = process.stdout.readline().decode().strip()
            assert port, "moto's server did not start"
            if tls is None:
                yield Moto(f"http://{host}:{port}")
            else:
                yield Moto(f"https://{host}:{port}", tls / "ca.pem")
        finally:
            process.stdin.close()
            process.wait(timeout=60)


def _make_certificate(folder: Path, host: str) -> list[str]:
    ca_pem, server_pem = issue([host], datetime.now(UTC))
    (folder / "ca.pem").write_text(ca_pem, encoding="utf-8")
    (folder / "server.pem").write_text(server_pem, encoding="utf-8")
    return [str(folder / "server.pem")] * 2
