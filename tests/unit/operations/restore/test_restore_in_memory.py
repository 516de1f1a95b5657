"""A restore into a directory, from a repository in memory: which snapshot it takes, and what it leaves behind."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.agents.identity import MachineIdentity
from coffre.agents.kinds import DRIVERS
from coffre.agents.repository import HostileSnapshotError, RepositoryError
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.errors import RefusedError, UsageError
from coffre.observation.judge import identity
from coffre.operations.repository import make_repository
from coffre.operations.restore.restore import MARKER, Restored, RestoreSource, restore_to_directory
from coffre.records.database.store import Records
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.password_uses import PasswordReason, RestoreUse
from coffre.spec.tenant import Tenant
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import AUTHOR, log_of, open_in_memory
from tests.doubles.ordered_agent import Fleet, drivers_in_memory
from tests.doubles.repository import Entry, write_snapshot
from tests.passwords import new_passwords

COMPTA, OLD, ELSEWHERE, NEW = "compta-01", "vieux-pc", "autre-01", "neuf-01"
MACHINES = {
    COMPTA: machine_with(),
    OLD: machine_with(retired={"on": "2026-11-01", "keep_until": "2099-12-31"}),
    ELSEWHERE: machine_with(agent="acronis"),
    NEW: machine_with(),
}
FIRST = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
LETTER, CLAIRE = b"Madame, Monsieur", "/home/claire"
HOME = (
    Entry("/home", "dir"),
    Entry("/home/claire", "dir"),
    Entry("/home/claire/lettre.txt", content=LETTER),
    Entry("/home/documents", "symlink", b"claire"),
    Entry("/home/liste.txt", content=b"1 2 3"),
)
OWN, OTHER = MachineIdentity(machine_id="a" * 32), MachineIdentity(machine_id="b" * 32)


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Watching:
    """Notes what a restore says; ends the process at a part of it."""

    ends_at: float = 2.0

    def __post_init__(self) -> None:
        self.said: list[str] = []

    def on_step(self, text: str) -> None:
        self.said.append(text)

    def on_progress(self, fraction: float) -> None:
        if fraction >= self.ends_at:
            raise Killed


class Shop:
    """A tenant with backups in memory and records on disk, and a place for restores."""

    def __init__(self, opened: OpenTenant, estate: InMemoryEstate, target: Path) -> None:
        self.opened, self.estate, self.target = opened, estate, target

    def keep(
        self,
        days: float = 0,
        entries: Sequence[Entry] = HOME,
        *,
        machine: str = COMPTA,
        by: MachineIdentity | None = None,
    ) -> str:
        """Put a snapshot that was taken some days after the first into a machine's repository; returns its id."""
        tags = [] if by is None else [identity.tag_of(by.machine_id, by.hardware_id)]
        return self.put(write_snapshot(entries, FIRST + timedelta(days=days), host=machine, tags=tags), machine)

    def put(self, snapshot: tuple[str, bytes], machine: str = COMPTA) -> str:
        name, content = snapshot
        self.estate.bucket(machine).put(f"{ResticLayout.prefix}{name}", content)
        return name.removeprefix("snapshots/")

    def accept(self, said: MachineIdentity) -> None:
        self.opened.memory.change(COMPTA, lambda known: identity.accept(known, said, utc_now()))

    def restore(
        self,
        snapshot: str = "latest",
        path: str | None = None,
        *,
        machine: str = COMPTA,
        watching: Watching | None = None,
    ) -> Restored:
        wanted = RestoreSource(machine, snapshot, path)
        return restore_to_directory(self.opened, wanted, self.target, watching or Watching())

    def uses(self, machine: str = COMPTA) -> list[PasswordReason]:
        """Return why the password of a machine was used, without the creation of its repository."""
        return [each.fact.reason for each in self.opened.log.list(PasswordUsed, machine)][1:]

    def files(self) -> Mapping[str, bytes]:
        found = sorted(path for path in self.target.rglob("*") if path.is_file() and not path.is_symlink())
        return {path.relative_to(self.target).as_posix(): path.read_bytes() for path in found}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    tenant = tenant_with(machines=MACHINES)
    estate = InMemoryEstate.of(tenant, COMPTA, OLD)
    estate.secrets.save_data(new_passwords(tenant.id, COMPTA, OLD))
    for kind, driver in drivers_in_memory(Fleet(estate.storage), tmp_path).items():
        monkeypatch.setitem(DRIVERS, kind, driver)
    with Records.open("sqlite:records.db", tmp_path) as records:
        opened = open_in_memory(tenant, estate, log_of(tenant, records), tmp_path)
        for name in (COMPTA, OLD):
            make_repository(opened, name)
        yield Shop(opened, estate, tmp_path / "retour")


