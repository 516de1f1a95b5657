"""Makes the README of the restic_agent role from its argument spec: `python -m tests.unit.agents.role_readme`."""

import re
from pathlib import Path
from typing import Any

import yaml

ROLE = Path(__file__).resolve().parents[3] / "playbooks" / "roles" / "restic_agent"
README = ROLE / "README.md"


def render() -> str:
    """Return the README that the argument spec makes."""
    spec = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    lines = [
        "# restic_agent",
        "",
        "Made from `meta/argument_specs.yml` by `python -m tests.unit.agents.role_readme`.",
        "",
    ]
    for entry, facts in spec.items():
        lines += [f"## {entry}: {_plain(facts['short_description'])}", ""]
        lines += [f"- {_plain(text)}" for text in facts["description"]]
        lines += ["", "| variable | type | required | meaning |", "| --- | --- | --- | --- |"]
        lines += [row for name, option in facts["options"].items() for row in _rows(name, option)]
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _rows(name: str, option: dict[str, Any]) -> list[str]:
    needed = "yes" if option.get("required") else f"no, `{option['default']}`"
    rows = [f"| `{name}` | {option['type']} | {needed} | {_plain(option['description'])} |"]
    for part, inner in option.get("options", {}).items():
        rows += _rows(f"{name}[].{part}", inner)
    return rows


def _plain(text: str) -> str:
    """Write Ansible's C(code) as Markdown."""
    return re.sub(r"C\(([^)]*)\)", r"`\1`", text)


if __name__ == "__main__":
    README.write_text(render(), encoding="utf-8")
