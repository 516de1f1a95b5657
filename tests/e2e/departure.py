"""A tenant that leaves, for tests: its file committed by one person and approved by another, its days set."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.spec.loader import load_checkout
from coffre.storage.ceph.connect import connect
from coffre.storage.ceph.storage import CephStorage
from tests.e2e.conftest import Desk, Run
from tests.signers import Person, SignedRepository, make_person

AUTHOR, APPROVER, VERIFIER = "anna@smileo.example", "paul@smileo.example", "marc@smileo.example"

NOTICE, LAST_OF_NOTICE = "2026-11-25", "2026-12-31"
SERVED, FROZEN = "2027-01-30", "2027-01-31"
REMINDER, LAST_TO_RETRIEVE = "2027-02-22", "2027-03-01"
ERASURE, ERASURE_DUE = "2027-03-02", "2027-03-09"
"""What follows from the two days of the letter, by the calendar of platform.yaml; its own test has them too."""

BLOCK = f"""status: leaving
leaving:
  notice_on: {NOTICE}
  ends_on: {LAST_OF_NOTICE}
  requested_by: Claire Martin, gérante
  approved_by: {APPROVER}
  choice: erase
"""

KILLING = """
import os, signal, sys
from coffre.records.facts.departure import JournalEntry
from coffre.tenant.estate.log import TenantLog
before, place = sys.argv.pop(1) == "before", int(sys.argv.pop(1))
append, seen = TenantLog.append, 0
def killing(self, fact, machine=None):
    global seen
    if not isinstance(fact, JournalEntry):
        return append(self, fact, machine)
    seen += 1
    if before and seen == place:
        os.kill(os.getpid(), signal.SIGKILL)
    recorded = append(self, fact, machine)
    if seen == place:
        os.kill(os.getpid(), signal.SIGKILL)
    return recorded
TenantLog.append = killing
from coffre.cli.main import main
sys.exit(main())
"""
"""The command, killed before or after it writes its entry of that number into the journal."""


@dataclass
class Leaver:
    """A desk in git whose tenant leaves."""

    desk: Desk
    slug: str
    people: dict[str, Person] = field(default_factory=dict)
    """Those with a key, by their address."""

    def know(self, *addresses: str) -> None:
        """Give people keys, have the repository know them, and have platform.yaml want signatures for everything."""
        for address in addresses:
            self.people[address] = make_person(self.desk.home / "keys", address)
        entries = "".join(person.entry() for person in self.people.values())
        (self.desk.root / "allowed_signers").write_text(entries, encoding="utf-8")
        settings = self.desk.root / "platform.yaml"
        text = settings.read_text(encoding="utf-8")
        assert "\n  # identities: {" in text
        settings.write_text(text.replace("\n  # identities: {", "\n  identities: {"), encoding="utf-8")
        self.commit(addresses[0], "whose keys count")

    def key(self, address: str) -> str:
        return str(self.people[address].key)

    def commit(self, author: str, message: str) -> None:
        who = self.people.get(author, author)
        settings = [word for setting in SignedRepository.settings(who) for word in ("-c", setting)]
        git = ["git", "-C", str(self.desk.root), *settings]
        if not (self.desk.root / ".git").exists():
            subprocess.run([*git, "init", "-q"], check=True)
            (self.desk.root / ".gitignore").write_text(".coffre/\n")
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-qm", message], check=True)

    def declare(self, block: str = BLOCK, *, author: str = AUTHOR) -> None:
        """Write the departure into the tenant file and commit it."""
        path = self.desk.tenant_file(self.slug)
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("status:")]
        path.write_text("\n".join(lines) + f"\n{block}", encoding="utf-8")
        self.commit(author, "the customer leaves")

    def renounce(self) -> None:
        path = self.desk.tenant_file(self.slug)
        text = path.read_text(encoding="utf-8")
        path.write_text(text[: text.index("\nstatus: leaving")] + "\n", encoding="utf-8")
        self.commit(AUTHOR, "the customer stays")

    def offboard(self, day: str, *arguments: str, expect: int = 0, actor: str = AUTHOR) -> Run:
        with self.acting(actor):
            return self.desk.coffre("offboard", self.slug, "--today", day, *arguments, expect=expect)

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """Have commands be run by somebody."""
        before = self.desk.environment["COFFRE_ACTOR"]
        self.desk.environment["COFFRE_ACTOR"] = actor
        try:
            yield
        finally:
            self.desk.environment["COFFRE_ACTOR"] = before

    def stage(self, day: str, *arguments: str) -> str:
        """Do what is due on a day and return the stage that is reached."""
        return str(json.loads(self.offboard(day, "--yes", "--json", *arguments).stdout)["stage"])

    def plan(self, day: str) -> Any:
        return json.loads(self.offboard(day, "--plan", "--json").stdout)

    def killed_at(self, place: int, when: str, day: str, *arguments: str) -> bool:
        """Run the command and kill it at an entry of its journal; False when it ended before it came to that one."""
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                KILLING,
                when,
                str(place),
                "offboard",
                self.slug,
                "--today",
                day,
                "--yes",
                *arguments,
            ],
            cwd=self.desk.root,
            env=self.desk.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        self.desk.said.append(done.stdout + done.stderr)
        assert done.returncode in (0, -9), done.stdout + done.stderr
        return done.returncode == -9

    @property
    def tenant_id(self) -> str:
        return load_checkout(self.desk.root).tenants[self.slug].id

    @property
    def storage(self) -> CephStorage:
        return connect(load_checkout(self.desk.root).settings.platforms["lab"], self.desk.root)

    def events(self, kind: EventKind) -> list[Event]:
        with Records.open(load_checkout(self.desk.root).settings.records, self.desk.root) as records:
            return list(records.list_events(self.tenant_id, kind))

    def steps(self, step: str) -> list[Event]:
        return [event for event in self.events(EventKind.DEPARTURE_STEP) if event.details["step"] == step]

    def documents(self, pattern: str) -> list[Path]:
        return sorted((self.desk.root / ".coffre" / "documents").glob(f"*/{pattern}"))