WHOLE = {"home/claire/lettre.txt": LETTER, "home/liste.txt": b"1 2 3"}


def test_the_newest_snapshot_is_restored_whole_into_a_new_directory(shop: Shop) -> None:
    shop.keep(0, [Entry("/old")])
    newest = shop.keep(1)
    done = shop.restore()
    assert (done.snapshot.id, done.is_others, done.left_out, done.apart) == (newest, False, None, None)
    assert (done.summary.files, done.summary.restored_bytes) == (len(HOME), sum(map(len, WHOLE.values())))
    assert shop.files() == WHOLE, "and no marker of an unfinished restore"
    assert (shop.target / "home" / "documents").readlink() == Path("claire")
    assert shop.target.stat().st_mode & 0o777 == 0o700


def test_the_use_of_the_password_is_recorded_with_its_reason_and_its_author(shop: Shop) -> None:
    shop.keep()
    shop.restore()
    assert shop.uses() == [RestoreUse("latest", str(shop.target))]
    last = shop.opened.log.last(PasswordUsed, COMPTA)
    assert last is not None
    assert (last.actor, last.commit) == (AUTHOR.actor, AUTHOR.commit)


def test_the_latest_leaves_out_what_another_machine_took_and_says_so(shop: Shop) -> None:
    shop.accept(OWN)
    own, _ = shop.keep(0, by=OWN), shop.keep(1, [Entry("/foreign")], by=OTHER)
    others = shop.keep(2, [Entry("/foreign")], by=OTHER)
    done = shop.restore()
    assert (done.snapshot.id, done.is_others) == (own, False)
    assert done.left_out is not None
    assert done.left_out.id == others
    assert shop.files() == WHOLE


def test_a_snapshot_of_another_machine_is_restored_by_its_id_and_told_as_such(shop: Shop) -> None:
    shop.accept(OWN)
    shop.keep(0, by=OWN)
    others = shop.keep(1, [Entry("/foreign", content=b"x")], by=OTHER)
    done = shop.restore(others[:8])
    assert (done.snapshot.id, done.is_others, done.left_out) == (others, True, None)
    assert shop.files() == {"foreign": b"x"}


def test_without_an_own_snapshot_there_is_no_latest(shop: Shop) -> None:
    shop.accept(OWN)
    shop.keep(0, by=OTHER)
    with pytest.raises(RefusedError, match="every snapshot of compta-01 was taken by another machine"):
        shop.restore()
    assert not shop.target.exists()


def test_a_snapshot_is_named_by_the_start_of_its_id(shop: Shop) -> None:
    older = shop.keep(0)
    shop.keep(1, [Entry("/new")])
    assert shop.restore(older[:10]).snapshot.id == older
    with pytest.raises(UsageError, match="compta-01 has no snapshot whose id begins with 'zz'"):
        replace_target(shop, "ailleurs").restore("zz")


def replace_target(shop: Shop, name: str) -> Shop:
    return Shop(shop.opened, shop.estate, shop.target.with_name(name))


def test_a_path_brings_what_is_below_it_and_nothing_else(shop: Shop) -> None:
    shop.keep()
    shop.restore(path=f"{CLAIRE}/")
    assert shop.files() == {"home/claire/lettre.txt": LETTER}


def test_a_path_through_a_link_is_refused_and_the_link_is_named(shop: Shop) -> None:
    shop.keep()
    with pytest.raises(UsageError, match=r"has no /home/documents/lettre\.txt") as refused:
        shop.restore(path="/home/documents/lettre.txt")
    assert refused.value.hint.startswith("/home/documents is a link")
    with pytest.raises(UsageError, match="has no /home/nothing") as refused:
        shop.restore(path="/home/nothing")
    assert "is a link" not in refused.value.hint
    assert not shop.target.exists(), "nothing is written before the path is known"


@pytest.mark.parametrize(
    "entries",
    [
        [Entry("/home", "symlink", b"/etc"), Entry("/home", "dir"), Entry("/home/passwd")],
        [Entry("/home", "dir"), Entry("/home/b"), Entry("/home/a")],
        [Entry("/home/../etc/passwd")],
    ],
    ids=["a link that is a folder too", "names out of order", "a way out"],
)
def test_a_snapshot_with_a_damaged_list_is_refused_and_nothing_is_written(shop: Shop, entries: list[Entry]) -> None:
    snapshot = shop.keep(0, entries)
    with pytest.raises(HostileSnapshotError) as refused:
        shop.restore()
    assert refused.value.snapshot == snapshot
    with pytest.raises(HostileSnapshotError):
        shop.restore(path="/home")
    assert not shop.target.exists()


