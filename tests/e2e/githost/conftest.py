"""A repository of customers on a real Gitea, with its pipelines, a runner and the lab's Ceph: one for all tests."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from coffre_lab.lab import Lab

from tests.builders import PLATFORM, tenant_file
from tests.conftest import open_lab
from tests.e2e.conftest import forget_tenants
from tests.gitea import ApiError, Gitea, Person, serve_gitea, wait_until
from tests.gitea_runner import RunnerDesk, make_desk, run_jobs
from tests.postgresql import PASSWORD, ROLE, Server, postgresql

__all__ = ["postgresql"]

ROOT = Path(__file__).resolve().parents[3]
PIPELINES = ROOT / "templates" / "pipelines" / "actions"
REPOSITORY = "smileo/customers"
API = f"/repos/{REPOSITORY}"
TENANTS = {"alpha": "k1a2b3c4d5", "beta": "k2a2b3c4d5", "gamma": "k3a2b3c4d5", "delta": "k4a2b3c4d5"}
BOT_SCOPES = "read:user,write:repository,write:issue"
"""As docs/pipelines.md says."""
JOB_SECONDS = 240.0
NIGHT = "17 1 * * *"
"""When the pipeline of the night begins, as it says itself."""
GIB = 1 << 30


@dataclass
class World:
    """Everything that runs, and the people: Anna and Bruno work at SMILÉO, the stranger does not."""

    host: Gitea
    desk: RunnerDesk
    lab: Lab
    folder: Path
    escrow: Path
    """On another file system than the secrets."""
    database: str
    """Gitea's own, as a PostgreSQL URL."""
    hidden: list[str] = field(default_factory=list, repr=False)
    """What nobody may see: the secrets of the pipelines, and every identity."""

    @property
    def anna(self) -> Person:
        return self.host.person("anna")

    @property
    def bruno(self) -> Person:
        return self.host.person("bruno")

    @property
    def stranger(self) -> Person:
        return self.host.person("stranger")

    def clone(self, who: Person, name: str, repository: str = REPOSITORY) -> Path:
        """Return a new clone of the repository."""
        who.git(self.folder, "clone", "--quiet", f"{self.host.url}/{repository}.git", name)
        return self.folder / name

    def propose(self, who: Person, clone: Path, branch: str, *, head: str | None = None, title: str = "") -> int:
        """Commit everything in a clone, push it as a branch, and open a pull request; returns its number."""
        who.git(clone, "checkout", "--quiet", "-b", branch)
        self.push(who, clone, branch)

        def open_request() -> int | None:
            try:
                body = {"head": head or branch, "base": "main", "title": title or branch}
                return int(who.api("POST", f"{API}/pulls", body)["number"])
            except ApiError as error:
                # A branch is known a moment after its push.
                if error.status != 404:
                    raise
                return None

        return wait_until(f"the pull request of {branch}", open_request, 20)

    def push(self, who: Person, clone: Path, branch: str) -> None:
        who.git(clone, "add", "--all")
        who.git(clone, "commit", "--quiet", "--message", branch)
        who.git(clone, "push", "--quiet", "origin", branch)

    def head(self, number: int) -> str:
        return str(self.anna.api("GET", f"{API}/pulls/{number}")["head"]["sha"])

    def runs(self, workflow: str) -> list["WorkflowRun"]:
        """Return the runs of a workflow, oldest first."""
        listed = self.host.admin.api("GET", f"{API}/actions/runs?limit=50")["workflow_runs"]
        found = [each for each in listed if each["path"].split("@")[0] == workflow]
        return [WorkflowRun(self, each) for each in sorted(found, key=lambda each: int(each["id"]))]

    def wait_for_runs(self, workflow: str, earlier: Collection[int], count: int) -> list["WorkflowRun"]:
        """Wait until so many runs of a workflow, besides the earlier ones, have ended."""

        def ended() -> list["WorkflowRun"] | None:
            found = [run for run in self.runs(workflow) if run.id not in earlier]
            return found if [run.is_completed for run in found] == [True] * count else None

        return wait_until(f"{count} runs of {workflow}", ended, JOB_SECONDS * count)

    def run_nightly(self, *, by_clock: bool = False) -> "WorkflowRun":
        """Start the pipeline of the night by hand or by the host's clock, and wait for its end."""
        earlier = {run.id for run in self.runs("nightly.yml")}
        if by_clock:
            self._let_the_hour_come(NIGHT)
        else:
            self.host.admin.api("POST", f"{API}/actions/workflows/nightly.yml/dispatches", {"ref": "main"})
        (run,) = self.wait_for_runs("nightly.yml", earlier, 1)
        return run

    def _let_the_hour_come(self, spec: str) -> None:
        """Bring a schedule that the host read in a pipeline forward to now, and have it look for what is due.

        It looks each minute otherwise; its cron is off, so that nothing runs here by itself.
        """

        def bring_forward() -> bool | None:
            with psycopg.connect(self.database, autocommit=True) as connection:
                now = int(datetime.now(UTC).timestamp())
                done = connection.execute("UPDATE action_schedule_spec SET next = %s WHERE spec = %s", [now, spec])
                return done.rowcount == 1 or None

        wait_until(f"the host's schedule {spec}", bring_forward, 20)
        self.host.admin.api("POST", "/admin/cron/start_schedule_tasks")

    def carry_out(self, number: int, merger: Person) -> "WorkflowRun":
        """Merge an approved pull request, and wait for the end of its apply."""
        earlier = {run.id for run in self.runs("apply.yml")}
        self.try_merging(number, merger)
        (run,) = self.wait_for_runs("apply.yml", earlier, 1)
        return run

    def wait_for_run(self, commit: str, workflow: str, event: str = "push") -> str:
        """Wait until a workflow ran about a commit; returns its conclusion.

        The host takes the newest commit of the branch at the time when it gets to the event: see ``pushes_held``.
        """

        def ended() -> str | None:
            # A second push makes pull_request_sync.
            found = [run for run in self.runs(workflow) if run.head == commit and run.event.startswith(event)]
            return found[-1].conclusion if found and found[-1].is_completed else None

        return wait_until(f"{workflow} about {commit[:8]}", ended, JOB_SECONDS)

    @contextmanager
    def pushes_held(self) -> Iterator[None]:
        """Keep the host from getting to its pushes until the end of the block; merging goes on.

        It begins each with the size of the repository, for which it reads a table that nothing else here needs.
        """
        with psycopg.connect(self.database) as connection:
            connection.execute("LOCK TABLE lfs_meta_object IN ACCESS EXCLUSIVE MODE")
            yield

    def wait_for_review(self, number: int, head: str) -> tuple[str, str]:
        """Wait until a commit has the status of a review; returns the state and the comment of the pull request."""

        def reviewed() -> str | None:
            listed = self.anna.api("GET", f"{API}/commits/{head}/statuses")
            return next((each["status"] for each in listed if each["context"] == "coffre/review"), None)

        state = wait_until(f"the review of {head[:8]}", reviewed, JOB_SECONDS)
        (comment,) = self.comments(number)
        return state, comment

    def comments(self, number: int) -> list[str]:
        return [each["body"] for each in self.anna.api("GET", f"{API}/issues/{number}/comments")]

    def approve(self, number: int, who: Person) -> None:
        body = {"event": "APPROVED", "body": "looked at", "commit_id": self.head(number)}
        who.api("POST", f"{API}/pulls/{number}/reviews", body)

    def merge(self, number: int, who: Person) -> str:
        """Merge a pull request, and return the commit on main; ApiError when the host refuses it."""
        body = {"Do": "merge", "MergeTitleField": f"Merge change {number}"}
        who.api("POST", f"{API}/pulls/{number}/merge", body)
        return str(who.api("GET", f"{API}/pulls/{number}")["merge_commit_sha"])

    def try_merging(self, number: int, who: Person) -> str:
        """Merge as soon as the host takes the last status for given, a moment after it is set."""

        def merged() -> str | None:
            try:
                return self.merge(number, who)
            except ApiError as error:
                if error.status != 405:
                    raise
                return None

        return wait_until(f"the merge of {number}", merged, 20)

    def logs(self) -> str:
        """Return the logs of all jobs."""
        listed = self.host.admin.api("GET", f"{API}/actions/runs?limit=50")["workflow_runs"]
        return "\n".join(WorkflowRun(self, each).log for each in listed)

    def log_of_job(self, job: int) -> str:
        """Return the log of a job; a newer push ends one that waits for the runner, and it has none."""
        try:
            return str(self.host.admin.api("GET", f"{API}/actions/jobs/{job}/logs"))
        except ApiError as error:
            if "job not started" not in str(error):
                raise
            return ""

    def trust(self, who: Person) -> None:
        """Let the workflows of a stranger run: Gitea holds those of an account back until a member approved one.

        It has no call for that in its API, so this is what its page writes.
        """
        number = who.api("GET", "/user")["id"]

        def approve() -> bool | None:
            with psycopg.connect(self.database, autocommit=True) as connection:
                done = connection.execute("UPDATE action_run SET approved_by = 1 WHERE trigger_user_id = %s", [number])
                return done.rowcount > 0 or None

        wait_until(f"a run of {who.name}", approve, 30)

    def quota_bytes(self, slug: str) -> int:
        """Return the wall that the platform itself has for a tenant."""
        found = json.loads(self.lab.radosgw_admin(["user", "info", f"--uid={slug}-{TENANTS[slug]}"]))
        return int(found["user_quota"]["max_size"])


