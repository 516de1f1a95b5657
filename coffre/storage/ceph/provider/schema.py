"""The package's schema, of which Pulumi makes SDKs and pages of documentation: what the field tables say, no more."""

import inspect
from collections.abc import Mapping
from typing import Any, Final

from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.environment import SETTINGS, variable
from coffre.storage.ceph.provider.fields import REQUIRED, Field, Shape
from coffre.storage.ceph.provider.resources.base import Resource

Spec = dict[str, Any]

PACKAGE: Final = "rgw"

# A number for bytes, since Pulumi's integers have 32 bits in some languages; it holds whole numbers to 2 ** 53.
_TYPES: Mapping[Shape, Spec] = {
    Shape.TEXT: {"type": "string"},
    Shape.WHOLE_NUMBER: {"type": "integer"},
    Shape.BYTES: {"type": "number"},
    Shape.SWITCH: {"type": "boolean"},
    Shape.TEXTS: {"type": "object", "additionalProperties": {"type": "string"}},
    Shape.MAPS: {
        "type": "object",
        "additionalProperties": {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}},
    },
}


def package_schema(version: str) -> Spec:
    """Return the schema of the provider's package in Pulumi's form; ``version`` is the provider's own."""
    settings = {name: _setting(name, field) for name, field in SETTINGS.items()}
    return {
        "name": PACKAGE,
        "displayName": "Ceph RGW",
        "version": version,
        "description": "Users, access keys, quotas and buckets of a Ceph Object Gateway (RGW), one owner at a time.",
        "keywords": ["pulumi", "ceph", "rgw", "s3", "category/infrastructure", "kind/native"],
        "config": {"variables": settings},
        "provider": {
            "description": "The platform, and the one user for whom the provider works.",
            "inputProperties": settings,
        },
        "resources": {token: _resource(kind) for token, kind in RESOURCES.items()},
        "language": {language: {"respectSchemaVersion": True} for language in ("csharp", "go", "nodejs", "python")},
    }


def _resource(kind: type[Resource]) -> Spec:
    given = {name: _property(field) for name, field in kind.fields.items()}
    return {
        "description": (inspect.getdoc(kind) or "").replace("``", "`"),
        "properties": {name: {key: part[key] for key in part if key != "default"} for name, part in given.items()},
        "required": list(kind.fields),
        "inputProperties": given,
        "requiredInputs": [name for name, field in kind.fields.items() if field.default is REQUIRED],
    }


def _property(field: Field) -> Spec:
    spec = {**_TYPES[field.shape], "description": field.description}
    if field.secret:
        spec["secret"] = True
    if field.replaces:
        spec["willReplaceOnChanges"] = True
    if isinstance(field.default, bool | int | str):  # Pulumi knows no default of a map
        spec["default"] = field.default
    return spec


def _setting(name: str, field: Field) -> Spec:
    """Return a setting without its default, which would come before the variable in a program's own SDK."""
    spec = _property(field)
    default = spec.pop("default", "")
    without = f"the environment variable `{variable(name)}`" + (f", else `{default}`" if default else "")
    spec["description"] = f"{field.description} Not set here: {without}."
    return spec
