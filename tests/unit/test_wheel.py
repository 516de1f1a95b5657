"""The wheel carries all that the command needs, so that --root can name a repository of tenant files alone."""

import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_wheel_carries_playbooks_migrations_and_the_program(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, timeout=60)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    playbooks = [path for path in (REPOSITORY / "playbooks").rglob("*") if path.is_file()]
    sources = [path for folder in ("coffre", "stacks") for path in (REPOSITORY / folder).rglob("*.py")]
    assert {f"coffre/bundled/{path.relative_to(REPOSITORY)}" for path in playbooks} <= names
    assert {str(path.relative_to(REPOSITORY)) for path in sources} <= names
    assert "coffre/bundled/Pulumi.yaml" in names
    templates = [path for path in (REPOSITORY / "templates").rglob("*") if path.is_file()]
    assert templates
    assert {f"coffre/bundled/{path.relative_to(REPOSITORY)}" for path in templates} <= names
