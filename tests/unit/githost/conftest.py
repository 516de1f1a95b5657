"""A host of each kind in front of a server that answers as its documentation says."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.githost.host import GitHost
from coffre.githost.kinds import open_git_host
from coffre.spec.git_host import GitHostSettings
from coffre.spec.loader import load_checkout
from coffre.spec.platform import PlatformFile
from tests.doubles.git_host_server import GitHostServer, serve_git_host
from tests.unit.githost.documented import REPOSITORY

TOKEN = "glpat-a-token-that-nobody-may-see"
SETTINGS = load_checkout(Path(__file__).parents[3]).settings


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHostServer]:
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    with serve_git_host() as found:
        yield found


def settings_for(kind: str, url: str) -> PlatformFile:
    host = GitHostSettings.model_validate(
        {"kind": kind, "url": url, "repository": REPOSITORY, "token": "env:GIT_TOKEN"}
    )
    return SETTINGS.model_copy(update={"git_host": host})


def open_kind(kind: str, server: GitHostServer) -> GitHost:
    return open_git_host(settings_for(kind, server.url), Path("/nowhere"))
