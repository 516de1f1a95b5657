"""JSON Schema of the two files, for editors (yaml-language-server): the fields, not the rules over several fields."""

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant

SCHEMA_FILES = {"tenant": "schema/tenant.schema.json", "platform": "schema/platform.schema.json"}
"""Where a repository keeps each schema for its editors, by what it is about."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Generator(GenerateJsonSchema):
    """Leaves out the titles made from field names, which editors would show before the descriptions."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's signature
        return False


def tenant_schema() -> dict[str, Any]:
    """Return the JSON Schema of tenants/*.yaml."""
    schema = _schema(Tenant, "Coffre tenant file, version 1")
    # The slug is the file's name, never a key; and pydantic does not make a union's tag required.
    del schema["properties"]["slug"]
    schema["required"].remove("slug")
    for name in ("SshConnection", "WinrmConnection", "PullConnection", "DirectoryTarget", "S3Target"):
        schema["$defs"][name].setdefault("required", []).append("via")
    return schema


def platform_schema() -> dict[str, Any]:
    """Return the JSON Schema of platform.yaml."""
    return _schema(PlatformFile, "Coffre platform.yaml, version 1")


def schema_of(about: str) -> dict[str, Any]:
    """Return the schema about one of SCHEMA_FILES."""
    return tenant_schema() if about == "tenant" else platform_schema()


def render_schema(about: str) -> str:
    """Return the text of a schema's file."""
    return json.dumps(schema_of(about), indent=2, ensure_ascii=False) + "\n"


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    for block in (schema, *schema["$defs"].values()):
        for value in block.get("properties", {}).values():
            if "patternProperties" in value:
                # pydantic allows keys that do not match the pattern of names.
                value["additionalProperties"] = False
    return {"$schema": _DIALECT, **schema, "title": title}