@dataclass(frozen=True)
class WorkflowRun:
    """A run of a workflow, as the host listed it."""

    world: World = field(repr=False)
    listed: dict[str, Any]

    @property
    def id(self) -> int:
        return int(self.listed["id"])

    @property
    def head(self) -> str:
        return str(self.listed["head_sha"])

    @property
    def event(self) -> str:
        return str(self.listed["event"])

    @property
    def is_completed(self) -> bool:
        return bool(self.listed["status"] == "completed")

    @property
    def conclusion(self) -> str:
        return str(self.listed["conclusion"])

    @property
    def log(self) -> str:
        """The logs of its jobs that ran."""
        jobs = self.world.host.admin.api("GET", f"{API}/actions/runs/{self.id}/jobs")["jobs"]
        ran = [job["id"] for job in jobs if job["status"] == "completed" and job["conclusion"] != "skipped"]
        return "\n".join(self.world.log_of_job(job) for job in ran)


@pytest.fixture(scope="module")
def world(postgresql: Server) -> Iterator[World]:
    """A host with a protected repository of four applied tenants, and a runner for its jobs."""
    folder = Path(tempfile.mkdtemp(prefix="coffre-githost-"))
    escrow = Path(tempfile.mkdtemp(prefix="coffre-githost-", dir="/dev/shm"))
    folder.chmod(0o755)
    try:
        with open_lab("githost", ()) as lab:
            for name in ("gitea", "coffre"):
                with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
                    connection.execute(f'CREATE DATABASE "{name}"')
            tools = folder / "tools"
            shutil.copytree((ROOT / ".venv" / "githost").resolve(), tools)
            database = {"database_port": postgresql.port, "database_user": ROLE, "database_password": PASSWORD}
            with serve_gitea(folder, tools / "gitea", tools, database) as host:
                desk = make_desk(folder)
                world = World(host, desk, lab, folder, escrow, postgresql.url("gitea"))
                _furnish(world, postgresql.url("coffre"))
                with run_jobs(host, desk, tools / "gitea-runner"):
                    yield world
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(escrow)


