"""The JSON Schema for editors agrees with the loader as far as shapes go."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from coffre.spec.schema import SCHEMA_FILES, platform_schema, render_schema, tenant_schema

REPOSITORY = Path(__file__).parents[3]
CASES = REPOSITORY / "tests" / "cases"

BEYOND_SHAPES = {
    # Not YAML, or YAML that only the strict reader refuses.
    "alias", "block-scalar", "duplicate-key", "duplicate-key-first-wrong", "duplicate-machine",
    "empty", "invisible-character", "merge-key",
    "not-utf-8", "only-comments", "tab", "tag", "two-documents", "old-boolean-as-text", "keys-that-are-not-text",
    "syntax-at-sign", "syntax-colon-in-text", "syntax-colon-without-space", "syntax-indentation",
    "syntax-unclosed-list", "syntax-unclosed-quotes", "syntax-windows-path", "billion-laughs", "nested-too-deeply",
    # Rules over several fields or files, or on what a text means.
    "amendments", "copy-bandwidth-too-small", "copy-beside-the-original", "copy-platform-unknown",
    "connection-winrm-to-linux", "dates", "dates-out-of-order", "drills-not-ordered",
    "hold-before-contract", "keep-nothing", "leaving-dates-and-choices", "leaving-while-active",
    "leaving-without-block", "leaving-without-return", "options",
    "paths-for-windows", "paths-relative", "paths-system-missing", "plan-unknown", "plans-of-windows",
    "plans-that-cannot-work", "platform-unknown", "retired",
    "same-host-twice", "same-host-otherwise-written", "this-computer", "schedule-twice",
    "siren", "siren-and-registration", "size-zero", "timezone",
    "prices-order",
    # Where agents back up to, by platform.yaml.
    "agent-with-buckets-without-home", "agent-without-home", "copy-at-the-vendors",
    "copy-of-the-vendors", "licences-all-zero", "licences-missing", "licences-more-than-sold",
    "licences-on-buckets", "licences-too-few", "moved-from-nowhere", "part-without-order", "parts-empty",
    "parts-of-one",
    "parts-own-is-the-vendors", "parts-sum", "parts-two-of-one-vendor", "parts-two-with-buckets",
    "undelete-days-at-the-vendors", "vendor-leaving-with-return", "vendor-missing",
    "too-many-machines", "credential-in-the-file", "anchor-without-mail", "escrow-beside-secrets", "hours-backwards",
}  # fmt: skip


class EditorLoader(yaml.CSafeLoader):
    """Reads YAML 1.2's types, as editors do: dates are text, and so is `on`."""


EditorLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
EditorLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def read(path: Path) -> Any:
    return yaml.load(path.read_bytes(), Loader=EditorLoader)  # noqa: S506 - a safe loader


def schema_of(path: Path) -> dict[str, Any]:
    return platform_schema() if "platform" in str(path.relative_to(REPOSITORY)) else tenant_schema()


VALID = [REPOSITORY / "platform.yaml", *(REPOSITORY / "tenants").glob("*.yaml"), *CASES.glob("*/valid/*.yaml")]
BROKEN = [path for path in sorted(CASES.glob("*/broken/*.yaml")) if path.stem not in BEYOND_SHAPES]


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_files_fit_the_schema(path: Path) -> None:
    jsonschema.validate(read(path), schema_of(path))


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_files_of_a_broken_shape_do_not(path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read(path), schema_of(path))


@pytest.mark.parametrize(("about", "path"), SCHEMA_FILES.items())
def test_the_files_for_editors_are_fresh(about: str, path: str) -> None:
    """`coffre schema --write` writes them anew."""
    assert (REPOSITORY / path).read_text(encoding="utf-8") == render_schema(about)


def test_the_exceptions_are_cases_that_exist() -> None:
    assert {path.stem for path in CASES.glob("*/broken/*.yaml")} >= BEYOND_SHAPES


@pytest.mark.parametrize("schema", [tenant_schema(), platform_schema()], ids=["tenant", "platform"])
def test_schemas_are_valid_and_describe_every_key(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    blocks = {"": schema, **schema["$defs"]}
    silent = [
        f"{name}.{key}"
        for name, block in blocks.items()
        for key, value in block.get("properties", {}).items()
        if not value.get("description")
    ]
    assert silent == []


def test_the_slug_is_no_key() -> None:
    assert "slug" not in tenant_schema()["properties"]
