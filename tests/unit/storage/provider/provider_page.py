"""Makes parts of docs/provider.md from the providers' schemas.

Run it by `python -m tests.unit.storage.provider.provider_page`.
"""

from pathlib import Path
from typing import Any

from coffre.storage.acronis.provider.dispatch import PACKAGE as ACRONIS
from coffre.storage.ceph.provider.dispatch import PACKAGE as RGW
from coffre.storage.provider.fields import REQUIRED
from coffre.storage.provider.package import Package
from coffre.storage.provider.schema import package_schema

PAGE = Path(__file__).resolve().parents[4] / "docs" / "provider.md"
MODULE = "tests.unit.storage.provider.provider_page"
PACKAGES = {RGW: "##", ACRONIS: "###"}
"""The providers on the page, and the level of their headings there."""


def begin(package: Package) -> str:
    return f"<!-- Made from the field tables of {package.name} by `python -m {MODULE}`. -->"


def end(package: Package) -> str:
    return f"<!-- End of what is made of {package.name}. -->"


def render(package: Package, level: str) -> str:
    """Return the tables of the settings and of every resource's properties."""
    schema, settings = package_schema(package, "0"), package.settings
    lines = [f"{level} Settings", "", "| setting | variable | required | meaning |", "| --- | --- | --- | --- |"]
    for name, field in settings.fields.items():
        needed = "yes" if field.default is REQUIRED else f"no, `{field.default}`" if field.default else "no"
        meaning = f"{field.description}{' Secret.' if field.secret else ''}"
        lines.append(f"| `{package.name}:{name}` | `{settings.variable(name)}` | {needed} | {meaning} |")
    lines += ["", f"{level} Resources", ""]
    for token, resource in schema["resources"].items():
        lines += [f"{level}# `{token}`", "", resource["description"], ""]
        lines += ["| property | type | required | a change | meaning |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(name, spec, resource["requiredInputs"]) for name, spec in resource["inputProperties"].items()]
        lines += [
            f"| `{name}` | {_type(spec)} | output | | {spec['description']} |"
            for name, spec in resource["properties"].items()
            if name not in resource["inputProperties"]
        ]
        lines.append("")
    return "\n".join(lines)


def with_tables(page: str) -> str:
    """Return the page with its generated parts made anew."""
    for package, level in PACKAGES.items():
        before, _, rest = page.partition(begin(package))
        _, _, after = rest.partition(end(package))
        page = f"{before}{begin(package)}\n\n{render(package, level)}\n{end(package)}{after}"
    return page


def _row(name: str, spec: dict[str, Any], required: list[str]) -> str:
    needed = "yes" if name in required else f"no, `{_text(spec['default'])}`" if "default" in spec else "no"
    change = "replaces" if spec.get("willReplaceOnChanges") else "in place"
    meaning = f"{spec['description']}{' Secret.' if spec.get('secret') else ''}"
    return f"| `{name}` | {_type(spec)} | {needed} | {change} | {meaning} |"


def _type(spec: dict[str, Any]) -> str:
    if "additionalProperties" in spec:
        return f"map of {_type(spec['additionalProperties'])}"
    return str(spec.get("type", "any"))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