def _furnish(world: World, records: str) -> None:
    """Make the repository, its first customers, and its protection."""
    admin, files = world.host.admin, world.folder / "first"
    _write_files(world, files)
    admin.git(files, "init", "--quiet", "--initial-branch", "main")
    admin.git(files, "add", "--all")
    admin.git(files, "commit", "--quiet", "--message", "the first customers")
    _make_secrets(world, files, records)
    shutil.rmtree(files)


def _write_files(world: World, files: Path) -> None:
    """Write the files of the repository, as `coffre init` and an administrator do."""
    store = world.desk.folder / "store"
    endpoints = json.loads(world.lab.endpoints_file.read_text())
    platform = {
        **PLATFORM["platforms"]["lab"],
        "lab": True,
        "endpoints": "file:endpoints.json",
        "ca_file": "ca.pem",
        "admin_credential": "env:COFFRE_RGW_ADMIN",
    }
    settings = {
        **PLATFORM,
        "platforms": {"lab": platform},
        "state": f"file:{store}/state",
        "records": "env:COFFRE_RECORDS",
        "secrets": f"{store}/secrets",
        "escrow": str(world.escrow),
        "anchor": {"file": f"{store}/anchor.jsonl"},
        "review": {"signing": {"key": "env:COFFRE_PLAN_KEY", "certificate": "plans.pem"}},
        "git_host": {
            "kind": "gitea",
            "url": world.host.url,
            "repository": REPOSITORY,
            "token": "env:COFFRE_GIT_TOKEN",
        },
    }
    (files / "tenants").mkdir(parents=True)
    (files / ".github" / "workflows").mkdir(parents=True)
    for pipeline in PIPELINES.glob("*.yml"):
        shutil.copy(pipeline, files / ".github" / "workflows")
    (files / "platform.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True, sort_keys=False))
    (files / "endpoints.json").write_text(json.dumps({k: v for k, v in endpoints.items() if k != "ca_file"}))
    shutil.copy(endpoints["ca_file"], files / "ca.pem")
    key = world.folder / "plans.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=plans", "-days", "30", "-keyout", str(key), "-out", str(files / "plans.pem")]
    subprocess.run(command, check=True, capture_output=True)
    for slug, tenant_id in TENANTS.items():
        (files / "tenants" / f"{slug}.yaml").write_text(tenant_file(id=tenant_id, name=f"{slug} SARL", machines={}))


