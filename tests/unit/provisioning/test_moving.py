"""The move to a team's places, over folders: what is copied is compared, and what stays is marked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.errors import BusyError, ExpectedError, InvalidFileError, RefusedError, UsageError
from coffre.provisioning import moving
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.moving import Destination, TeamMove, move_to_team
from coffre.secrets.bundles import DataBundle
from coffre.secrets.errors import BundleError
from coffre.secrets.holders.setup import init
from coffre.secrets.minting import new_password
from coffre.secrets.store import SecretStore
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.tenant.opening import open_bundle_places
from coffre.workspace.file_store import FileStore, FolderStore
from coffre.workspace.locks import tenant_lock
from tests.builders import PLATFORM, tenant_with

TENANT = tenant_with()
NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
STATE = json.dumps({"version": 3, "checkpoint": {"latest": {"resources": []}}}).encode()
STORES = {name: {"endpoint": "https://s3.example", "credential": "env:NONE"} for name in ("etat", "sequestre")}
TO = Destination(state="s3://etat/pulumi", secrets="s3://etat/secrets", escrow="s3://sequestre/x")


@dataclass
class Office:
    """A checkout with state and bundles, and folders that stand for the buckets."""

    base: Path
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.root = self.base / "checkout"
        self.root.mkdir()
        environment = {"XDG_CONFIG_HOME": str(self.base / "config")}
        self.identity = self.base / "config/coffre/identity.txt"
        places = (self.root / ".coffre/secrets", self.base / "escrow")
        init(*places, self.root, environment=environment)
        self.store = SecretStore.open(*places, self.root, environment=environment)
        self.store.save_data(
            "martin",
            DataBundle.model_validate({"tenant_id": TENANT.id, "repository_passwords": {"compta-01": new_password()}}),
        )
        for stack in ("martin", "durand"):
            self.state_of(stack).parent.mkdir(parents=True, exist_ok=True)
            self.state_of(stack).write_bytes(STATE)
        settings = {**PLATFORM, "escrow": str(self.base / "escrow"), "records": "env:RECORDS", "stores": STORES}
        self.checkout = Checkout(self.root, PlatformFile.model_validate(settings), {TENANT.slug: TENANT})

    def state_of(self, stack: str) -> Path:
        return self.root / f".coffre/state/.pulumi/stacks/coffre/{stack}.json"

    def open(self, reference: str, *_more: object) -> FileStore:
        bucket, _, prefix = reference.removeprefix("s3://").partition("/")
        folder = self.base / "buckets" / bucket / prefix
        folder.mkdir(parents=True, exist_ok=True)
        return FolderStore(folder, self.base)

    def move(self, to: Destination = TO) -> TeamMove:
        return move_to_team(self.checkout, to, (), NOW, self.said.append, self.identity)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    office = Office(tmp_path)
    monkeypatch.setattr(moving, "open_store", office.open)
    return office


def test_everything_is_there_and_what_stays_is_marked(office: Office) -> None:
    assert state_folder(office.checkout).list_stacks() == ["durand", "martin"]
    done = office.move()
    assert done.counts == {"state": 2, "secrets": 1, "escrow": 1}
    assert done.changes == {"state": TO.state, "secrets": TO.secrets, "escrow": TO.escrow}
    assert office.open(TO.state).read(".pulumi/stacks/coffre/martin.json") == STATE
    for place in (TO.secrets, TO.escrow):
        assert office.open(place).list_names() == ["martin.data.age", "recipients.txt"]
    with pytest.raises(RefusedError, match="Pulumi's state was moved to s3://etat/pulumi"):
        state_folder(office.checkout)
    with pytest.raises(RefusedError, match="the secrets folder was moved to s3://etat/secrets"):
        open_bundle_places(office.checkout)
    assert office.state_of("martin").read_bytes() == STATE
    assert office.move().counts == {"state": None, "secrets": None, "escrow": None}


@pytest.mark.parametrize("copies", range(1, 7))
def test_killed_after_any_copy_it_is_run_again(office: Office, monkeypatch: pytest.MonkeyPatch, copies: int) -> None:
    write: Callable[[FolderStore, str, bytes], None] = FolderStore.write
    made: list[str] = []

    def killed(store: FolderStore, name: str, content: bytes) -> None:
        if len(made) == copies:
            raise KeyboardInterrupt
        made.append(name)
        write(store, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "write", killed)
        with pytest.raises(KeyboardInterrupt):
            office.move()
    assert state_folder(office.checkout).list_stacks() == ["durand", "martin"]
    assert office.move().counts == {"state": 2, "secrets": 1, "escrow": 1}


def test_another_state_or_bundle_there_is_not_overwritten(office: Office) -> None:
    other = STATE + b"\n"
    office.open(TO.state).write(".pulumi/stacks/coffre/martin.json", other)
    with pytest.raises(RefusedError, match=r"martin\.json is another state than that of this checkout"):
        office.move()
    assert office.open(TO.state).read(".pulumi/stacks/coffre/martin.json") == other
    office.open(TO.secrets).write("martin.data.age", b"other")
    with pytest.raises(RefusedError, match=r"martin\.data\.age is not the same as"):
        office.move(Destination(secrets=TO.secrets))
    assert office.open(TO.secrets).read("martin.data.age") == b"other"
    office.store.get_data("martin", TENANT.id)


def test_a_bundle_that_does_not_open_stops_the_move(office: Office) -> None:
    (office.root / ".coffre/secrets/martin.data.age").write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"martin\.data\.age"):
        office.move(Destination(secrets=TO.secrets))
    assert open_bundle_places(office.checkout)


def test_a_damaged_state_stops_the_move(office: Office) -> None:
    office.state_of("martin").write_bytes(b"{")
    with pytest.raises(ExpectedError, match="the state of martin is damaged"):
        office.move(Destination(state=TO.state))


def test_a_tenant_at_work_stops_the_move(office: Office) -> None:
    with tenant_lock(office.root, TENANT.slug), pytest.raises(BusyError, match="another command is changing martin"):
        office.move()
    assert not (office.base / "buckets").exists()


@pytest.mark.parametrize(
    ("to", "error", "says"),
    [
        (Destination(), UsageError, "nothing to move is named"),
        (Destination(state="s3://autre"), InvalidFileError, "there is no store of the bucket autre"),
        (
            Destination(secrets="s3://etat/a", escrow="s3://etat/b"),
            InvalidFileError,
            "the second copy is in the same bucket",
        ),
        (Destination(state="s3://etat", records="sqlite:x.db"), InvalidFileError, "cannot lock a tenant"),
        (Destination(state="file:elsewhere"), UsageError, "--state names no bucket"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_copied(
    office: Office, to: Destination, error: type[ExpectedError], says: str
) -> None:
    with pytest.raises(error, match=says):
        office.move(to)
    assert not (office.base / "buckets").exists()
