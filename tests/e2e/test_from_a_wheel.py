"""A repository of `coffre init`, a wheel in an environment of its own, and a real tenant: nothing of a checkout.

PATH has Pulumi in a folder of its own and the system's programs. Agent and restic come with the wheel.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coffre import toolchain
from coffre.toolchain import find_tool, own_build
from tests.e2e.conftest import COMMAND_SECONDS, REPOSITORY, Desk
from tests.prepared_command import Run
from tests.unit.cli.test_init import OPTIONS
from tests.wheels import build_wheel, make_environment, stage_programs

SLUG, MACHINE, HOST = "atelier-durand", "atelier-01", "atelier-01.durand.example"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of the environment, as `pipx` makes one."""
    own = {f"{own_build()}/{name}": find_tool(name).read_bytes() for name in ("coffre-agent", "restic")}
    staged = stage_programs(tmp_path_factory.mktemp("programs"), own)
    wheel = build_wheel(REPOSITORY, tmp_path_factory.mktemp("wheel"), staged)
    return make_environment(wheel, tmp_path_factory.mktemp("installed") / "venv")


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], programs: Path, tmp_path_factory: pytest.TempPathFactory, lab: Any) -> Desk:
    """A desk with the installed command, in a repository of its own that has the lab as its platform."""
    pulumi = tmp_path_factory.mktemp("pulumi")
    (pulumi / "pulumi").symlink_to(os.path.realpath(find_tool("pulumi")))
    made = make_desk(SLUG)
    environment = made.environment | {"PATH": f"{programs}:{pulumi}:/usr/sbin:/usr/bin:/sbin:/bin"}
    desk = replace(made, root=made.home / "repository", environment=environment)

    def coffre(*arguments: str, expect: int = 0, seconds: float = COMMAND_SECONDS, answer: str | None = None) -> Run:
        done = subprocess.run(
            [programs / "coffre", *arguments],
            cwd=desk.root if desk.root.exists() else desk.home,
            env=desk.environment,
            input=answer or "",
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == expect, f"coffre {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return Run(done.returncode, done.stdout, done.stderr)

    desk.coffre = coffre  # type: ignore[method-assign]
    desk.coffre("init", "repository", *OPTIONS)
    settings = (desk.root / "platform.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("endpoints: file:endpoints/lab.json", f"lab: true\n    endpoints: file:{lab.directory}/endpoints.json"),
        ("admin_credential: env:COFFRE_RGW_ADMIN", f"admin_credential: file:{lab.directory}/admin.json"),
        ("    hosting:", f"    ssh_config: {lab.ssh_config}\n    hosting:"),
        ('escrow: "/mnt/escrow"', "escrow: .coffre/escrow"),
    ):
        assert old in settings
        settings = settings.replace(old, new)
    (desk.root / "platform.yaml").write_text(settings, encoding="utf-8")
    shutil.copy(made.tenant_file(SLUG), desk.root / "tenants")
    desk.coffre("secrets", "init")
    return desk


def test_nothing_of_the_checkout_is_within_reach(desk: Desk) -> None:
    where = desk.environment["PATH"].split(":")
    assert not [folder for folder in where if Path(folder).is_relative_to(REPOSITORY)]
    assert not shutil.which("restic", path=desk.environment["PATH"]), "else this test would not show the wheel's"
    assert desk.coffre("check").stdout == "1 tenants with 1 machines: no problem found\n"


def test_a_tenant_is_applied_backed_up_and_restored(desk: Desk, tmp_path: Path) -> None:
    desk.coffre("apply", SLUG, "--yes")
    assert "success" in desk.coffre("backup", SLUG).stdout
    (status,) = desk.json("status", SLUG, "--json")
    assert [machine["snapshots"] for machine in status["machines"]] == [1]
    desk.coffre("restore", SLUG, "--machine", MACHINE, "--path", "/etc", "--to", f"{tmp_path}/restored")
    assert list((tmp_path / "restored").rglob("passwd"))


def test_the_machine_runs_the_wheels_programs(desk: Desk, programs: Path) -> None:
    (carried,) = programs.parent.glob(f"lib/python*/site-packages/coffre/bundled/programs/{own_build()}")
    sums = desk.on_machine(HOST, "cd /usr/local/lib/coffre && sha256sum *")
    for name in ("coffre-agent", "restic"):
        assert toolchain.sha256_file(carried / name) in sums
