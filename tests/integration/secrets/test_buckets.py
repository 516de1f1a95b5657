"""Bundles in buckets keep the contract of a tenant's secrets; two writers of two computers lose nothing."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from coffre.errors import BusyError, ExpectedError, RefusedError
from coffre.records.database.location import locate
from coffre.records.database.locks import Holder, shared_lock
from coffre.secrets import minting
from coffre.secrets.bundles import DataBundle
from coffre.secrets.errors import MissingCopyError
from coffre.secrets.holders import recipients
from coffre.secrets.holders.recipients import Vault
from coffre.secrets.holders.setup import init
from coffre.secrets.holders.verify import verify
from coffre.secrets.sealed import SealedPassword
from coffre.secrets.store import SecretStore
from coffre.storage.s3.client import make_client
from coffre.storage.s3.file_store import BucketStore
from coffre.storage.values import AccessKey, Endpoint
from coffre.tenant.estate.secrets import StoredSecrets
from coffre.workspace.file_store import FileStore
from tests.builders import tenant_with
from tests.contracts.secrets import *  # noqa: F403 - the tests of the contract
from tests.contracts.secrets import SLUG, TENANT_ID, make_data
from tests.moto_server import REGION, Moto, moto_server
from tests.postgresql import Database, postgresql, postgresql_database

__all__ = ["postgresql", "postgresql_database"]

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

TENANT = tenant_with(slug=SLUG, id=TENANT_ID)
WAIT_SECONDS = 120.0


@pytest.fixture(scope="module")
def moto() -> Iterator[Moto]:
    with moto_server() as server:
        yield server


@dataclass(frozen=True)
class Team:
    """Buckets on one service, and the database whose locks hold between its computers."""

    url: str
    reference: str
    base: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"XDG_CONFIG_HOME": str(self.base / "config")}

    def bucket(self, name: str) -> BucketStore:
        return BucketStore(Endpoint(self.url, REGION), AccessKey("testing", "testing"), name, "bundles/")

    @property
    def places(self) -> tuple[FileStore, FileStore]:
        return self.bucket("coffre-secrets"), self.bucket("coffre-escrow")

    def lock(self, name: str, wait_seconds: float) -> AbstractContextManager[None]:
        busy = BusyError("another run is writing the same secrets", "Wait.")
        location = locate(self.reference, self.base)
        return shared_lock(location, name, name, busy, Holder("apply", "claire", "poste"), wait_seconds)

    def store(self, wait_seconds: float = WAIT_SECONDS) -> SecretStore:
        found = SecretStore.open(
            *self.places, self.base / "checkout", lock_shared=self.lock, environment=self.environment
        )
        found._wait_seconds = wait_seconds
        return found

    def vault(self) -> Vault:
        return Vault.open(*self.places, self.base / "checkout", lock_shared=self.lock, environment=self.environment)


@pytest.fixture
def team(moto: Moto, postgresql_database: Database, tmp_path: Path) -> Team:
    moto.reset()
    found = Team(moto.url, postgresql_database.reference, tmp_path)
    client = make_client(Endpoint(moto.url, REGION), AccessKey("testing", "testing"))
    for name in ("coffre-secrets", "coffre-escrow"):
        client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    init(*found.places, tmp_path / "checkout", environment=found.environment)
    return found


@pytest.fixture
def secrets(team: Team) -> StoredSecrets:
    return StoredSecrets(team.store(), TENANT)


def versions(team: Team) -> list[str]:
    client = make_client(Endpoint(team.url, REGION), AccessKey("testing", "testing"))
    pages = [client.list_object_versions(Bucket=name) for name in ("coffre-secrets", "coffre-escrow")]
    return [each["Key"] for page in pages for each in (*page.get("Versions", []), *page.get("DeleteMarkers", []))]


def test_a_bucket_that_does_not_exist_is_named(team: Team) -> None:
    with pytest.raises(ExpectedError, match="there is no bucket for s3://coffre-none/bundles"):
        init(team.bucket("coffre-none"), team.base / "escrow", team.base / "checkout", environment=team.environment)


def test_only_sealed_bundles_reach_a_bucket(team: Team) -> None:
    data = make_data("compta-01")
    team.store().save_data(SLUG, data)
    for place in team.places:
        assert place.list_names() == [f"{SLUG}.data.age", "recipients.txt"]
        sealed = place.read(f"{SLUG}.data.age")
        assert sealed is not None
        assert sealed.startswith(b"age-encryption.org/v1\n")
    done = verify(team.vault(), {SLUG: TENANT_ID}, ())
    assert done.is_sound, done.findings
    assert [(each.place, each.is_warning) for each in done.findings] == [("s3://coffre-escrow/bundles", True)]
    assert done.bundles == 1


def test_a_lost_escrow_stops_everything(team: Team) -> None:
    team.store().save_data(SLUG, make_data("compta-01"))
    team.places[1].delete(f"{SLUG}.data.age")
    with pytest.raises(MissingCopyError, match=f"s3://coffre-escrow/bundles/{SLUG}.data.age is missing"):
        team.store().get_data(SLUG, TENANT_ID)


def grown(data: DataBundle) -> DataBundle:
    passwords = {**data.repository_passwords, "caisse-01": SealedPassword(minting.new_password())}
    return data.model_copy(update={"repository_passwords": passwords})


def test_destroyed_bundles_leave_no_version(team: Team) -> None:
    team.store().save_data(SLUG, data := make_data("compta-01"))
    team.store().save_data(SLUG, grown(data))
    done = team.store().destroy(SLUG, TENANT_ID, DataBundle)
    assert [place.partition("/bundles/")[0] for place in done.places] == ["s3://coffre-secrets", "s3://coffre-escrow"]
    assert not [key for key in versions(team) if key.endswith(".age")]
    assert team.store().destroy(SLUG, TENANT_ID, DataBundle) == done
    team.store().forget_destroyed(SLUG)
    assert {key.rpartition("/")[2] for key in versions(team)} == {"recipients.txt"}


def test_a_new_recipient_opens_what_is_in_buckets(team: Team) -> None:
    from coffre.secrets import age

    team.store().save_data(SLUG, make_data("compta-01"))
    other = age.new_identity()
    assert recipients.add_recipient(team.vault(), age.public_half(other), "Léa", lambda text: None) == 2
    sealed = team.places[1].read(f"{SLUG}.data.age")
    assert sealed is not None
    assert age.unseal(sealed, (other,), "x")


def _add_machines(team: Team, start: "Event", names: list[str]) -> None:
    """One engineer's computer: adds a password at a time, each time to what it finds."""
    start.wait(60)
    for name in names:
        while True:
            held = team.store().find_data(SLUG, TENANT_ID)
            known = {} if held is None else held.repository_passwords
            grown = DataBundle(tenant_id=TENANT_ID, repository_passwords={**known, name: minting.new_password()})
            try:
                team.store().save_data(SLUG, grown)
            except RefusedError:
                continue  # a colleague's password came between: look again
            break


