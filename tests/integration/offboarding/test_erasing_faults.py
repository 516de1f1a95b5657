"""An erasure that is killed, or whose platform goes away or was half emptied by others: the next run finishes it."""

import itertools
import json
import os
import signal
import subprocess
import sys

import pytest
from coffre_lab.processes import wait_until

from coffre.errors import RemoteError
from coffre.offboarding.erase import bucket as erasing
from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket
from coffre.offboarding.erase.counting import count_bucket
from coffre.offboarding.lifecycle.evidence import ErasureBegan, read_evidence
from coffre.records.details import to_details
from tests.integration.offboarding.office import REPOSITORY, fill, pool_objects

BATCH = 50
"""As many objects at a time here: batches are tested, not how large they are (`test_erasing.py` has whole ones)."""

ERASE = """
import itertools, json, signal, sys
from pathlib import Path
from coffre.offboarding.erase import bucket as erasing
from coffre.offboarding.erase.bucket import erase_bucket
from coffre.offboarding.lifecycle.evidence import ErasureBegan, read_evidence
from coffre.tenant.opening import open_tenant
from coffre.spec.loader import load_checkout

erasing.BATCH = int(sys.argv[5])
asked = itertools.count(1)

def refuse():
    if next(asked) == int(sys.argv[4]):
        print("now", flush=True)
        signal.pause()

began = read_evidence(ErasureBegan, json.loads(sys.argv[3]))
with open_tenant(load_checkout(Path(sys.argv[1])), sys.argv[2], str) as opened:
    erase_bucket(opened.tenant, opened.storage, opened.buckets, opened.memory, began, str, resumes=False, refuse=refuse)
"""


def allow() -> None:
    """Nothing forbids the erasure."""


def erase(opened, began, *, resumes=False, refuse=allow, said=None):
    return erase_bucket(
        opened.tenant,
        opened.storage,
        opened.buckets,
        opened.memory,
        began,
        (said if said is not None else []).append,
        resumes=resumes,
        refuse=refuse,
    )


def begin(opened, machine, objects):
    """Fill a bucket with so many objects, and some with earlier versions, and identify it."""
    fill(opened, machine, [f"restic/data/{number:04}" for number in range(objects)])
    fill(opened, machine, [f"restic/index/{number:02}" for number in range(objects // 30)], times=2)
    found = identify_bucket(opened.tenant, opened.storage, opened.buckets, machine)
    assert found is not None
    return found


@pytest.fixture
def began(opened, machine, monkeypatch):
    """A bucket of 320 versions, which are seven batches."""
    monkeypatch.setattr(erasing, "BATCH", BATCH)
    return begin(opened, machine, 300)


@pytest.mark.parametrize("asked", [2, 3, 6])
def test_killed_in_the_middle_the_next_run_finishes_and_counts_all(office, opened, machine, began, lab, asked):
    """Killed before its first batch, and with some of them sent, of which some may be under way."""
    evidence = json.dumps(to_details(began))
    command = [sys.executable, "-c", ERASE, str(office.root), opened.tenant.slug, evidence, str(asked), str(BATCH)]
    with subprocess.Popen(
        command, cwd=REPOSITORY, env={**os.environ, **office.environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGKILL)
    left = count_bucket(opened.storage, opened.buckets, machine)
    assert not left.is_empty
    # The journal has only what was written before the kill.
    erased = erase(opened, read_evidence(ErasureBegan, json.loads(evidence)), resumes=True)
    assert (erased.is_gone, erased.deleted, erased.left.is_empty) == (True, began.before, True)
    # What the killed run had sent, the platform may still be working on.
    wait_until(lambda: not pool_objects(lab, began.marker), "something of the bucket stays", seconds=60, pause=1.0)


def test_killed_between_the_bucket_s_end_and_the_journal_the_next_run_says_the_same(opened, began):
    assert erase(opened, began) == erase(opened, began, resumes=True)


def test_503_for_a_minute_is_waited_for(office, opened, began, tmp_path):
    said: list[str] = []
    with office.through_proxy(opened, tmp_path) as (proxy, faulty):
        calls = itertools.count()

        def fail_once() -> None:
            if next(calls) == 3:
                proxy.answer_503(60)

        erased = erase(faulty, began, refuse=fail_once, said=said)
    assert any("waiting for the platform" in text for text in said)
    assert (erased.is_gone, erased.deleted) == (True, began.before)


def test_a_platform_that_stays_away_is_one_error_and_the_next_run_finishes(
    office, opened, machine, began, tmp_path, monkeypatch
):
    monkeypatch.setattr(erasing, "AWAY_SECONDS", 3.0)
    with office.through_proxy(opened, tmp_path) as (proxy, faulty):
        calls = itertools.count()

        def fail() -> None:
            if next(calls) == 3:
                proxy.only_for("POST", 3600)

        with pytest.raises(RemoteError, match=r"delete \d+ versions .*HTTP 503"):
            erase(faulty, began, refuse=fail)
    assert not count_bucket(opened.storage, opened.buckets, machine).is_empty
    erased = erase(opened, began, resumes=True)
    assert (erased.is_gone, erased.deleted) == (True, began.before)


def test_what_radosgw_admin_left_half_deleted_goes(opened, machine, lab):
    """Somebody began to purge the bucket by hand and was stopped: the rest goes, and the count is whole."""
    began = begin(opened, machine, 1500)
    whole = len(pool_objects(lab, began.marker))
    purge = ["bucket", "rm", f"--bucket={began.bucket}", "--purge-objects", "--bypass-gc"]
    with subprocess.Popen(lab.ceph_command("radosgw-admin", *purge)) as process:
        while opened.storage.find_bucket(began.bucket).entries > 1500:
            assert process.poll() is None
        process.kill()
    assert 0 < len(pool_objects(lab, began.marker)) < whole
    erased = erase(opened, began)
    assert (erased.is_gone, erased.deleted) == (True, began.before)
    assert opened.storage.list_leftovers([began.bucket]) == []
    assert pool_objects(lab, began.marker) == []
