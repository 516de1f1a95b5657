"""The pages say what there is: every command, every exit code, the versions of the tools, every room and page."""

import re
import textwrap
from pathlib import Path
from typing import Any

import typer.main

from coffre import errors, toolchain
from coffre.cli.main import INTERRUPTED, app
from coffre.cli.tenants.provisioning import CHANGES_PENDING
from coffre.spec.loader import load_checkout

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE, DEVELOPMENT, ARCHITECTURE = (
    (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for page in ("command-line", "development", "architecture")
)


def test_every_command_is_in_the_table() -> None:
    group: Any = typer.main.get_command(app)
    for name in group.commands:
        assert f"| `coffre {name}" in COMMAND_LINE


def test_every_exit_code_is_in_the_table() -> None:
    kinds = [errors.ExpectedError, *errors.ExpectedError.__subclasses__()]
    codes = {0, INTERRUPTED, CHANGES_PENDING} | {kind.exit_code for kind in kinds}
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", COMMAND_LINE, re.MULTILINE)} == codes


def test_the_versions_are_those_that_are_built() -> None:
    assert f"pulumi {toolchain.PULUMI_VERSION}" in DEVELOPMENT
    assert f"restic {toolchain.RESTIC_VERSION}" in DEVELOPMENT


def list_rooms() -> list[str]:
    return [path.name for path in (ROOT / "coffre").iterdir() if (path / "__init__.py").exists()]


def test_the_tree_names_every_folder_and_room() -> None:
    tree = DEVELOPMENT[DEVELOPMENT.index("## Where things are") :]
    folders = ["lab/", "stacks/", "playbooks/", "agent/", "tools/", "tests/", "tenants/"]
    for name in [*folders, *(f"{room}:" for room in list_rooms())]:
        assert name in tree


def test_the_architecture_names_every_room() -> None:
    for room in list_rooms():
        assert f"`{room}`" in ARCHITECTURE


def test_the_paths_that_the_architecture_names_are_there() -> None:
    named = set(re.findall(r"`((?:coffre|stacks|lab|tests|templates)/[\w/.]+)`", ARCHITECTURE))
    assert len(named) > 8
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_leads_to_every_page_and_every_link_leads_somewhere() -> None:
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert pages <= set(re.findall(r"\]\(([^)#:]+)\)", README))
    for path in [ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")]:
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        assert [link for link in links if not (path.parent / link).exists()] == [], path


def test_the_first_commands_are_commands() -> None:
    group: Any = typer.main.get_command(app)
    typed = re.findall(r"^\$ coffre (\w+)", README, re.MULTILINE)
    assert len(typed) == 5
    assert set(typed) <= set(group.commands)


def test_the_platform_and_the_tenant_of_the_page_on_acronis_are_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs/acronis.md").read_text(encoding="utf-8").partition("\n## A tenant at Acronis\n")[2]
    platform, tenant = (textwrap.dedent(each) for each in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[:2])
    example = (ROOT / "tests/cases/platform/valid/acronis.yaml").read_text(encoding="utf-8")
    before, after = example[: example.index("platforms:")], example[example.index("working_hours:") :]
    whose = "version: 1\nid: m4ple9x2ya\nname: Martin\ncontact: {name: A B, email: a@b.example, phone: '0476000000'}\n"
    (tmp_path / "tenants").mkdir()
    (tmp_path / "platform.yaml").write_text(before + platform.replace("…", "ab" * 32) + after, encoding="utf-8")
    (tmp_path / "tenants" / "martin.yaml").write_text(whose + tenant, encoding="utf-8")
    assert list(load_checkout(tmp_path).tenants) == ["martin"]
