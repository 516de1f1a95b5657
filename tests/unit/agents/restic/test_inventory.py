"""From requests to what Ansible reads and what lands on the machine."""

import base64
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from coffre.agents.ansible.connection import connection_variables
from coffre.agents.driver import DeployRequest, OrdersTrust, SeenNumbers, Target
from coffre.agents.repository import BucketStorage
from coffre.agents.restic.inventory import (
    Installable,
    Installation,
    build_deploy_inventory,
    build_remove_inventory,
    render_credentials,
    render_settings,
)
from coffre.spec.tenant import OperatingSystem, SshConnection, WinrmConnection

TARGET = Target(
    "martin",
    "compta-01",
    "k7f3q9wz2m",
    SshConnection(host="compta-01.martin.example", user="operateur", become=True),
    Path("/srv/with blank/known_hosts/martin"),
    Path("/srv/with blank/ssh_config"),
)
REQUEST = DeployRequest(
    target=TARGET,
    storage=BucketStorage(
        endpoint_url="https://s3.example:7443",
        region="default",
        bucket="martin-compta-01-0123456789",
        ca_file=None,
        access_key_id="AKID",
        secret_access_key=SecretStr("{{ 1 + 1 }}"),
        repository_password=SecretStr("pass word"),
    ),
    trust=OrdersTrust(bytes(32), least_generation=7),
)
PROGRAM = Installable("restic", Path("/bin/restic"), "a" * 64)
INSTALLATION = Installation({system: [PROGRAM] for system in OperatingSystem}, "t0")
PASSWORD = "p{{ 1 }}\u00e9"


def deploy_variables(request=REQUEST):
    inventory = build_deploy_inventory([request], INSTALLATION, {"martin.compta-01": b"PEM"})
    return inventory["restic_agents"]["hosts"]["martin.compta-01"]


def test_settings_say_who_the_machine_is():
    assert json.loads(render_settings(REQUEST.setup)) == {
        "version": 1,
        "tenant_id": "k7f3q9wz2m",
        "machine": "compta-01",
        "endpoint": "https://s3.example:7443",
        "region": "default",
        "bucket": "martin-compta-01-0123456789",
        "programs_bucket": "coffre-programs",
        "ca_file": "/etc/coffre/ca.pem",
        "signing_public_key": base64.b64encode(bytes(32)).decode(),
        "least_generation": 7,
        "repository": "s3:https://s3.example:7443/martin-compta-01-0123456789/restic",
    }


def test_credentials_hold_the_secrets_and_settings_do_not():
    assert json.loads(render_credentials(REQUEST.setup)) == {
        "access_key_id": "AKID",
        "secret_access_key": "{{ 1 + 1 }}",
        "repository_password": "pass word",
    }
    assert b"pass word" not in render_settings(REQUEST.setup)


def test_no_value_of_ours_can_be_taken_for_a_template():
    variables = deploy_variables()
    assert "{{" not in json.dumps(variables)
    assert base64.b64decode(variables["restic_agent_credentials"]) == render_credentials(REQUEST.setup)


def test_the_way_to_the_machine_checks_its_host_key_and_asks_nothing():
    variables = deploy_variables()
    assert (variables["ansible_host"], variables["ansible_user"]) == ("compta-01.martin.example", "operateur")
    assert variables["ansible_become"] is True
    options = shlex.split(variables["ansible_ssh_common_args"])
    assert options[:2] == ["-F", "/srv/with blank/ssh_config"]
    assert 'UserKnownHostsFile="/srv/with blank/known_hosts/martin"' in options
    assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "ConnectTimeout=10"} < set(options)
    assert "ansible_port" not in variables


def test_a_port_is_passed_only_where_the_tenant_file_has_another():
    connection = TARGET.connection.model_copy(update={"port": 2222})
    assert deploy_variables(replace(REQUEST, target=replace(TARGET, connection=connection)))["ansible_port"] == 2222


def test_removal_needs_no_secret():
    variables = build_remove_inventory([TARGET], "t0")["restic_agents"]["hosts"]["martin.compta-01"]
    assert [name for name in variables if name.startswith("restic_agent_")] == [
        "restic_agent_tenant_id",
        "restic_agent_machine",
    ]


def test_secrets_do_not_show_in_a_request():
    assert "pass word" not in repr(REQUEST)


