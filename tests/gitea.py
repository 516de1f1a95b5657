"""A real Gitea of the tests' own, with people in it, and its API. All of it is in one folder and one database."""

import base64
import json
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import urllib3

from tests.postgresql import free_port

GIT_USER, RUNNER_USER = "coffre-git", "coffre-runner"
"""The users that `tools/setup.sh --for-tests` makes."""
ADMIN = "ops"
START_SECONDS = 120.0
_Found = TypeVar("_Found")

SETTINGS = """\
APP_NAME = customers
RUN_MODE = prod
RUN_USER = {user}
WORK_PATH = {folder}
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
DOMAIN = 127.0.0.1
ROOT_URL = http://127.0.0.1:{port}/
STATIC_ROOT_PATH = {static}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = postgres
HOST = 127.0.0.1:{database_port}
NAME = gitea
USER = {database_user}
PASSWD = {database_password}
SSL_MODE = disable
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = argon2$2$8192$1$50
[service]
DISABLE_REGISTRATION = true
[actions]
ENABLED = true
[indexer]
REPO_INDEXER_ENABLED = false
ISSUE_INDEXER_TYPE = db
[cron]
ENABLED = false
[log]
MODE = file
LEVEL = Info
ROOT_PATH = {folder}/log
"""


class ApiError(Exception):
    """The API answered with a status that says no."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:400]}")
        self.status = status
        self.text = text


def wait_until(what: str, look: Callable[[], _Found | None], seconds: float = START_SECONDS) -> _Found:
    """Look until something is there; AssertionError when it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)


@dataclass
class Person:
    """An account of the host, acting by its API and by git."""

    name: str
    token: str
    url: str

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Make a call of the API and return its JSON, or its text; ApiError for a refusal."""
        answer = urllib3.request(
            method,
            f"{self.url}/api/v1{path}",
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
            retries=False,
            **({} if body is None else {"json": body}),
        )
        text = answer.data.decode()
        if answer.status >= 300:
            raise ApiError(answer.status, text)
        return json.loads(text) if text[:1] in ("{", "[") else text

    @property
    def git_environment(self) -> dict[str, str]:
        """What makes git this person, without the token in a command line."""
        basic = base64.b64encode(f"{self.name}:{self.token}".encode()).decode()
        address = f"{self.name}@smileo.example"
        who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER") for what, value in
               (("NAME", self.name), ("EMAIL", address))}  # fmt: skip
        return {
            **who,
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{self.url}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
        }

    def git(self, folder: Path, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, env=self.git_environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == expect, f"git {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        return (done.stdout + done.stderr).strip()


@dataclass
class Gitea:
    """A running host."""

    url: str
    folder: Path
    program: list[str]
    environment: dict[str, str]
    people: dict[str, Person] = field(default_factory=dict)

    def person(self, name: str, *, admin: bool = False, scopes: str = "all") -> Person:
        """Return the account of that name, made if it is new; ``scopes`` are what its token may do."""
        if name not in self.people:
            account = ["--username", name, "--email", f"{name}@smileo.example", "--password", f"{name}-password"]
            more = ["--must-change-password=false", *(["--admin"] if admin else [])]
            self.run("admin", "user", "create", *account, *more)
            token = self.run("admin", "user", "generate-access-token", "-u", name, "--raw", "--scopes", scopes)
            self.people[name] = Person(name, token.splitlines()[-1].strip(), self.url)
        return self.people[name]

    @property
    def admin(self) -> Person:
        return self.person(ADMIN, admin=True)

    def run(self, *arguments: str) -> str:
        """Run Gitea's own command line beside the server."""
        done = subprocess.run(
            [*self.program, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"gitea {arguments[0]}: {done.stderr}{done.stdout}"
        return done.stdout.strip()


def as_user(name: str, *command: str) -> list[str]:
    """Return a command that runs as another user and ends with the tests."""
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--clear-groups", "--pdeathsig=KILL", *command]


def own(folder: Path, user: str) -> Path:
    """Make a folder that belongs to a user alone."""
    folder.mkdir(mode=0o700)
    facts = pwd.getpwnam(user)
    os.chown(folder, facts.pw_uid, facts.pw_gid)
    return folder


@contextmanager
def serve_gitea(parent: Path, binary: Path, static: Path, database: dict[str, Any]) -> Iterator[Gitea]:
    """Serve a new Gitea on this computer until the end of the block; the database ``gitea`` is empty."""
    folder = own(parent / "gitea", GIT_USER)
    port = free_port()
    settings = folder / "app.ini"
    settings.write_text(SETTINGS.format(user=GIT_USER, folder=folder, port=port, static=static, **database))
    shutil.chown(settings, GIT_USER, GIT_USER)
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "USER": GIT_USER, "GITEA_WORK_DIR": str(folder)}
    program = as_user(GIT_USER, str(binary), "--config", str(settings))
    host = Gitea(f"http://127.0.0.1:{port}", folder, program, environment)
    host.run("migrate")
    with (parent / "gitea.log").open("wb") as log:
        process = subprocess.Popen([*program, "web"], env=environment, cwd=folder, stdout=log, stderr=log)

    def answers() -> bool | None:
        assert process.poll() is None, (parent / "gitea.log").read_text()
        try:
            return urllib3.request("GET", f"{host.url}/api/healthz", timeout=5, retries=False).status == 200 or None
        except urllib3.exceptions.HTTPError:
            return None

    try:
        wait_until("Gitea's answer", answers)
        yield host
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
