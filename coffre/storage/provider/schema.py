"""A package's schema, of which Pulumi makes SDKs and pages of documentation: what the field tables say, no more."""

import inspect
from collections.abc import Mapping
from typing import Any

from coffre.storage.provider.fields import REQUIRED, Field, Output, Shape
from coffre.storage.provider.package import Kind, Package

Spec = dict[str, Any]

# A number for bytes, since Pulumi's integers have 32 bits in some languages; it holds whole numbers to 2 ** 53.
_TYPES: Mapping[Shape, Spec] = {
    Shape.TEXT: {"type": "string"},
    Shape.WHOLE_NUMBER: {"type": "integer"},
    Shape.BYTES: {"type": "number"},
    Shape.SWITCH: {"type": "boolean"},
    Shape.TEXTS: {"type": "object", "additionalProperties": {"type": "string"}},
    Shape.COUNTS: {"type": "object", "additionalProperties": {"type": "integer"}},
    Shape.MAPS: {
        "type": "object",
        "additionalProperties": {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}},
    },
}


def package_schema(package: Package, version: str) -> Spec:
    """Return the schema of a provider's package in Pulumi's form; ``version`` is the provider's own."""
    settings = {name: _setting(package, name, field) for name, field in package.settings.fields.items()}
    return {
        "name": package.name,
        "displayName": package.display_name,
        "version": version,
        "description": package.description,
        "keywords": ["pulumi", *package.keywords, "category/infrastructure", "kind/native"],
        "config": {"variables": settings},
        "provider": {"description": package.serves, "inputProperties": settings},
        "resources": {token: _resource(kind) for token, kind in package.resources.items()},
        "language": {language: {"respectSchemaVersion": True} for language in ("csharp", "go", "nodejs", "python")},
    }


def _resource(kind: Kind) -> Spec:
    given = {name: _property(field) for name, field in kind.fields.items()}
    state = {name: {key: part[key] for key in part if key != "default"} for name, part in given.items()}
    return {
        "description": (inspect.getdoc(kind) or "").replace("``", "`"),
        "properties": state | {name: _output(output) for name, output in kind.outputs.items()},
        "required": [*kind.fields, *kind.outputs],
        "inputProperties": given,
        "requiredInputs": [name for name, field in kind.fields.items() if field.default is REQUIRED],
    }


def _output(output: Output) -> Spec:
    return {**_TYPES[output.shape], "description": output.description}


def _property(field: Field) -> Spec:
    spec = {**_TYPES[field.shape], "description": field.description}
    if field.secret:
        spec["secret"] = True
    if field.replaces:
        spec["willReplaceOnChanges"] = True
    if isinstance(field.default, bool | int | str):  # Pulumi knows no default of a map
        spec["default"] = field.default
    return spec


def _setting(package: Package, name: str, field: Field) -> Spec:
    """Return a setting without its default, which would come before the variable in a program's own SDK."""
    spec = _property(field)
    default = spec.pop("default", "")
    variable = package.settings.variable(name)
    without = f"the environment variable `{variable}`" + (f", else `{default}`" if default else "")
    spec["description"] = f"{field.description} Not set here: {without}."
    return spec
