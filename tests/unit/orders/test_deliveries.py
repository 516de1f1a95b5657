"""A delivery is for one key alone, has a number of its own, and is written again when it is not there any more."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.agents.desired import InvalidOrdersError
from coffre.agents.driver import AgentConfiguration, SeenNumbers
from coffre.orders import deliveries
from coffre.orders.control import known_seeds, public_keys_of
from coffre.orders.deliveries import Content, Deliveries, Recipient, digest, find_last
from coffre.records.database.store import Records
from coffre.records.facts.enrolment import ConfigurationDelivered
from coffre.secrets.errors import WrongIdentityError
from coffre.spec import naming
from tests.builders import tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of
from tests.doubles.pulled_machine import PulledMachine

MACHINE = "compta-01"
CONFIGURATION = AgentConfiguration(b'{"machine": "compta-01"}', b'{"repository_password": "tr0mpette"}', b"PEM")
CONTENT = Content(CONFIGURATION, SeenNumbers(7, 3), digest(CONFIGURATION))
LEA, THIEF = PulledMachine(), PulledMachine()
HER = Recipient(LEA.public_key, "0a" * 16, "portable")


class Killed(BaseException):
    """The process ended here."""


class Desk:
    def __init__(self, records: Records) -> None:
        self.tenant = tenant_with()
        self.estate = InMemoryEstate.of_all(self.tenant)
        self.log = log_of(self.tenant, records)
        self.bucket = self.estate.bucket(MACHINE)

    @property
    def key(self) -> bytes:
        return public_keys_of(known_seeds(self.estate.secrets.control()))[0]

    def ensure(self, recipient: Recipient = HER, content: Content = CONTENT) -> ConfigurationDelivered | None:
        made = Deliveries(self.tenant, self.estate.buckets, self.estate.secrets.control(), self.log)
        return made.ensure(MACHINE, recipient, content)

    def lying(self) -> bytes:
        found = self.bucket.find(naming.DELIVERY_KEY, deliveries.LIMIT_BYTES)
        assert isinstance(found, bytes)
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield Desk(records)


def test_only_its_machine_opens_a_delivery_and_only_ours_are_signed(desk: Desk) -> None:
    assert desk.ensure() == find_last(desk.log, MACHINE)
    seen = LEA.open(desk.lying(), desk.key)
    assert {name: seen[name] for name in ("purpose", "number", "machine", "tenant_id", "invitation", "public_key")} == {
        "purpose": "delivery",
        "number": 1,
        "machine": MACHINE,
        "tenant_id": desk.tenant.id,
        "invitation": "0a" * 16,
        "public_key": LEA.public_key,
    }
    assert seen["opened"] == {
        "settings": CONFIGURATION.settings,
        "credentials": CONFIGURATION.credentials,
        "certificates": b"PEM",
        "reports_after": 7,
        "check_ins_after": 3,
    }
    with pytest.raises(WrongIdentityError):
        THIEF.open(desk.lying(), desk.key)
    with pytest.raises(InvalidOrdersError):
        LEA.open(desk.lying(), bytes(32))
    assert b"tr0mpette" not in desk.lying()


def test_the_same_is_delivered_once_and_another_content_or_key_again(desk: Desk) -> None:
    desk.ensure()
    assert desk.ensure() is None
    assert desk.ensure(Recipient(LEA.public_key)) is None
    other = AgentConfiguration(b"{}", b"{}", b"PEM")
    again = desk.ensure(Recipient(LEA.public_key), Content(other, SeenNumbers(), digest(other)))
    assert again is not None
    assert (again.number, again.invitation) == (2, "0a" * 16)
    third = desk.ensure(Recipient(THIEF.public_key, "0b" * 16), Content(other, SeenNumbers(), digest(other)))
    assert third is not None
    assert (third.number, third.invitation) == (3, "0b" * 16)


@pytest.mark.parametrize("spoil", ["gone", "rubbish", "older", "forged"])
def test_what_the_host_spoils_is_delivered_again_under_a_new_number(desk: Desk, spoil: str) -> None:
    desk.ensure()
    first = desk.lying()
    other = AgentConfiguration(b"{}", b"{}", b"PEM")
    desk.ensure(Recipient(LEA.public_key), Content(other, SeenNumbers(), digest(other)))
    forged = json.dumps({"payload": base64.b64encode(b'{"number": 2}').decode(), "signatures": ["AA=="]}).encode()
    if spoil == "gone":
        desk.bucket.hide(naming.DELIVERY_KEY)
    else:
        desk.bucket.put(naming.DELIVERY_KEY, {"rubbish": b"\0", "older": first, "forged": forged}[spoil])
    again = desk.ensure(Recipient(LEA.public_key), Content(other, SeenNumbers(), digest(other)))
    assert again is not None
    assert again.number == 3
    assert LEA.open(desk.lying(), desk.key)["number"] == 3


def test_a_kill_before_the_write_gives_no_number_two_contents(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "put_document", die)
        with pytest.raises(Killed):
            desk.ensure()
    assert desk.bucket.find(naming.DELIVERY_KEY, 100) is None
    again = desk.ensure()
    assert again is not None
    assert again.number == 2
