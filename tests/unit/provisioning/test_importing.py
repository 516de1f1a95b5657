"""A found tenant as a draft of its file: which machine has which bucket, what orders tell, and what is refused."""

import base64
from dataclasses import replace
from datetime import date
from itertools import takewhile
from typing import Any

import pytest
from pydantic import SecretStr

from coffre.agents import desired
from coffre.errors import RefusedError
from coffre.provisioning.importing.draft import draft_tenant, refuse_lost_hold, refuse_lost_retirement
from coffre.provisioning.importing.found import (
    FoundMachine,
    FoundPart,
    FoundTenant,
    Identity,
    PastFacts,
    name_buckets,
    read_orders,
)
from coffre.records.facts.agents import Install
from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.sealed import SealedPassword
from coffre.spec import naming
from coffre.spec.intake.new import Sheet, complete_draft, render_checked
from coffre.spec.intake.questions import interview_rest
from coffre.spec.problems.problems import InvalidRepositoryError
from coffre.storage.values import OwnerFacts

WHO = Identity("martin", "k7f3q9wz2m")
COMPTA, CAISSE, OLD = "compta-01", "caisse-01", "vieux-pc"
GIB = 1 << 30
ANSWERS = b"""
contract: {reference: BC-2026-0412, signed_on: 2026-11-02, in_service_on: 2026-12-01, siren: "552100554"}
contact: {name: Claire Martin, email: claire@martin.example, phone: "+33 4 76 00 00 00"}
licences: {workstation: 2}
plans: {plan-1: {keep: {daily: 30}}}
machines:
  compta-01: {kind: workstation, os: linux, connection: {via: ssh, host: a.martin.example, user: root}}
  caisse-01: {kind: workstation, os: linux, connection: {via: ssh, host: b.martin.example, user: root}}
"""
ORDERS: dict[str, Any] = {
    "version": 1,
    "tenant_id": WHO.id,
    "machine": COMPTA,
    "generation": 3,
    "timezone": "Europe/Paris",
    "plan": {
        "paths": ["/home"],
        "exclude": ["*.iso"],
        "schedule": [
            {"days": ["Mon", "Tue", "Wed", "Thu", "Fri"], "at": "12:30"},
            {"days": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "at": "19:00"},
            {"days": ["Mon", "Wed"], "at": "07:00"},
        ],
    },
}


def bucket_of(machine: str) -> str:
    return naming.bucket_name(WHO.slug, WHO.id, machine)


def control(**keys: Any) -> ControlBundle:
    return ControlBundle(
        tenant_id=WHO.id,
        owner_key=minting.new_access_key(),
        machine_keys=keys,
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    )


def data(*machines: str) -> DataBundle:
    passwords = {name: SealedPassword(SecretStr("x")) for name in machines}
    return DataBundle(tenant_id=WHO.id, repository_passwords=passwords)


def found(**more: Any) -> FoundTenant:
    machines = [FoundMachine(name, bucket_of(name), True, ORDERS) for name in (CAISSE, COMPTA)]
    owner = OwnerFacts("martin-k7f3q9wz2m", 14 * GIB, GIB, False, (), "Boulangerie Martin SARL")
    values: dict[str, Any] = {"quota_bytes": 10 * GIB, "undelete_days": 14, "is_kept": False, "is_shut_out": False}
    return FoundTenant(WHO, "lab", owner, **({"machines": machines} | values | more))


def test_each_bucket_is_the_machines_of_a_user_or_of_a_bundle() -> None:
    """A retired machine has no user and no key any more; only its password is left."""
    names = name_buckets(WHO, [bucket_of(COMPTA), bucket_of(OLD)], {COMPTA}, control(), data(COMPTA, OLD))
    assert names == {COMPTA: bucket_of(COMPTA), OLD: bucket_of(OLD)}


def test_a_bucket_of_nobody_is_refused() -> None:
    with pytest.raises(RefusedError, match="owns martin-strange, which belongs to no machine"):
        name_buckets(WHO, [bucket_of(COMPTA), "martin-strange"], {COMPTA}, control(), data())


def test_a_user_without_its_bucket_is_refused() -> None:
    with pytest.raises(RefusedError, match=f"{CAISSE} of martin has a user and no bucket"):
        name_buckets(WHO, [bucket_of(COMPTA)], {COMPTA, CAISSE}, control(), data())


