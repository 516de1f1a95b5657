"""The units of systemd: systemd itself reads them, whatever the folder is called."""

import subprocess
from pathlib import Path

import pytest
from typer.main import get_command

from coffre.cli.main import app
from coffre.errors import UsageError
from coffre.spec.intake.units import SERVICES, Place, render_timer, render_unit

TIMED = [name for name, each in SERVICES.items() if each.starts_at is not None]


def render(name: str, program: Path, root: Path) -> str:
    return render_unit(name, Place(program, root, "root", root / "pages" if SERVICES[name].has_folder else None))


def verify(unit: Path) -> str:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stderr


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("folder", ["clients", "nos clients", "50%u", "é"])
def test_systemd_reads_a_unit_and_runs_the_program_of_that_folder(tmp_path: Path, name: str, folder: str) -> None:
    place = tmp_path / folder
    place.mkdir()
    (program := place / "coffre").write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (unit := tmp_path / f"coffre-{name}.service").write_text(render(name, program, place))
    ours = [line for line in verify(unit).splitlines() if "coffre" in line or folder in line]
    assert ours == [], "a program that is not there, or a folder that is no path, would be named"


@pytest.mark.parametrize("name", TIMED)
def test_systemd_reads_a_timer_and_finds_its_service(tmp_path: Path, name: str) -> None:
    (program := tmp_path / "coffre").write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / f"coffre-{name}.service").write_text(render(name, program, tmp_path))
    (timer := tmp_path / f"coffre-{name}.timer").write_text(render_timer(name))
    assert [line for line in verify(timer).splitlines() if "coffre" in line] == []


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_a_command_that_exists_with_options_that_it_has(name: str) -> None:
    command, *arguments = SERVICES[name].arguments
    known = get_command(app).commands[command]  # type: ignore[attr-defined]
    options = {option for each in known.params for option in each.opts}
    assert {each for each in arguments if each.startswith("--")} <= options


def test_what_goes_on_all_the_time_has_no_timer_and_one_that_writes_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="goes on all the time"):
        render_timer("supervise")
    with pytest.raises(UsageError, match="writes into a folder"):
        render_unit("site", Place(tmp_path, tmp_path, "root"))
    with pytest.raises(UsageError, match="writes into no folder"):
        render_unit("drill", Place(tmp_path, tmp_path, "root", tmp_path))


@pytest.mark.parametrize("folder", ["a\nUser=root", 'a"b', "a$HOME", "a;b", "it's", "\\x41"])
def test_a_folder_that_a_unit_cannot_hold_is_refused(folder: str) -> None:
    with pytest.raises(UsageError, match="cannot hold"):
        render("supervise", Path("/usr/bin/coffre"), Path("/srv") / folder)
    with pytest.raises(UsageError, match="cannot hold"):
        render_unit("site", Place(Path("/usr/bin/coffre"), Path("/srv"), "root", Path("/srv") / folder))


def test_a_service_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no service nothing"):
        render_unit("nothing", Place(Path("/usr/bin/coffre"), Path("/srv/clients"), "root"))
    with pytest.raises(UsageError, match="there is no service nothing"):
        render_timer("nothing")
