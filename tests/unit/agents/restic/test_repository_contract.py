"""restic itself, on a repository in a folder, keeps the contract of repositories."""

import os
import subprocess
from pathlib import Path

import pytest

from coffre import toolchain
from coffre.agents.restic.repository.format import ResticFormat
from tests.contracts.repository import *  # noqa: F403
from tests.contracts.repository import HOST, PASSWORD, Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "repository"
    restic = [str(toolchain.find_tool("restic")), "--no-cache", "--repo", str(folder)]
    environment = {"PATH": os.environ["PATH"], "RESTIC_PASSWORD": PASSWORD.get_secret_value()}

    def back_up(source: Path) -> None:
        command = [*restic, "backup", "--host", HOST, str(source)]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)

    return Place.make(ResticFormat(), folder, back_up)
