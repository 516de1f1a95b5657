"""`coffre init` as it is typed, what follows in the new repository, and the hook that checks its commits."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coffre.spec.schema import SCHEMA_FILES, render_schema
from tests.prepared_command import Run, prepared_command

REPOSITORY = Path(__file__).resolve().parents[3]
COFFRE = Path(sys.executable).with_name("coffre")
ANSWERS = {
    "provider": "SMILÉO SAS",
    "siren": "904317252",
    "address": "8 rue des Acacias, 38000 Grenoble",
    "email": "exploitation@smileo.example",
    "phone": "+33 4 76 00 00 10",
    "platform": "lab",
    "endpoint": "https://s3.smileo.example",
    "site": "Grenoble",
    "escrow": "/mnt/escrow",
    "owners": "@smileo/backups",
}
OPTIONS = [f"--{name}={value}" for name, value in ANSWERS.items()]
HOOK_SECONDS = 1.0


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )


def coffre(folder: Path, *arguments: str) -> Run:
    return prepared_command().run(arguments, cwd=folder, environment=os.environ, seconds=60)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    done = coffre(tmp_path, "init", "new", *OPTIONS)
    assert (done.code, done.stderr) == (0, "")
    assert "wrote new/platform.yaml" in done.stdout
    return tmp_path / "new"


def test_the_new_repository_is_valid_and_takes_a_tenant(root: Path) -> None:
    assert coffre(root, "check").stdout == "0 tenants with 0 machines: no problem found\n"
    shutil.copy(REPOSITORY / "tenants" / "atelier-durand.yaml", root / "tenants")
    assert coffre(root, "check").code == 0


def test_without_a_terminal_it_names_the_options_that_it_lacks(tmp_path: Path) -> None:
    done = coffre(tmp_path, "init", *OPTIONS[2:])
    assert done.code == 2
    assert "--provider --siren." in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_another_repository_stays_as_it_is(root: Path) -> None:
    again = coffre(root, "init", ".", *OPTIONS)
    assert (again.code, again.stdout.count("wrote")) == (0, 0), "the same answers change nothing"
    done = coffre(root, "init", ".", *OPTIONS[:-1], "--owners=@other")
    assert done.code == 4
    assert "already has .gitea/CODEOWNERS" in done.stderr


def test_schemas_are_written_again_for_editors(root: Path) -> None:
    for about, path in SCHEMA_FILES.items():
        assert (root / path).read_text(encoding="utf-8") == render_schema(about)
        (root / path).write_text("{}")
    assert coffre(root, "schema", "--write").code == 0
    settings = json.loads((root / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    for path in settings["yaml.schemas"]:
        assert json.loads((root / path).read_text(encoding="utf-8"))["title"].startswith("Coffre")


@pytest.fixture
def repository(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The new repository in git, on a computer whose PATH has the command and no network."""
    monkeypatch.setenv("HOME", str(root.parent))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(root.parent / "hooks"))
    monkeypatch.setenv("PATH", f"{COFFRE.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    for name in ("author", "committer"):
        monkeypatch.setenv(f"GIT_{name.upper()}_NAME", "Claire")
        monkeypatch.setenv(f"GIT_{name.upper()}_EMAIL", "claire@smileo.example")
    assert run(root, "git", "init", "--quiet").returncode == 0
    assert run(root, "pre-commit", "install").returncode == 0
    return root


def commit(repository: Path) -> subprocess.CompletedProcess[str]:
    run(repository, "git", "add", ".")
    return run(repository, "git", "commit", "--quiet", "--message", "A change")


def break_tenant(repository: Path) -> None:
    text = (REPOSITORY / "tenants" / "atelier-durand.yaml").read_text(encoding="utf-8")
    broken = text.replace("quota: 500 Go", "quota: 500 GB")
    assert broken != text
    (repository / "tenants" / "atelier-durand.yaml").write_text(broken, encoding="utf-8")


def test_a_commit_of_an_invalid_file_is_refused_with_the_place(repository: Path) -> None:
    assert commit(repository).returncode == 0
    break_tenant(repository)
    refused = commit(repository)
    assert refused.returncode == 1
    assert 'tenants/atelier-durand.yaml:20:10: storage.quota: "500 GB" is ambiguous' in refused.stdout + refused.stderr
    assert "atelier" not in run(repository, "git", "log", "--stat").stdout


def test_the_hook_of_this_repository_does_the_same(repository: Path) -> None:
    """By `repo:` and `rev:`, as pre-commit fetches hooks of others."""
    source = repository.parent / "coffre"
    source.mkdir()
    shutil.copy(REPOSITORY / ".pre-commit-hooks.yaml", source)
    run(source, "git", "init", "--quiet")
    assert commit(source).returncode == 0
    revision = run(source, "git", "rev-parse", "HEAD").stdout.strip()
    configuration = f"repos: [{{repo: '{source}', rev: {revision}, hooks: [{{id: coffre-check}}]}}]\n"
    (repository / ".pre-commit-config.yaml").write_text(configuration)
    assert commit(repository).returncode == 0
    break_tenant(repository)
    assert "storage.quota" in commit(repository).stderr


def test_the_hook_is_quick(root: Path) -> None:
    """In CPU time, since other tests run beside."""
    for name in ("atelier-durand", "boulangerie-martin"):
        shutil.copy(REPOSITORY / "tenants" / f"{name}.yaml", root / "tenants")
    seconds = []
    for _ in range(3):
        before = os.times()
        assert run(root, COFFRE, "check").returncode == 0
        after = os.times()
        seconds.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(seconds) < HOOK_SECONDS