def windows_target(**changes):
    connection = WinrmConnection(host="pc.martin.example", user=r"MARTIN\admin", credential="pc")
    target = Target("martin", "pc-01", "k7f3q9wz2m", connection, Path("/k/martin"), system=OperatingSystem.WINDOWS)
    return replace(target, **{"credential": SecretStr(PASSWORD), **changes})


def windows_variables(**changes):
    request = replace(REQUEST, target=windows_target(**changes))
    inventory = build_deploy_inventory([request], INSTALLATION, {"martin.pc-01": b"PEM"})
    return inventory["restic_agents_windows"]["hosts"]["martin.pc-01"]


def decoded(template):
    assert template.startswith("{{ '")
    return base64.b64decode(template.removeprefix("{{ '").removesuffix("' | b64decode }}")).decode()


def test_windows_is_reached_over_tls_with_its_certificate_checked():
    variables = windows_variables()
    assert variables["ansible_connection"] == "psrp"
    assert (variables["ansible_port"], variables["ansible_psrp_protocol"]) == (5986, "https")
    assert variables["ansible_psrp_cert_validation"] == "validate"
    assert "ansible_psrp_ca_cert" not in variables
    assert windows_variables(authorities=Path("/k/martin.pem"))["ansible_psrp_ca_cert"] == "/k/martin.pem"
    assert (variables["ansible_user"], decoded(variables["ansible_password"])) == (r"MARTIN\admin", PASSWORD)


def test_windows_gets_its_own_role_and_its_own_paths():
    variables = windows_variables()
    assert [name for name in variables if name.startswith("restic_agent_")] == [
        f"restic_agent_windows_{name}"
        for name in ("tenant_id", "machine", "programs", "settings", "certificates", "credentials", "apply_arguments")
    ]
    settings = json.loads(base64.b64decode(variables["restic_agent_windows_settings"]))
    assert settings["ca_file"] == r"C:\ProgramData\Coffre\ca.pem"


def test_an_agent_is_told_where_its_numbers_go_on():
    request = replace(REQUEST, seen=SeenNumbers(reports=41, check_ins=9))
    assert deploy_variables(request)["restic_agent_apply_arguments"] == [
        "--reports-after", "41", "--check-ins-after", "9",
    ]  # fmt: skip


def test_a_mac_is_reached_by_ssh_and_keeps_nothing_in_a_memory_that_it_lacks():
    target = replace(TARGET, system=OperatingSystem.MACOS, credential=SecretStr(PASSWORD))
    inventory = build_deploy_inventory([replace(REQUEST, target=target)], INSTALLATION, {"martin.compta-01": b"PEM"})
    variables = inventory["restic_agents_macos"]["hosts"]["martin.compta-01"]
    assert variables["ansible_connection"] == "framed_ssh"
    assert variables["ansible_remote_tmp"] == "/var/tmp/.coffre-ansible-t0"
    assert decoded(variables["ansible_become_password"]) == PASSWORD
    assert inventory["restic_agents"]["hosts"] == {}


def test_a_password_for_sudo_goes_along_only_where_sudo_is_used():
    root = TARGET.connection.model_copy(update={"become": False})
    target = replace(TARGET, credential=SecretStr(PASSWORD))
    assert decoded(connection_variables(target, "t0")["ansible_become_password"]) == PASSWORD
    assert "ansible_become_password" not in connection_variables(replace(target, connection=root), "t0")
    assert "ansible_become_password" not in connection_variables(TARGET, "t0")
    assert PASSWORD not in repr(target)


def test_ansible_takes_a_password_for_what_it_says(tmp_path):
    """Braces, quotes and accents of a password reach the connection as they are; asked of Ansible itself."""
    variables = {**windows_variables(), "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": {"pc": variables}}}))
    call = ["ansible", "pc", "-i", str(inventory), "-m", "ansible.builtin.debug", "-a", "var=ansible_password"]
    environment = {**os.environ, "ANSIBLE_LOCAL_TEMP": str(tmp_path), "ANSIBLE_HOME": str(tmp_path)}
    call[0] = str(Path(sys.executable).with_name("ansible"))
    done = subprocess.run(call, capture_output=True, text=True, env=environment, check=True)
    assert json.loads(done.stdout.partition("=>")[2])["ansible_password"] == PASSWORD
