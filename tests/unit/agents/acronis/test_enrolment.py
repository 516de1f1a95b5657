"""The scripts for machines that nobody can reach: a token each, values that need no quoting."""

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from coffre.acronis.values.agents import Agent
from coffre.agents.acronis.enrolment import AcronisScripts, MachineScript, find_registered, prepare
from coffre.agents.acronis.inventory import Joining
from coffre.agents.acronis.settings import MachineTerms, PinnedInstaller
from coffre.agents.home import AgentOwner
from coffre.errors import ExpectedError, RefusedError
from coffre.spec.tenant import OperatingSystem
from tests.unit.acronis.conftest import QUICK
from tests.unit.agents.acronis.conftest import Scene, owner_of

SHA256 = hashlib.sha256(b"x").hexdigest()
INSTALLER = PinnedInstaller("26.2.41800", SHA256, url="https://mirror.example/agent.bin")
TOKEN = "AAAA-BBBB-CCCC"


def script(system: OperatingSystem, **changes: object) -> MachineScript:
    values: dict[str, object] = {
        "slug": "durand",
        "owner": AgentOwner("k7f3q9wz2m", "srv-01"),
        "system": system,
        "installer": INSTALLER,
        "joining": Joining("https://eu2-cloud.acronis.com", SecretStr(TOKEN)),
        "expires_at": datetime(2026, 12, 1, 8, tzinfo=UTC),
    }
    return MachineScript(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("system", list(OperatingSystem))
def test_a_script_has_all_its_values_and_its_secret_never_in_a_name_or_a_repr(system: OperatingSystem) -> None:
    made = script(system)
    text = made.render().decode()
    assert "@@" not in text
    assert TOKEN in text
    assert SHA256 in text
    assert "2026-12-01 08:00 UTC" in text
    assert TOKEN not in repr(made)
    assert ("\r\n" in text) == (system is OperatingSystem.WINDOWS)


def test_on_linux_the_token_is_on_no_command_line() -> None:
    text = script(OperatingSystem.LINUX).render().decode()
    lines = [line for line in text.splitlines() if TOKEN in line]
    assert lines == [f"--token {TOKEN}", TOKEN]


@pytest.mark.parametrize("name", ["a'b", "a b", "$(id)", "é"])
def test_a_name_that_needs_quoting_comes_into_no_script(name: str) -> None:
    with pytest.raises(ExpectedError, match="no script takes"):
        script(OperatingSystem.LINUX, slug=name).render()


def test_a_script_s_token_registers_its_machine_with_its_plan_and_ends(scene: Scene) -> None:
    scene.installer = INSTALLER
    made = prepare(
        scene.settings, "durand", owner_of(scene, "srv-01"), OperatingSystem.LINUX, timedelta(hours=4), QUICK
    )
    assert made.file_name == "acronis-srv-01-enrol-linux.sh"
    (token,) = scene.tokens()
    assert str(token.id) == made.token_id
    assert timedelta(hours=3) < made.expires_at - datetime.now(UTC) <= timedelta(hours=4)
    found = re.search(r"^--token (\S+)$", made.content.decode(), re.MULTILINE)
    assert found is not None
    assert found[1] not in repr(made)
    scene.cloud.tell("register_agent", address=scene.cloud.url, hostname="srv-01", token=found[1])
    assert scene.applied("srv-01") == [scene.plan_id]


def test_a_script_for_longer_or_with_an_installer_that_nobody_can_fetch_is_not_made(scene: Scene) -> None:
    owner = owner_of(scene, "srv-01")
    with pytest.raises(RefusedError, match="is a file here"):
        prepare(scene.settings, "durand", owner, OperatingSystem.LINUX, timedelta(hours=4), QUICK)
    scene.installer = INSTALLER
    with pytest.raises(RefusedError, match="one minute to seven days"):
        prepare(scene.settings, "durand", owner, OperatingSystem.LINUX, timedelta(days=8), QUICK)
    assert scene.tokens() == []


def registered(name: str, at: datetime, identifier: str = "") -> Agent:
    return Agent.model_validate(
        {"id": identifier or f"id-{name}", "hostname": name, "online": True, "registration_date": at.isoformat()}
    )


INVITED = datetime(2026, 12, 1, 8, tzinfo=UTC)
LATER = INVITED + timedelta(hours=1)
TERMS = MachineTerms("coffre:k7f3q9wz2m", "coffre.k7f3q9wz2m.agents", "Every day", others=frozenset({"id-pc-02"}))


@pytest.mark.parametrize(
    ("agents", "found"),
    [
        ([], "its script has not run yet"),
        ([registered("pc-01", INVITED - timedelta(days=1))], "its script has not run yet"),
        ([registered("pc-01", INVITED.replace(microsecond=0) - timedelta(minutes=4))], "id-pc-01"),
        ([registered("pc-02", LATER)], "its script has not run yet"),
        ([registered("DESKTOP-7\x1b[2J", LATER, "new")], "an agent registered on a host of another name"),
        ([registered("pc-01", LATER), registered("pc-01", LATER, "twin")], "2 agents named pc-01 registered"),
        ([registered("PC-01.durand.example", LATER)], "id-PC-01"),
    ],
)
def test_a_new_agent_is_a_machine_s_by_its_host_s_name_alone(agents: list[Agent], found: str) -> None:
    seen = find_registered(agents, TERMS, "pc-01", INVITED)
    text = seen if isinstance(seen, str) else str(seen.id)
    assert text.startswith(found)
    assert "\x1b" not in text


def test_a_recorded_agent_is_the_machine_s_whatever_its_host_is_called() -> None:
    known = registered("DESKTOP-7", INVITED - timedelta(days=90))
    assert find_registered([known], replace(TERMS, agent_id=str(known.id)), "pc-01", INVITED) == known


def test_a_machine_that_nobody_reaches_is_found_once_its_script_ran_and_forgotten(scene: Scene) -> None:
    scene.installer, since = INSTALLER, datetime.now(UTC) - timedelta(minutes=1)
    scripts, owner = AcronisScripts(scene.settings, QUICK), owner_of(scene, "srv-01")
    made = scripts.make_script("durand", owner, OperatingSystem.LINUX, timedelta(hours=4))
    waits = scripts.find_enrolled(owner, since)
    assert (waits.ok, waits.unreachable, waits.message) == (False, True, "its script has not run yet")
    found = re.search(r"^--token (\S+)$", made.content.decode(), re.MULTILINE)
    assert found is not None
    scene.cloud.tell("register_agent", address=scene.cloud.url, hostname="srv-01", token=found[1])
    there = scripts.find_enrolled(owner, since)
    assert (there.ok, there.changed) == (True, True)
    scene.recorded["srv-01"] = there.agent_id
    assert not scripts.find_enrolled(owner, datetime.now(UTC) + timedelta(days=1)).changed
    assert scripts.forget_unreached(owner)
    assert not scripts.forget_unreached(owner)
    assert scene.applied("srv-01") == []
    scripts.end_script(owner, made.token_id)
    scripts.end_script(owner, made.token_id)
    assert scene.tokens() == []
