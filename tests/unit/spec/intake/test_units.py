"""The units of systemd: systemd itself reads them, whatever the folder is called."""

import subprocess
from pathlib import Path

import pytest

from coffre.errors import UsageError
from coffre.spec.intake.units import SERVICES, render_unit


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("folder", ["clients", "nos clients", "50%u", "é"])
def test_systemd_reads_a_unit_and_runs_the_program_of_that_folder(tmp_path: Path, name: str, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    (program := place / "coffre").write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (unit := tmp_path / f"coffre-{name}.service").write_text(render_unit(name, program, place, "root"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in done.stderr.splitlines() if "coffre" in line or folder in line]
    assert ours == [], "a program that is not there, or a folder that is no path, would be named"


@pytest.mark.parametrize("folder", ["a\nUser=root", 'a"b', "a$HOME", "a;b", "it's", "\\x41"])
def test_a_folder_that_a_unit_cannot_hold_is_refused(folder: str) -> None:
    with pytest.raises(UsageError, match="cannot hold"):
        render_unit("supervise", Path("/usr/bin/coffre"), Path("/srv") / folder, "root")


def test_a_service_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no service nothing"):
        render_unit("nothing", Path("/usr/bin/coffre"), Path("/srv/clients"), "root")
