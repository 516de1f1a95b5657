"""Installers: redirects are followed by https only, a few of them, without the token; a file is what its hash says."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.acronis.calls.downloads import MAX_REDIRECTS, Architecture, Downloads, System
from coffre.acronis.client import AcronisClient
from coffre.acronis.data_center import read_data_center
from coffre.acronis.errors import AbsurdAnswerError, AcronisAwayError, AcronisError, GoneError
from coffre.errors import RefusedError
from tests.acronis.running import VendorCloud
from tests.unit.acronis.scripted import Asked, ScriptedServer, answer, ending, scripted_server

CONTENT = b"an installer" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedServer]:
    with scripted_server(tmp_path) as running:
        yield running


@pytest.fixture
def downloads(server: ScriptedServer) -> Downloads:
    return Downloads(read_data_center(server.url), server.ca_file)


@pytest.mark.parametrize("system", System)
def test_the_newest_installer_is_found_on_its_own_host(
    system: System, client: AcronisClient, cloud: VendorCloud
) -> None:
    found = client.downloads.find_newest(system, Architecture.X86_64)
    assert found.url.startswith(f"{cloud.downloads_url}/download/u/baas/4.0/")
    assert "gent" in found.name
    target = io.BytesIO()
    with pytest.raises(RefusedError, match="SHA-256 is"):
        client.downloads.fetch(found.url, "0" * 64, target)
    sha256 = hashlib.sha256(target.getvalue()).hexdigest()
    assert client.downloads.fetch(found.url, sha256, io.BytesIO()) == len(target.getvalue())
    assert cloud.calls("/api/2/idp/token") == []


def test_a_file_is_fetched_over_redirects_without_a_token(server: ScriptedServer, downloads: Downloads) -> None:
    def script(asked: Asked) -> bytes:
        step = int(asked.target.strip("/"))
        return answer(CONTENT) if step == MAX_REDIRECTS else answer(b"", 302, Location=f"/{step + 1}")

    server.script = script
    target = io.BytesIO()
    assert downloads.fetch(f"{server.url}/0", SHA256, target) == len(CONTENT)
    assert target.getvalue() == CONTENT
    assert all("authorization" not in each.headers for each in server.asked)


def test_redirects_without_end_are_said(server: ScriptedServer, downloads: Downloads) -> None:
    server.script = lambda _: answer(b"", 302, Location="/again")
    with pytest.raises(AbsurdAnswerError, match="redirects"):
        downloads.find_newest(System.LINUX)
    assert len(server.asked) == MAX_REDIRECTS + 1


@pytest.mark.parametrize(
    "location",
    ["http://dl.example/agent.bin", "file:///etc/passwd", "https://anna:hunter2@dl.example/x", "//\x7f[", "ftp://x/y"],
)
def test_a_redirect_to_anything_but_https_is_refused(
    location: str, server: ScriptedServer, downloads: Downloads
) -> None:
    server.script = lambda _: answer(b"", 302, Location=location)
    with pytest.raises((RefusedError, AcronisError)) as raised:
        downloads.find_newest(System.LINUX)
    assert raised.value.message.isprintable()
    assert len(server.asked) == 1


@pytest.mark.parametrize("location", ["", "x" * 3000])
def test_a_redirect_to_nowhere_is_said(location: str, server: ScriptedServer, downloads: Downloads) -> None:
    server.script = lambda _: answer(b"", 302, Location=location)
    with pytest.raises(AbsurdAnswerError, match="redirects nowhere"):
        downloads.find_newest(System.LINUX)


def test_a_file_that_is_not_there_is_said(server: ScriptedServer, downloads: Downloads) -> None:
    server.script = lambda _: answer(b"<html>Not here</html>", 404, "text/html")
    with pytest.raises(GoneError, match="Not here"):
        downloads.fetch(f"{server.url}/x?signature=secret", SHA256, io.BytesIO())


def test_a_file_that_is_too_large_or_half_is_said(server: ScriptedServer, downloads: Downloads) -> None:
    server.script = lambda _: answer(CONTENT)
    with pytest.raises(AbsurdAnswerError, match="larger"):
        downloads.fetch(f"{server.url}/x", SHA256, io.BytesIO(), limit_bytes=100)
    server.script = lambda _: ending(answer(CONTENT)[:-10])
    with pytest.raises(AcronisAwayError, match="no whole answer") as raised:
        downloads.fetch(f"{server.url}/x?signature=secret", SHA256, io.BytesIO())
    assert "secret" not in raised.value.message


def test_a_full_disk_is_not_blamed_on_the_network(server: ScriptedServer, downloads: Downloads) -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    server.script = lambda _: answer(CONTENT)
    with pytest.raises(OSError, match="No space left"):
        downloads.fetch(f"{server.url}/x", SHA256, Full())