class Bucket:
    def __init__(self, document: bytes | None) -> None:
        self.document = document

    def find(self, key: str, limit_bytes: int) -> bytes | None:
        return self.document


@pytest.mark.parametrize("case", ["ours", "the old key's", "another key's", "another machine's", "rubbish", "none"])
def test_only_orders_of_this_tenants_key_for_this_machine_tell_anything(case: str) -> None:
    keys = control()
    if case == "the old key's":
        keys = keys.model_copy(update={"old_signing_key": keys.signing_key, "signing_key": minting.new_signing_key()})
    key = {"ours": keys.signing_key, "the old key's": keys.old_signing_key}.get(case) or minting.new_signing_key()
    if case == "another machine's":
        key = keys.signing_key
    orders = ORDERS | ({"machine": CAISSE} if case == "another machine's" else {})
    document: bytes | None = desired.sign(desired.encode_payload(orders), base64.b64decode(key.get_secret_value()))
    document = {"rubbish": b"{", "none": None}.get(case, document)
    read = read_orders(Bucket(document), keys, WHO, COMPTA)  # type: ignore[arg-type]
    assert read == (ORDERS if case in ("ours", "the old key's") else None)


def test_a_draft_and_the_rest_are_the_file() -> None:
    whole = complete_draft(draft_tenant(found()), ANSWERS, "answers.yaml", WHO.slug, ["lab"])
    text = render_checked(WHO.slug, whole, ["lab"])
    assert "quota: 10 GiB" in text
    assert whole["plans"] == {
        "plan-1": {
            "paths": ["/home"],
            "exclude": ["*.iso"],
            "schedule": ["Mon..Fri 12:30", "daily 19:00", "Mon,Wed 07:00"],
            "keep": {"daily": 30},
        }
    }
    assert whole["machines"][COMPTA]["plan"] == whole["machines"][CAISSE]["plan"] == "plan-1", "equal orders, one plan"


def test_an_answer_counts_more_than_what_was_found_but_no_id() -> None:
    whole = complete_draft(draft_tenant(found()), ANSWERS + b"name: Autre\n", "answers.yaml", WHO.slug, ["lab"])
    assert whole["name"] == "Autre"
    with pytest.raises(InvalidRepositoryError) as caught:
        complete_draft(draft_tenant(found()), ANSWERS + b"id: k7f3q9wz2n\n", "answers.yaml", WHO.slug, ["lab"])
    assert "answers.yaml:9:1: id: is found on the platform" in str(caught.value.problems[0])


def test_what_is_missing_is_named_in_the_answers() -> None:
    with pytest.raises(InvalidRepositoryError) as caught:
        complete_draft(draft_tenant(found()), b"licences: {workstation: 2}\n", "answers.yaml", WHO.slug, ["lab"])
    assert {problem.path for problem in caught.value.problems} >= {"contract", "contact"}


def test_on_a_terminal_only_the_rest_is_asked() -> None:
    sheet = Sheet(WHO.slug, WHO.id, ["lab"])
    sheet.data = draft_tenant(found())
    answers = {"Licences sold: workstations": "2", "SIREN, 9 digits": "552100554", "Signed on": "2026-11-02"}
    answers |= {"Planned first day of service": "2026-12-01", "Their e-mail address": "c@martin.example"}
    answers |= {"Their phone number": "+33 4 76 00 00 00", "Number of the order form": "BC-2026-0412"}
    answers |= {"Named contact (article 6)": "Claire Martin"}
    hosts = iter(("a.martin.example", "b.martin.example"))
    asked = []
    for question in interview_rest(sheet):
        asked.append(question.loc)
        answer = next(hosts) if question.loc[-1] == "host" else answers.get(question.text, "")
        assert sheet.answer(question, answer) is None, question
    assert ("storage", "quota") not in asked
    assert ("name",) not in asked
    assert ("machines", CAISSE, "connection", "host") in asked
    assert ("plans", "plan-1", "keep", "daily") in asked
    assert ("plans", "plan-1", "paths") not in asked
    assert "plan: plan-1" in sheet.text()


def test_licences_that_the_records_know_are_not_asked() -> None:
    sheet = Sheet(WHO.slug, WHO.id, ["lab"])
    sheet.data = draft_tenant(found(past=PastFacts(licences={"workstation": 2})))
    asked = [each.loc for each in takewhile(lambda each: each.loc[0] != "machines", interview_rest(sheet))]
    assert ("contact", "email") in asked
    assert ("storage", "quota") not in asked
    assert not [loc for loc in asked if loc[0] == "licences"]
    assert sheet.data["licences"] == {"workstation": 2}


