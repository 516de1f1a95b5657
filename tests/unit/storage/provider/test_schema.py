"""The schema of each provider: whole, made of the field tables, and taken by the real Pulumi from the real provider."""

import json
import os
import subprocess
from importlib.metadata import version

import pytest

from coffre.storage.provider.fields import REQUIRED, Shape
from coffre.storage.provider.package import Package
from coffre.storage.provider.schema import package_schema
from coffre.toolchain import find_tool
from tests.unit.storage.provider.lawful import LAWFUL, RGW

PACKAGES = pytest.mark.parametrize("package", LAWFUL, ids=lambda package: package.name)
FIELDS = pytest.mark.parametrize(
    ("package", "token", "name"),
    [(package, token, name) for package in LAWFUL for token, kind in package.resources.items() for name in kind.fields],
    ids=lambda value: value.name if isinstance(value, Package) else value,
)


def schema_of(package):
    return package_schema(package, "1.2.3")


SAMPLES = {
    Shape.TEXT: "text",
    Shape.WHOLE_NUMBER: 1,
    Shape.BYTES: 1,
    Shape.SWITCH: True,
    Shape.TEXTS: {"key": "text"},
    Shape.COUNTS: {"key": 1},
    Shape.MAPS: {"key": {"inner": [1]}},
}
TYPES = {"string": str, "integer": int, "number": int, "boolean": bool, "object": dict}


@PACKAGES
def test_every_resource_is_there_and_says_what_it_is(package):
    schema = schema_of(package)
    assert schema["name"] == package.name
    assert schema["resources"].keys() == package.resources.keys()
    for token, kind in package.resources.items():
        resource = schema["resources"][token]
        assert len(resource["description"]) > 40
        assert list(resource["inputProperties"]) == list(kind.fields)
        assert list(resource["properties"]) == [*kind.fields, *kind.outputs]


@FIELDS
def test_every_field_is_there_with_meaning_and_type(package, token, name):
    field, resource = package.resources[token].fields[name], schema_of(package)["resources"][token]
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


@FIELDS
def test_a_field_takes_no_value_of_another_type_than_the_schema_says(package, token, name):
    kind = package.resources[token]
    field = kind.fields[name]
    lawful = kind.check(LAWFUL[package][token.rsplit(":", 1)[-1]])[0][name]
    assert type(lawful) is TYPES[schema_of(package)["resources"][token]["inputProperties"][name]["type"]]
    for shape, sample in SAMPLES.items():
        if type(sample) is not type(SAMPLES[field.shape]):
            assert field.problem(sample), shape


@PACKAGES
def test_every_output_says_what_it_is(package):
    for token, kind in package.resources.items():
        for name, output in kind.outputs.items():
            assert schema_of(package)["resources"][token]["properties"][name]["description"] == output.description
            assert output.description.endswith(".")


@PACKAGES
def test_a_setting_names_its_variable_and_brings_no_default_that_would_hide_it(package):
    schema, fields = schema_of(package), package.settings.fields
    settings = schema["provider"]["inputProperties"]
    assert settings == schema["config"]["variables"]
    assert list(settings) == list(fields)
    for name, setting in settings.items():
        assert f"`{package.settings.variable(name)}`" in setting["description"]
        assert "default" not in setting
        assert setting.get("secret", False) == fields[name].secret
    assert [name for name in fields if "secret" in name] == [name for name in fields if fields[name].secret]


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


@PACKAGES
def test_pulumi_gets_the_schema_from_the_provider_and_finds_it_sound(package, tmp_path):
    """No platform is named here: a schema is there before there is one."""
    got = pulumi(tmp_path, "package", "get-schema", str(find_tool(f"pulumi-resource-{package.name}")))
    assert got.returncode == 0, got.stderr
    schema = json.loads(got.stdout)
    assert schema["version"] == version("coffre")
    ours = json.loads(json.dumps(package_schema(package, version("coffre"))))
    assert {token: resource["inputProperties"] for token, resource in schema["resources"].items()} == {
        token: resource["inputProperties"] for token, resource in ours["resources"].items()
    }
    assert {token: resource["properties"] for token, resource in schema["resources"].items()} == {
        token: resource["properties"] for token, resource in ours["resources"].items()
    }
    (tmp_path / "schema.json").write_text(got.stdout)
    checked = pulumi(tmp_path, "schema", "check", "schema.json")
    assert checked.returncode == 0, checked.stderr


def test_pulumi_does_find_an_unsound_schema(tmp_path):
    """Or the test above says nothing."""
    broken = package_schema(RGW, "0.1.0")
    broken["resources"]["rgw:index:User"]["inputProperties"]["uid"]["type"] = "text"
    (tmp_path / "schema.json").write_text(json.dumps(broken))
    assert pulumi(tmp_path, "schema", "check", "schema.json").returncode != 0