def _make_secrets(world: World, files: Path, records: str) -> None:
    """Take the first customers to the platform as the runner's user, and give the repository its secrets."""
    admin = json.loads(world.lab.admin_file.read_text())
    key = (world.folder / "plans.key").read_text()
    known = {"COFFRE_RGW_ADMIN": json.dumps(admin), "COFFRE_RECORDS": records, "COFFRE_PLAN_KEY": key}
    more = {**known, "COFFRE_ACTOR": "ops@smileo.example"}
    forget_tenants(world.lab, tuple(TENANTS))
    home = world.desk.folder / "customers"
    (world.desk.folder / "store").mkdir()
    shutil.copytree(files, home)
    for each in (home, world.desk.folder / "store", world.escrow):
        subprocess.run(["chown", "-R", "coffre-runner:coffre-runner", each], check=True)
    for command in (["secrets", "init"], ["apply", "--all", "--yes"]):
        world.desk.run("coffre", "--root", str(home), *command, more=more)
    # The runner keeps no identity: a job is given one, and the recovery identity is in a safe.
    identities = world.desk.folder / ".config" / "coffre"
    known["COFFRE_IDENTITY"] = (identities / "identity.txt").read_text()
    world.hidden = [each.read_text() for each in identities.glob("*identity*")] + [*known.values()]
    for each in (identities, home):
        shutil.rmtree(each)
    host = world.host.admin
    host.api("POST", "/orgs", {"username": "smileo"})
    host.api("POST", "/orgs/smileo/repos", {"name": "customers", "default_branch": "main"})
    known["COFFRE_GIT_TOKEN"] = world.host.person("coffre-bot", scopes=BOT_SCOPES).token
    for name, value in known.items():
        host.api("PUT", f"{API}/actions/secrets/{name}", {"data": value})
    for name in ("anna", "bruno", "coffre-bot"):
        world.host.person(name)
        host.api("PUT", f"{API}/collaborators/{name}", {"permission": "write"})
    host.git(files, "push", "--quiet", f"{world.host.url}/{REPOSITORY}.git", "main")
    protect(host)


def protect(admin: Person) -> None:
    """Protect the repository as docs/pipelines.md says for Gitea."""
    workflows = ".github/**;.gitea/**"
    admin.api(
        "POST",
        f"{API}/branch_protections",
        {
            "rule_name": "main",
            "enable_push": False,
            "required_approvals": 1,
            "enable_approvals_whitelist": True,
            "approvals_whitelist_username": ["anna", "bruno"],
            "enable_status_check": True,
            "status_check_contexts": ["coffre/review"],
            "block_on_rejected_reviews": True,
            "dismiss_stale_approvals": True,
            "protected_file_patterns": workflows,
        },
    )
    admin.api(
        "POST",
        f"{API}/branch_protections",
        {
            "rule_name": "**",
            "enable_push": True,
            "enable_force_push": True,
            "protected_file_patterns": workflows,
        },
    )