def test_machines_of_several_systems_keep_the_paths_of_their_orders() -> None:
    other = ORDERS | {"machine": CAISSE, "plan": ORDERS["plan"] | {"paths": [r"C:\Users"]}}
    machines = [
        FoundMachine(CAISSE, bucket_of(CAISSE), True, other),
        FoundMachine(COMPTA, bucket_of(COMPTA), True, ORDERS),
    ]
    sheet = Sheet(WHO.slug, WHO.id, ["lab"])
    sheet.data = draft_tenant(found(machines=machines, past=PastFacts(licences={"workstation": 2})))
    for name, system in ((CAISSE, "windows"), (COMPTA, "linux")):
        sheet.data["machines"][name] |= {"kind": "workstation", "os": system, "connection": {"via": "pull"}}
    asked = [each.loc for each in interview_rest(sheet)]
    assert not [loc for loc in asked if "paths" in loc]
    assert ("plans", "plan-2", "keep", "daily") in asked


def test_a_hold_that_nobody_knows_of_is_not_lost() -> None:
    draft = draft_tenant(found(is_kept=True))
    with pytest.raises(RefusedError, match="as under a hold"):
        refuse_lost_hold(found(is_kept=True), draft)
    hold = {"reference": "TJ-2026-118", "since": "2026-11-20", "kind": "preserve"}
    refuse_lost_hold(found(is_kept=True), draft | {"hold": hold})
    refuse_lost_hold(found(is_kept=True, past=PastFacts(is_held=True)), draft)
    refuse_lost_hold(found(), draft)


def test_a_retired_machine_does_not_come_back_into_service() -> None:
    gone = FoundMachine(OLD, bucket_of(OLD), False, None)
    unknown = found(machines=[gone])
    with pytest.raises(RefusedError, match="it is retired"):
        refuse_lost_retirement(unknown, draft_tenant(unknown))
    past = PastFacts(retired={OLD: (date(2026, 12, 31), date(2027, 3, 31))})
    known = replace(unknown, past=past)
    refuse_lost_retirement(known, draft_tenant(known))
    assert draft_tenant(known)["machines"][OLD]["retired"] == {"on": "2026-12-31", "keep_until": "2027-03-31"}


def test_what_shuts_machines_out_is_in_the_draft() -> None:
    assert draft_tenant(found(is_shut_out=True))["status"] == "suspended"
    assert "status" not in draft_tenant(found())
    assert draft_tenant(found(copy_platform="aws-paris"))["storage"]["copy"] == {"platform": "aws-paris"}


def test_machines_without_a_bucket_are_those_of_the_records_with_their_agent_and_plan() -> None:
    runs = Install("server", generation=0, agent="acronis", plan="office")
    at_vendor = replace(found(), machines=(FoundMachine(CAISSE, "", True, None, runs),))
    assert draft_tenant(at_vendor)["machines"] == {CAISSE: {"kind": "server", "agent": "acronis", "plan": "office"}}


def test_the_part_at_a_vendor_is_in_the_draft() -> None:
    parted = replace(found(), quota_bytes=10 * GIB, parts={"lab": FoundPart(6 * GIB), "vendor": FoundPart(4 * GIB)})
    storage = draft_tenant(parted)["storage"]
    assert storage["quota"] == "10 GiB"
    assert storage["parts"] == {"lab": {"quota": "6 GiB"}, "vendor": {"quota": "4 GiB"}}


def test_the_licences_that_a_vendor_grants_are_in_the_draft_of_its_part() -> None:
    vendor = FoundPart(None, {"workstation": 2, "server": 1})
    parted = replace(found(), parts={"lab": FoundPart(6 * GIB), "vendor": vendor})
    parts = draft_tenant(parted)["storage"]["parts"]
    assert parts["vendor"] == {"licences": {"workstation": 2, "server": 1}}, "its quota is an answer"


def test_a_tenant_of_a_vendors_has_the_licences_of_the_records_else_those_that_are_granted() -> None:
    granted = {"workstation": 2}
    assert draft_tenant(found(licences_granted=granted))["licences"] == granted
    past = PastFacts(licences={"workstation": 3})
    assert draft_tenant(found(licences_granted=granted, past=past))["licences"] == {"workstation": 3}
    assert "licences" not in draft_tenant(found())
