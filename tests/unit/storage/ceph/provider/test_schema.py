"""The package's schema: whole, made of the field tables, and taken by the real Pulumi from the real provider."""

import json
import os
import subprocess
from importlib.metadata import version

import pytest

from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.environment import SETTINGS, variable, write_environment
from coffre.storage.ceph.provider.fields import REQUIRED, Shape
from coffre.storage.ceph.provider.schema import package_schema
from coffre.storage.values import AccessKey, Endpoint
from coffre.toolchain import find_tool
from tests.unit.storage.ceph.provider.test_fields import LAWFUL

SCHEMA = package_schema("1.2.3")
FIELDS = [(token, name) for token, kind in RESOURCES.items() for name in kind.fields]
SAMPLES = {
    Shape.TEXT: "text",
    Shape.WHOLE_NUMBER: 1,
    Shape.BYTES: 1,
    Shape.SWITCH: True,
    Shape.TEXTS: {"key": "text"},
    Shape.MAPS: {"key": {"inner": [1]}},
}
TYPES = {"string": str, "integer": int, "number": int, "boolean": bool, "object": dict}


def test_every_resource_is_there_and_says_what_it_is():
    assert SCHEMA["resources"].keys() == RESOURCES.keys()
    for token, kind in RESOURCES.items():
        resource = SCHEMA["resources"][token]
        assert len(resource["description"]) > 40
        assert list(resource["properties"]) == list(resource["inputProperties"]) == list(kind.fields)


@pytest.mark.parametrize(("token", "name"), FIELDS)
def test_every_field_is_there_with_meaning_and_type(token, name):
    field, resource = RESOURCES[token].fields[name], SCHEMA["resources"][token]
    given, state = resource["inputProperties"][name], resource["properties"][name]
    assert given["description"] == state["description"] == field.description
    assert field.description.endswith(".")
    assert given.get("secret", False) == state.get("secret", False) == field.secret
    assert given.get("willReplaceOnChanges", False) == field.replaces
    assert (name in resource["requiredInputs"]) == (field.default is REQUIRED)
    assert name in resource["required"]
    if not isinstance(field.default, dict) and field.default is not REQUIRED:
        assert given["default"] == field.default
        assert type(given["default"]) is TYPES[given["type"]]


@pytest.mark.parametrize(("token", "name"), FIELDS)
def test_a_field_takes_no_value_of_another_type_than_the_schema_says(token, name):
    kind = RESOURCES[token]
    field = kind.fields[name]
    lawful = kind.check(LAWFUL[token.rsplit(":", 1)[-1]])[0][name]
    assert type(lawful) is TYPES[SCHEMA["resources"][token]["inputProperties"][name]["type"]]
    for shape, sample in SAMPLES.items():
        if type(sample) is not type(SAMPLES[field.shape]):
            assert field.problem(sample), shape


@pytest.mark.parametrize("name", [name for name, field in SETTINGS.items() if field.secret])
def test_a_secret_setting_is_marked(name):
    assert SCHEMA["config"]["variables"][name]["secret"]


def test_a_setting_names_its_variable_and_brings_no_default_that_would_hide_it():
    settings = SCHEMA["provider"]["inputProperties"]
    assert settings == SCHEMA["config"]["variables"]
    assert list(settings) == list(SETTINGS)
    for name, setting in settings.items():
        assert f"`{variable(name)}`" in setting["description"]
        assert "default" not in setting
    written = write_environment(Endpoint("https://10.0.0.1"), AccessKey("ID", "secret"), "shop")
    assert set(written) == {variable(name) for name in SETTINGS}


def pulumi(folder, *arguments):
    """Run Pulumi without an account, a project or a network."""
    environment = {
        "PATH": os.environ["PATH"],
        "PULUMI_HOME": str(folder),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    command = [find_tool("pulumi"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)


def test_pulumi_gets_the_schema_from_the_provider_and_finds_it_sound(tmp_path):
    """No platform is named here: a schema is there before there is one."""
    got = pulumi(tmp_path, "package", "get-schema", str(find_tool("pulumi-resource-rgw")))
    assert got.returncode == 0, got.stderr
    schema = json.loads(got.stdout)
    assert schema["version"] == version("coffre")
    assert schema["resources"].keys() == RESOURCES.keys()
    for token, name in FIELDS:
        resource = schema["resources"][token]
        assert resource["inputProperties"][name] == SCHEMA["resources"][token]["inputProperties"][name]
        assert resource["properties"][name] == SCHEMA["resources"][token]["properties"][name]
    (tmp_path / "schema.json").write_text(got.stdout)
    checked = pulumi(tmp_path, "schema", "check", "schema.json")
    assert checked.returncode == 0, checked.stderr


def test_pulumi_does_find_an_unsound_schema(tmp_path):
    """Or the test above says nothing."""
    broken = package_schema("0.1.0")
    broken["resources"]["rgw:index:User"]["inputProperties"]["uid"]["type"] = "text"
    (tmp_path / "schema.json").write_text(json.dumps(broken))
    assert pulumi(tmp_path, "schema", "check", "schema.json").returncode != 0