def test_two_computers_that_write_at_once_lose_no_password(team: Team) -> None:
    context = multiprocessing.get_context("spawn")
    start, names = context.Event(), [f"pc-{number}" for number in range(8)]
    children = [context.Process(target=_add_machines, args=(team, start, names[turn::2])) for turn in range(2)]
    for child in children:
        child.start()
    start.set()
    for child in children:
        child.join(240)
        assert child.exitcode == 0
    assert sorted(team.store().get_data(SLUG, TENANT_ID).repository_passwords) == names


def test_a_colleague_that_writes_is_busy_after_a_bounded_time(team: Team) -> None:
    with (
        team.lock(SLUG, 0),
        pytest.raises(BusyError, match="another run is writing the same secrets: apply by claire on poste"),
    ):
        team.store(wait_seconds=0.2).save_data(SLUG, make_data("compta-01"))


def test_a_killed_write_is_repaired_by_the_next(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between its two writes, the escrow is ahead."""
    team.store().save_data(SLUG, before := make_data("compta-01"))
    after = grown(before)
    write: Callable[..., None] = BucketStore.write

    def killed(store: BucketStore, name: str, content: bytes) -> None:
        if store.bucket == "coffre-secrets":
            raise KeyboardInterrupt
        write(store, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(BucketStore, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            team.store().save_data(SLUG, after)
    assert team.store().get_data(SLUG, TENANT_ID) == after
    assert team.store().save_data(SLUG, after) is True
    assert team.places[0].read(f"{SLUG}.data.age") == team.places[1].read(f"{SLUG}.data.age")
