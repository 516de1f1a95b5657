"""What the version before made is taken over: state, bundles, records, a running tenant, and one near its end.

The version before is a commit of this repository. Its wheel is built and put into an environment of its own, and does
all of the first part. Its agents' program is today's: another one would be brought to machines by any plan.
"""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import pytest

from coffre.toolchain import find_tool
from tests.e2e.conftest import COMMAND_SECONDS, REPOSITORY, Desk
from tests.e2e.departure import APPROVER, AUTHOR, ERASURE, FROZEN, NOTICE, VERIFIER, Leaver
from tests.prepared_command import Run
from tests.wheels import build_wheel, make_environment

BEFORE = "cb88dfcc7191"
"""The last commit before sentences in bundles, records and journals became typed values."""

STAYS, LEAVES = "boulangerie-martin", "atelier-durand"
COMPTA, CAISSE, ATELIER = "compta-01", "caisse-01", "atelier-01"
SERVED_PROGRAMS = ("coffre-agent", "pulumi", "restic")
REFERENCE = "RG 26/0412"


@dataclass(frozen=True)
class Earlier:
    """The version before, as the command that it installs."""

    programs: Path

    @contextmanager
    def at(self, desk: Desk) -> Iterator[None]:
        """Have a desk's commands be those of the version before."""

        def coffre(
            *arguments: str, expect: int = 0, seconds: float = COMMAND_SECONDS, answer: str | None = None
        ) -> Run:
            path = f"{self.programs}:{desk.environment['PATH']}"
            done = subprocess.run(
                [self.programs / "coffre", *arguments],
                cwd=desk.root,
                env=desk.environment | {"PATH": path},
                input=answer or "",
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
            desk.said.append(done.stdout + done.stderr)
            assert done.returncode == expect, f"coffre {' '.join(arguments)}: {done.stdout}{done.stderr}"
            return Run(done.returncode, done.stdout, done.stderr)

        desk.coffre = coffre  # type: ignore[method-assign]
        try:
            yield
        finally:
            del desk.coffre


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Earlier:
    folder = tmp_path_factory.mktemp("before")
    git = ["git", "-C", str(REPOSITORY), "archive", "--format=tar", BEFORE]
    packed = subprocess.run(git, capture_output=True, check=False)
    assert packed.returncode == 0, f"this needs the repository's history: {packed.stderr.decode()}"
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder / "checkout", filter="data")
    programs = make_environment(build_wheel(folder / "checkout", folder / "wheel"), folder / "venv")
    for name in SERVED_PROGRAMS:
        (programs / name).symlink_to(os.path.realpath(find_tool(name)))
    return Earlier(programs)


@pytest.fixture(scope="module")
def desk(earlier: Earlier, make_desk: Callable[..., Desk]) -> Desk:
    """A desk on which only the version before has worked."""
    desk = make_desk(STAYS, LEAVES)
    with earlier.at(desk):
        assert desk.coffre("--version").stdout.startswith("coffre ")
        desk.coffre("apply", "--all", "--yes")
        for host in (f"{COMPTA}.martin.example", f"{CAISSE}.martin.example", f"{ATELIER}.durand.example"):
            desk.on_machine(host, "seq 1 2000 | sudo tee /srv/ventes.csv >/dev/null")
        for slug in (STAYS, LEAVES):
            desk.coffre("backup", slug)
        desk.coffre("drill", STAYS, "--seed", "7")
        desk.coffre("rotate", STAYS, "--machine", COMPTA, "--yes")
        desk.coffre("hold", "place", STAYS, "--reference", REFERENCE, "--since", "2026-11-20")
        desk.coffre("apply", STAYS, "--yes")
        leaver = Leaver(desk, LEAVES)
        leaver.know(AUTHOR, APPROVER, VERIFIER)
        leaver.declare()
        leaver.offboard(NOTICE, "--approve", "--key", leaver.key(APPROVER), actor=APPROVER)
        for day in (NOTICE, FROZEN, ERASURE):
            leaver.stage(day, "--key", leaver.key(AUTHOR))
        leaver.offboard(ERASURE, "--verify", "--key", leaver.key(VERIFIER), actor=VERIFIER)
    return desk


def test_nothing_is_to_be_done_for_a_tenant_of_the_version_before(desk: Desk, tmp_path: Path) -> None:
    """In a copy of the checkout: once records have the newer form, the version before writes no more into them."""
    copied = replace(desk, root=tmp_path / "copy")
    shutil.copytree(desk.root, copied.root)
    (planned,) = copied.json("plan", STAYS, "--json")
    assert planned["is_needed"] is False, planned
    copied.coffre("secrets", "verify")
    assert copied.json("records", "verify", "--json")["is_sound"] is True


def test_a_rotation_that_it_could_not_end_is_ended(desk: Desk, earlier: Earlier) -> None:
    """A key was cut before its machine had the new one, which the version before wrote into the bundle by a phrase."""
    with earlier.at(desk), desk.out_of_reach(f"{CAISSE}.martin.example"):
        assert "cut" in desk.coffre("rotate", STAYS, "--machine", CAISSE, "--now", "--yes", expect=1).output
    (planned,) = desk.json("plan", STAYS, "--json")
    (rotation,) = planned["rotations"]
    assert rotation["secret"] == {"kind": "machine_key", "subject": CAISSE, "generation": "current"}
    assert rotation["is_cut"] is True
    assert "replaced" in desk.coffre("rotate", STAYS, "--yes").stdout
    (planned,) = desk.json("plan", STAYS, "--json")
    assert planned["is_needed"] is False, planned
    with earlier.at(desk):
        refused = desk.coffre("secrets", "verify", expect=1).output
        assert "is a bundle of version 2; this Coffre reads version 1" in refused


def test_it_is_served_on(desk: Desk) -> None:
    desk.coffre("apply", STAYS, "--yes")
    desk.coffre("backup", STAYS)
    desk.coffre("drill", STAYS, "--seed", "7")
    (status,) = desk.json("status", STAYS, "--json")
    assert [(machine["snapshots"], machine["witnesses_agree"]) for machine in status["machines"]] == [(2, True)] * 2
    assert status["hold"]["in_force"] is True
    assert REFERENCE in desk.coffre("hold", "list", STAYS).stdout
    desk.coffre("hold", "lift", STAYS, "--reference", REFERENCE, "--reason", "levée")
    desk.coffre("rotate", STAYS, "--yes")


def test_a_departure_that_it_began_comes_to_its_certificate(desk: Desk) -> None:
    leaver = Leaver(desk, LEAVES)
    assert leaver.stage(ERASURE) == "closed"
    (sealed,) = leaver.documents("certificat-*.json")
    desk.coffre("certificate", "verify", str(sealed))
    facts = json.loads(sealed.read_text(encoding="utf-8"))["certificate"]
    assert AUTHOR in json.dumps(facts)
    assert facts["verification"]["is_by_another"], "the statement that the version before had signed proves nothing now"
    assert '"quoted"' not in json.dumps(facts), "a sentence of the version before is not understood"
