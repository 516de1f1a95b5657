"""Orders: what they say, that nobody else can write them, and when they count as the same."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre.agents import desired
from coffre.agents.driver import OrderedProgram
from tests.builders import machine_with, tenant_with

SEED = bytes(range(32))
NEW_SEED = bytes(range(1, 33))
RESTIC = OrderedProgram("0.18.1", "a" * 64, Path("restic"))
ISSUE = desired.Issue(4, datetime(2026, 11, 23, 12, 0, tzinfo=UTC))


def payload(**changes):
    tenant = tenant_with(
        plans={
            "office": {
                "paths": {"linux": ["/home", "/etc"], "windows": ["C:\\Users"]},
                "exclude": ["*.iso"],
                "schedule": ["Mon..Fri 12:30", "daily 19:00"],
                "keep": {"daily": 30},
            }
        },
        machines={"compta-01": machine_with(**changes)},
    )
    return desired.build_payload(tenant, "compta-01", {"restic": RESTIC}, ISSUE)


def test_the_payload_is_what_the_agent_reads():
    assert payload() == {
        "version": 1,
        "tenant_id": "k7f3q9wz2m",
        "machine": "compta-01",
        "generation": 4,
        "issued_at": "2026-11-23T12:00:00Z",
        "timezone": "Europe/Paris",
        "plan": {
            "paths": ["/home", "/etc"],
            "exclude": ["*.iso"],
            "schedule": [
                {"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "at": "12:30"},
                {"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "at": "19:00"},
            ],
        },
        "restic": {"version": "0.18.1", "sha256": "a" * 64},
        "run_deadline_seconds": 43200,
        "remove": False,
    }


def test_paths_are_those_of_the_machine_s_system():
    assert payload(os="windows")["plan"]["paths"] == ["C:\\Users"]


def test_an_accepted_path_is_ordered_as_long_as_the_plan_has_it():
    tenant = tenant_with(machines={"compta-01": machine_with()})
    path = tenant.plans[tenant.machines["compta-01"].plan].paths_for(tenant.machines["compta-01"].os)[0]
    words = [desired.AcceptedPath(path, 7, 0, 0), desired.AcceptedPath("/no/more", 7, 0, 0)]
    plan = desired.build_payload(tenant, "compta-01", {"restic": RESTIC}, ISSUE, accepted=words)["plan"]
    assert plan["accepted"] == [{"path": path, "number": 7, "files": 0, "bytes": 0}]
    assert (
        "accepted"
        not in desired.build_payload(tenant, "compta-01", {"restic": RESTIC}, ISSUE, accepted=words[1:])["plan"]
    )


def test_a_plan_without_baits_says_so_and_any_other_says_what_earlier_agents_understand():
    plans = {"office": {"paths": ["/home"], "schedule": ["daily 19:00"], "keep": {"daily": 30}, "baits": False}}
    without, usual = (
        desired.build_payload(each, "compta-01", {"restic": RESTIC}, ISSUE)["plan"]
        for each in (tenant_with(plans=plans), tenant_with())
    )
    assert (without["no_bait"], "no_bait" in usual) == (True, False)


def test_encoding_is_one_form_whatever_the_order_of_keys():
    reversed_keys = dict(reversed(list(payload().items())))
    assert desired.encode_payload(reversed_keys) == desired.encode_payload(payload())
    assert b" " not in desired.encode_payload({"a": 1, "b": [1, 2]})


def test_a_signed_document_opens_with_the_key_that_was_pinned():
    document = desired.sign(desired.encode_payload(payload()), SEED)
    assert desired.verify(document, desired.raw_public_key_of(SEED)) == payload()


@pytest.mark.parametrize(
    "change",
    [
        lambda fields: {**fields, "payload": base64.b64encode(b'{"version":1}').decode()},
        lambda fields: {**fields, "signatures": [base64.b64encode(bytes(64)).decode()]},
        lambda fields: {**fields, "signatures": ["not base64!"]},
        lambda fields: {**fields, "signatures": [*fields["signatures"], 7]},
        lambda fields: {**fields, "signatures": []},
        lambda fields: {**fields, "signatures": 7},
        lambda fields: {"payload": fields["payload"]},
        lambda fields: {"payload": fields["payload"], "signature": fields["signatures"][0]},
        lambda fields: [fields],
    ],
)
def test_a_document_that_was_touched_is_refused(change):
    fields = json.loads(desired.sign(desired.encode_payload(payload()), SEED))
    with pytest.raises(desired.InvalidOrdersError):
        desired.verify(json.dumps(change(fields)).encode(), desired.raw_public_key_of(SEED))


def test_two_signatures_are_good_for_either_key_and_for_no_other():
    document = desired.sign(desired.encode_payload(payload()), SEED, NEW_SEED)
    for seed in (SEED, NEW_SEED):
        assert desired.verify(document, desired.raw_public_key_of(seed)) == payload()
        assert (
            desired.verify(document, desired.raw_public_key_of(bytes(32)), desired.raw_public_key_of(seed)) == payload()
        )
    with pytest.raises(desired.InvalidOrdersError, match="not signed with this tenant's key"):
        desired.verify(document, desired.raw_public_key_of(bytes(32)))


def test_signatures_are_compared_with_those_that_should_be_there_no_fewer_and_no_more():
    old, new = desired.raw_public_key_of(SEED), desired.raw_public_key_of(NEW_SEED)
    only_old, both = (desired.sign(b"{}", *seeds) for seeds in ((SEED,), (NEW_SEED, SEED)))
    assert desired.is_signed_by(only_old, [old])
    assert desired.is_signed_by(both, [old, new])
    assert desired.is_signed_by(both, [new, old])
    assert not desired.is_signed_by(only_old, [old, new])
    assert not desired.is_signed_by(both, [new])
    assert not desired.is_signed_by(desired.sign(b"{}", SEED, SEED), [old, new])


def test_signing_again_changes_the_signatures_and_not_a_byte_of_the_payload():
    document = desired.sign(b'{"version": 1,  "odd": "spaces"}', SEED)
    again = desired.sign_again(document, NEW_SEED)
    assert json.loads(again)["payload"] == json.loads(document)["payload"]
    assert desired.is_signed_by(again, [desired.raw_public_key_of(NEW_SEED)])


@pytest.mark.parametrize("body", [b"", b"null", b"\xff", b"{}"])
def test_what_is_no_document_is_refused_without_a_traceback(body):
    with pytest.raises(desired.InvalidOrdersError):
        desired.verify(body, desired.raw_public_key_of(SEED))


def test_another_tenant_s_key_does_not_open_it():
    document = desired.sign(desired.encode_payload(payload()), bytes(32))
    with pytest.raises(desired.InvalidOrdersError, match="not signed with this tenant's key"):
        desired.verify(document, desired.raw_public_key_of(SEED))


def test_orders_of_another_version_are_refused_though_signed():
    document = desired.sign(b'{"version":2}', SEED)
    with pytest.raises(desired.InvalidOrdersError, match="does not contain orders of version 1"):
        desired.verify(document, desired.raw_public_key_of(SEED))


@pytest.mark.parametrize(("bucket", "records", "expected"), [(None, None, 1), (3, None, 4), (2, 7, 8), (7, 2, 8)])
def test_the_next_generation_follows_the_larger_of_both(bucket, records, expected):
    assert desired.next_generation(bucket, records) == expected


def test_generation_and_moment_do_not_make_other_orders():
    again = {**payload(), "generation": 9, "issued_at": "2027-01-01T00:00:00Z"}
    assert desired.list_differences(payload(), again) == ()
    assert desired.list_differences(payload(), {**payload(), "timezone": "UTC"}) == ("timezone",)


def test_differences_are_named_by_the_part_of_the_plan():
    changed = payload()
    changed["plan"] = {**changed["plan"], "paths": ["/srv"]}
    changed["restic"] = {"version": "0.19.0", "sha256": "b" * 64}
    assert desired.list_differences(payload(), {**changed, "generation": 5}) == ("plan.paths", "restic")
