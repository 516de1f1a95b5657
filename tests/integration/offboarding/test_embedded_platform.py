"""The embedded platform on a real cluster: what it answers, and what files written by hand make of another one."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from coffre_lab.state import find_state

from coffre.errors import RefusedError
from coffre.offboarding.certificate.sealed import read_tenant_key
from coffre.offboarding.lifecycle.clock import check_day_of_erasure, read_today
from coffre.provisioning.steps.secrets import check_escrow
from coffre.tenant.lookup import local_today
from coffre.tenant.opening import OpenTenant

DAY = date(2027, 3, 2)


@contextmanager
def written_by_hand(office, slug: str, folder: Path, record: dict[str, str], *, marked: bool) -> Iterator[OpenTenant]:
    """Open a tenant on the running cluster, with an endpoints file and a lab's record that somebody wrote."""
    (folder / "endpoints.json").write_text(office.endpoints.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "state.json").write_text(json.dumps(record), encoding="utf-8")
    office.write_platform(folder / "endpoints.json")
    path = office.root / "platform.yaml"
    if not marked:
        path.write_text(path.read_text(encoding="utf-8").replace("    lab: true ", "    # no lab "), encoding="utf-8")
    try:
        with office.opened(slug) as opened:
            yield opened
    finally:
        office.write_platform()


@pytest.fixture
def identity(lab) -> dict[str, str]:
    """What the running cluster answers, as anybody with its administrator's key can ask it."""
    state = find_state(lab.directory / "state.json")
    assert state is not None
    return {"fsid": state.fsid, "zone_id": state.zone_id}


def test_the_running_cluster_says_that_it_is_the_lab(opened, identity):
    told = opened.storage.list_platform_ids()
    assert told
    assert set(told) <= set(identity.values())
    assert opened.embedded.is_proved
    assert read_today(opened.tenant, opened.embedded, DAY) == DAY
    assert check_escrow(opened.checkout, opened.embedded)


def test_a_record_written_by_hand_makes_no_lab_of_a_platform_that_is_not_marked(office, opened, identity, tmp_path):
    """Another root whose platform.yaml calls the cluster a real one; its own answer lies in state.json beside it."""
    with written_by_hand(office, opened.tenant.slug, tmp_path, identity, marked=False) as real:
        assert not real.embedded.is_proved
        with pytest.raises(RefusedError, match="--today is refused"):
            read_today(real.tenant, real.embedded, DAY)
        with pytest.raises(RefusedError, match="names no signing key"):
            read_tenant_key(real.tenant, real.checkout, real.embedded, datetime.now(UTC))
        with pytest.raises(RefusedError, match="same file system"):
            check_escrow(real.checkout, real.embedded)


def test_a_marked_platform_whose_cluster_is_another_is_a_real_one(office, opened, tmp_path):
    other = {"fsid": "0b1c9f6e-0000-4000-8000-000000000000", "zone_id": "0b1c9f6e-1111-4000-8000-000000000000"}
    with written_by_hand(office, opened.tenant.slug, tmp_path, other, marked=True) as real:
        assert "the cluster that answers is not the one" in real.embedded.why_not
        with pytest.raises(RefusedError, match="the cluster that answers is not the one"):
            read_today(real.tenant, real.embedded, DAY)


def test_the_day_of_an_erasure_is_the_platform_s_by_a_signed_request(office, opened, identity, tmp_path):
    assert abs(opened.storage.probe_server_time() - datetime.now(UTC)) < timedelta(seconds=5)
    today = local_today(opened.tenant)
    with written_by_hand(office, opened.tenant.slug, tmp_path, identity, marked=False) as real:
        check_day_of_erasure(real.tenant, real.storage, real.embedded, today, today)
        with pytest.raises(RefusedError, match="nothing is erased before"):
            check_day_of_erasure(real.tenant, real.storage, real.embedded, DAY, DAY)
    check_day_of_erasure(opened.tenant, opened.storage, opened.embedded, DAY, DAY)
