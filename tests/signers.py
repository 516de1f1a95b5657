"""People with OpenSSH keys of their own, and a git repository whose commits they sign: real git, real ssh-keygen."""

import os
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Person:
    """Somebody with a key; ``address`` is what commits and the allowed-signers file call them."""

    address: str
    key: Path

    @property
    def public(self) -> str:
        return " ".join(self.key.with_suffix(".pub").read_text(encoding="utf-8").split()[:2])

    def entry(self, address: str | None = None, options: str = "") -> str:
        return " ".join(filter(None, (address or self.address, options, self.public))) + "\n"


def make_person(folder: Path, address: str, name: str | None = None) -> Person:
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / (name or address.partition("@")[0].replace("+", "-"))
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return Person(address, key)


@dataclass
class SignedRepository:
    """A git repository; nothing of the settings of whoever runs the tests reaches it."""

    root: Path
    clock: int = int(datetime(2026, 11, 2, 9, tzinfo=UTC).timestamp())
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        self.environment = {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        if not (self.root / ".git").exists():
            self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, at: int | None = None, settings: tuple[str, ...] = ()) -> str:
        moment = f"{at if at is not None else self.clock} +0000"
        options = [word for setting in settings for word in ("-c", setting)]
        done = subprocess.run(
            ["git", "-C", str(self.root), *options, *arguments],
            env={**self.environment, "GIT_COMMITTER_DATE": moment, "GIT_AUTHOR_DATE": moment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        for name, text in files.items():
            path = self.root / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def commit(
        self,
        who: Person | str,
        message: str = "a change",
        *arguments: str,
        at: int | None = None,
        signs: bool = True,
        **files: str,
    ) -> str:
        """Commit everything, signed by somebody, or unsigned by an address; ``__`` in a name is a slash."""
        self.clock += 60
        self.write(**files)
        self.git("add", "-A")
        settings = self.settings(who, signs=signs)
        self.git("commit", "-q", "--allow-empty", "-m", message, *arguments, at=at, settings=settings)
        return self.git("rev-parse", "HEAD")

    def merge(self, who: Person | str, branch: str, *arguments: str, signs: bool = True) -> str:
        """Merge a branch by a commit of its own, as a git host does."""
        self.clock += 60
        settings = self.settings(who, signs=signs)
        self.git("merge", "-q", "--no-ff", "-m", f"merge {branch}", *arguments, branch, settings=settings)
        return self.git("rev-parse", "HEAD")

    @staticmethod
    def settings(who: Person | str, *, signs: bool = True) -> tuple[str, ...]:
        address = who if isinstance(who, str) else who.address
        named = (f"user.email={address}", "user.name=Somebody")
        if isinstance(who, str) or not signs:
            return named
        return (*named, "gpg.format=ssh", f"user.signingkey={who.key}", "commit.gpgsign=true")
