"""From requests to what Ansible reads and what lands on the machine."""

import base64
import json
import shlex
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from coffre.agents.driver import DeployRequest, MachineStorage, Target
from coffre.agents.inventory import (
    Installable,
    Installation,
    build_deploy_inventory,
    build_remove_inventory,
    render_credentials,
    render_settings,
)
from coffre.spec.tenant import SshConnection

TARGET = Target(
    "martin",
    "compta-01",
    SshConnection(host="compta-01.martin.example", user="operateur", become=True),
    Path("/srv/with blank/known_hosts/martin"),
    Path("/srv/with blank/ssh_config"),
)
REQUEST = DeployRequest(
    target=TARGET,
    tenant_id="k7f3q9wz2m",
    storage=MachineStorage(
        endpoint_url="https://s3.example:7443",
        region="default",
        bucket="martin-compta-01-0123456789",
        ca_file=None,
        access_key_id="AKID",
        secret_access_key=SecretStr("{{ 1 + 1 }}"),
        repository_password=SecretStr("pass word"),
    ),
    signing_public_key=bytes(32),
)
INSTALLATION = Installation([Installable("restic", Path("/bin/restic"), "a" * 64)], "t0")


def deploy_variables(request=REQUEST):
    inventory = build_deploy_inventory([request], INSTALLATION, {"martin.compta-01": b"PEM"})
    return inventory["restic_agents"]["hosts"]["martin.compta-01"]


def test_settings_say_who_the_machine_is():
    assert json.loads(render_settings(REQUEST)) == {
        "version": 1,
        "tenant_id": "k7f3q9wz2m",
        "machine": "compta-01",
        "endpoint": "https://s3.example:7443",
        "region": "default",
        "bucket": "martin-compta-01-0123456789",
        "ca_file": "/etc/coffre/ca.pem",
        "signing_public_key": base64.b64encode(bytes(32)).decode(),
        "repository": "s3:https://s3.example:7443/martin-compta-01-0123456789/restic",
    }


def test_credentials_hold_the_secrets_and_settings_do_not():
    assert json.loads(render_credentials(REQUEST)) == {
        "access_key_id": "AKID",
        "secret_access_key": "{{ 1 + 1 }}",
        "repository_password": "pass word",
    }
    assert b"pass word" not in render_settings(REQUEST)


def test_no_value_of_ours_can_be_taken_for_a_template():
    variables = deploy_variables()
    assert "{{" not in json.dumps(variables)
    assert base64.b64decode(variables["restic_agent_credentials"]) == render_credentials(REQUEST)


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
    assert [name for name in variables if name.startswith("restic_agent_")] == []


def test_secrets_do_not_show_in_a_request():
    assert "pass word" not in repr(REQUEST)
