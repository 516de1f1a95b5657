"""Makes a part of docs/provider.md from the provider's schema.

Run it by `python -m tests.unit.storage.ceph.provider.provider_page`.
"""

from pathlib import Path
from typing import Any

from coffre.storage.ceph.provider.environment import SETTINGS, variable
from coffre.storage.ceph.provider.fields import REQUIRED
from coffre.storage.ceph.provider.schema import package_schema

PAGE = Path(__file__).resolve().parents[5] / "docs" / "provider.md"
BEGIN = "<!-- Made from the field tables by `python -m tests.unit.storage.ceph.provider.provider_page`. -->"
END = "<!-- End of what is made. -->"


def render() -> str:
    """Return the tables of the settings and of every resource's properties."""
    schema = package_schema("0")
    lines = ["## Settings", "", "| setting | variable | required | meaning |", "| --- | --- | --- | --- |"]
    for name, field in SETTINGS.items():
        needed = "yes" if field.default is REQUIRED else f"no, `{field.default}`" if field.default else "no"
        meaning = f"{field.description}{' Secret.' if field.secret else ''}"
        lines.append(f"| `rgw:{name}` | `{variable(name)}` | {needed} | {meaning} |")
    lines += ["", "## Resources", ""]
    for token, resource in schema["resources"].items():
        lines += [f"### `{token}`", "", resource["description"], ""]
        lines += ["| property | type | required | a change | meaning |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(name, spec, resource["requiredInputs"]) for name, spec in resource["inputProperties"].items()]
        lines.append("")
    return "\n".join(lines)


def with_tables(page: str) -> str:
    """Return the page with its generated part made anew."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{render()}\n{END}{after}"


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
