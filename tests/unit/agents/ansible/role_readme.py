"""Makes the READMEs of the roles from their argument specs: `python -m tests.unit.agents.ansible.role_readme`."""

import re
from pathlib import Path
from typing import Any

import yaml

ROLES = sorted(
    path for path in (Path(__file__).resolve().parents[4] / "playbooks" / "roles").iterdir() if path.is_dir()
)
NEVER_RUN = {
    "acronis_agent_windows": "Tests lint, syntax-check and render it. It was never run, as no Windows was available.",
    "acronis_agent_macos": "Tests lint, syntax-check and render it. It was never run, as no Mac was available.",
    "restic_agent_windows": "Tests lint, syntax-check and render it. It was never run, as no Windows was available.",
    "restic_agent_macos": "Tests lint, syntax-check and render it. It was never run, as no Mac was available.",
}


def render(role: Path) -> str:
    """Return the README that a role's argument spec makes."""
    spec = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    lines = [
        f"# {role.name}",
        "",
        "Made from `meta/argument_specs.yml` by `python -m tests.unit.agents.ansible.role_readme`.",
        "",
    ]
    if role.name in NEVER_RUN:
        lines += [NEVER_RUN[role.name], ""]
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
    for role in ROLES:
        (role / "README.md").write_text(render(role), encoding="utf-8")
