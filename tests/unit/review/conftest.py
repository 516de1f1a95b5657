"""Repositories of tenants in git, and commits that no git program would write."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.signers import SignedRepository

REPOSITORY = Path(__file__).parents[3]
ANNA = "anna@smileo.example"
ORDINARY = "100644"
LINK = "120000"
FOLDER = "40000"
SUBMODULE = "160000"


class TenantRepository(SignedRepository):
    """A repository with the example platform.yaml, and tenants made of the example; `read` names no file of it."""

    def text(self, slug: str, **changes: str) -> str:
        """Return a valid tenant's file; each change replaces a text by another one."""
        text = (REPOSITORY / "tenants/boulangerie-martin.yaml").read_text(encoding="utf-8")
        text = text.replace("k7f3q9wz2m", f"g{sum(slug.encode()):09d}").replace("-01.martin.", f"-01.{slug}.")
        for before, after in changes.items():
            assert before in text
            text = text.replace(before, after)
        return text

    def put(self, slug: str, text: str | None = None) -> None:
        path = self.root / "tenants" / f"{slug}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.text(slug) if text is None else text, encoding="utf-8")

    def store(self, kind: str, content: bytes) -> str:
        """Store an object as it is, valid or not, and return its id."""
        command = ["git", "-C", self.root, "hash-object", "-t", kind, "-w", "--literally", "--stdin"]
        done = subprocess.run(command, input=content, env=self.environment, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def tree(self, *entries: tuple[str, bytes, str]) -> str:
        """Store a folder with entries (mode, name, object id) in this order."""
        return self.store(
            "tree", b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(key) for mode, name, key in entries)
        )

    def commit_tree(self, tree: str) -> str:
        """Commit a stored tree on the top of HEAD, without a checkout of it."""
        settings = self.settings(ANNA)
        commit = self.git("commit-tree", "-p", "HEAD", "-m", "odd", tree, settings=settings)
        self.git("update-ref", "refs/heads/odd", commit)
        return commit

    def commit_tenants(self, *entries: tuple[str, bytes, str]) -> str:
        """Commit the platform.yaml of HEAD with a tenants/ of these entries."""
        platform = self.git("rev-parse", "HEAD:platform.yaml")
        return self.commit_tree(
            self.tree((ORDINARY, b"platform.yaml", platform), (FOLDER, b"tenants", self.tree(*entries)))
        )


@pytest.fixture
def repository(tmp_path: Path) -> TenantRepository:
    """Return a repository whose one commit has the tenants acme and zebra."""
    made = TenantRepository(tmp_path / "clone")
    shutil.copy(REPOSITORY / "platform.yaml", made.root)
    made.put("acme")
    made.put("zebra")
    made.commit(ANNA)
    return made


@pytest.fixture
def environment(repository: TenantRepository, tmp_path: Path) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests."""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in repository.environment.items() if not name.startswith("GIT_")}
    ceiling = {"GIT_CEILING_DIRECTORIES": str(tmp_path)}
    return {**kept, **ceiling, "HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