def test_a_snapshot_of_no_time_is_never_the_latest_and_is_refused_by_its_id(shop: Shop) -> None:
    sound = shop.keep(0)
    odd = shop.put(write_snapshot(HOME, "9999-01-01T00:00:00Z"))
    with pytest.raises(HostileSnapshotError, match="its time is invalid"):
        shop.restore(odd)
    assert shop.restore().snapshot.id == sound


def test_a_list_of_snapshots_that_cannot_be_read_ends_the_restore(shop: Shop) -> None:
    shop.keep(0)
    shop.put((f"snapshots/{'f' * 64}", b"no snapshot"))
    with pytest.raises(RepositoryError, match="is damaged"):
        shop.restore()
    assert not shop.target.exists()


def test_an_interrupted_restore_continues_by_its_marker(shop: Shop) -> None:
    snapshot = shop.keep()
    with pytest.raises(Killed):
        shop.restore(watching=Watching(ends_at=0.6))
    assert (shop.target / MARKER).read_text(encoding="utf-8") == f"{snapshot} /\n"
    assert "home/liste.txt" not in shop.files()
    shop.restore()
    assert shop.files() == WHOLE


def test_only_the_same_restore_continues_an_interrupted_one(shop: Shop) -> None:
    first, _ = shop.keep(0), shop.keep(1, [*HOME, Entry("/new")])
    with pytest.raises(Killed):
        shop.restore(first, CLAIRE, watching=Watching(ends_at=0.3))
    before = shop.files()
    for snapshot, path in (("latest", CLAIRE), (first, None)):
        with pytest.raises(RefusedError, match="holds an unfinished restore of another snapshot or path") as refused:
            shop.restore(snapshot, path)
        assert f"--snapshot {first[:8]} --path {CLAIRE}" in refused.value.hint
    assert shop.files() == before
    shop.restore(first, CLAIRE)
    assert shop.files() == {"home/claire/lettre.txt": LETTER}


def test_a_directory_with_other_files_is_refused_before_the_password_is_used(shop: Shop) -> None:
    shop.keep()
    shop.target.mkdir()
    (shop.target / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(RefusedError, match="is not an empty directory"):
        shop.restore()
    assert (shop.files(), shop.uses()) == ({"mine": b"mine"}, [])


def test_a_file_that_the_directory_refuses_is_stored_apart_and_listed(shop: Shop) -> None:
    name = "n" * 300
    shop.keep(0, [*HOME[:4], Entry("/home/liste.txt", content=b"1 2 3"), Entry(f"/home/{name}", content=b"long")])
    watching = Watching()
    done = shop.restore(watching=watching)
    assert done.apart is not None
    assert (done.apart.files, done.apart.left_out) == (1, 0)
    assert f'"path": "/home/{name}"' in done.apart.listed_in.read_text(encoding="utf-8")
    apart = {each: content for each, content in shop.files().items() if each not in WHOLE}
    assert b"long" in apart.values()
    assert MARKER not in apart
    assert "does not accept every file" in watching.said[0]


def test_a_retired_machine_s_backups_are_restored(shop: Shop) -> None:
    shop.keep(machine=OLD)
    shop.restore(machine=OLD)
    assert shop.files() == WHOLE
    assert len(shop.uses(OLD)) == 1


def test_a_machine_without_a_bucket_is_refused_by_what_keeps_its_backups(shop: Shop) -> None:
    with pytest.raises(RefusedError, match=r"autre-01 keeps no backups on lab \(`agent: acronis`\)"):
        shop.restore(machine=ELSEWHERE)
    with pytest.raises(RefusedError, match="neuf-01 was never applied"):
        shop.restore(machine=NEW)
    assert not shop.target.exists()


def test_a_machine_without_a_snapshot_has_nothing_to_restore(shop: Shop) -> None:
    with pytest.raises(UsageError, match="compta-01 has no snapshot yet"):
        shop.restore()


def test_under_a_hold_that_blocks_access_nothing_is_read(shop: Shop) -> None:
    shop.keep()
    held: Any = {"reference": "TJ-1", "since": "2026-11-20", "kind": "block_access"}
    tenant: Tenant = tenant_with(machines=MACHINES, hold=held)
    shop.opened = replace(shop.opened, tenant=tenant)
    with pytest.raises(RefusedError, match="blocks every access"):
        shop.restore()
    assert shop.uses() == []
