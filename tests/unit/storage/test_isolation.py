"""The hostile calls of the isolation tests, decided by the policies that Coffre writes on each kind of platform."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from coffre.storage.aws.names import AwsPrincipals, programs_bucket
from coffre.storage.aws.policy import bucket_statements, machine_policy
from coffre.storage.ceph import bucket_policy
from coffre.storage.s3 import policy
from tests.contracts.isolation import FOREIGN, OWNERS_WORK, SETTINGS, STATES, Call
from tests.policy_evaluator import Decision, Request, evaluate

ACCOUNT, OTHER_ACCOUNT = "123456789012", "210987654321"
OWNER, MACHINE, NEIGHBOUR = "acme-k7f3q9wz2m", "acme-k7f3q9wz2m.thief", "acme-k7f3q9wz2m.neighbour"
OTHER_OWNER, STRANGER = "other-m2x8c4v6bn", "other-m2x8c4v6bn.stranger"
BUCKET, NEIGHBOURS, OTHERS = "acme-thief-0123456789", "acme-neighbour-0123456789", "other-stranger-0123456789"
SWITCHES = {
    "gate": (policy.GATE_SID, policy.gate_statement),
    "stop": (policy.STOP_SID, policy.stop_statement),
    "suspension": (policy.SUSPENSION_SID, policy.suspension_statement),
}


@dataclass(frozen=True)
class Kind:
    """The policies of a kind: those of a bucket, and a machine's own."""

    statements: Callable[[str, str, str | None], Mapping[str, Any]]
    names: policy.Principals = policy.NO_ACCOUNT
    own_policy: Callable[[str], Mapping[str, Any]] | None = None
    account: str | None = None


KINDS = {
    "ceph": Kind(bucket_policy.statements),
    "aws": Kind(
        lambda bucket, owner, machine: bucket_statements(ACCOUNT, bucket, owner, machine),
        AwsPrincipals(ACCOUNT),
        lambda bucket: machine_policy(ACCOUNT, bucket, programs_bucket(ACCOUNT, "eu-west-3")),
        ACCOUNT,
    ),
}
OWN_BUCKETS = {MACHINE: BUCKET, NEIGHBOUR: NEIGHBOURS, STRANGER: OTHERS}
OWNERS = {BUCKET: OWNER, NEIGHBOURS: OWNER, OTHERS: OTHER_OWNER}


@dataclass(frozen=True)
class World:
    """The policies of two tenants with three machines; of the first one's bucket these switches are on."""

    kind: Kind
    switches: Sequence[str] = ()
    is_retired: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def decide(self, caller: str | None, call: Call, bucket: str = BUCKET, **changes: Any) -> set[Decision]:
        """Return the decisions on everything that a call needs."""
        return {
            evaluate(
                replace(self._request(caller, need.action, need.resource), **changes),
                self._bucket_policy(need.resource),
                self._own_policies(caller),
            )
            for need in call.needs(bucket)
        }

    def allows(self, caller: str | None, call: Call, bucket: str = BUCKET) -> bool:
        return self.decide(caller, call, bucket) == {Decision.ALLOWED}

    def _request(self, caller: str | None, action: str, resource: str) -> Request:
        arn = None if caller is None else self.kind.names.arn(caller)
        return Request(arn, action, resource, self.kind.account)

    def _bucket_policy(self, resource: str) -> policy.PolicyDocument:
        bucket = resource.removeprefix("arn:aws:s3:::").split("/")[0]
        if bucket not in OWNERS:
            return {}
        machine = next(uid for uid, its in OWN_BUCKETS.items() if its == bucket)
        known = None if self.is_retired and bucket == BUCKET else machine
        document = policy.document({**self.kind.statements(bucket, OWNERS[bucket], known), **self.extra})
        for switch in self.switches if bucket == BUCKET else ():
            sid, statement = SWITCHES[switch]
            document = policy.with_switch(document, sid, statement(bucket, machine, self.kind.names))
        return document

    def _own_policies(self, caller: str | None) -> list[Mapping[str, Any]]:
        if self.kind.own_policy is None or caller not in OWN_BUCKETS or (self.is_retired and caller == MACHINE):
            return []
        return [self.kind.own_policy(OWN_BUCKETS[caller])]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.mark.parametrize("state", STATES)
def test_a_machine_may_what_its_state_says_and_nothing_else(kind: Kind, state: str) -> None:
    world = World(kind, STATES[state].switches)
    assert [str(call) for call in STATES[state].may if not world.allows(MACHINE, call)] == []
    assert [str(call) for call in STATES[state].may_not if world.allows(MACHINE, call)] == []


@pytest.mark.parametrize("switches", [state.switches for state in STATES.values()], ids=STATES)
@pytest.mark.parametrize(
    ("caller", "bucket"),
    [(MACHINE, NEIGHBOURS), (MACHINE, OTHERS), (STRANGER, BUCKET), (OTHER_OWNER, BUCKET), (OWNER, OTHERS),
     (NEIGHBOUR, BUCKET), (None, BUCKET)],
)  # fmt: skip
def test_nobody_else_sees_or_changes_anything(
    kind: Kind, caller: str | None, bucket: str, switches: Sequence[str]
) -> None:
    world = World(kind, switches)
    assert [str(call) for call in (*FOREIGN, *SETTINGS) if world.allows(caller, call, bucket)] == []


@pytest.mark.parametrize("caller", [MACHINE, STRANGER, OTHER_OWNER, None])
def test_a_retired_machine_has_no_right_left_and_nobody_gets_one(kind: Kind, caller: str | None) -> None:
    world = World(kind, is_retired=True)
    assert [str(call) for call in (*FOREIGN, *SETTINGS) if world.allows(caller, call)] == []


@pytest.mark.parametrize("switches", [state.switches for state in STATES.values()], ids=STATES)
@pytest.mark.parametrize("is_retired", [False, True])
def test_no_switch_shuts_the_owner_out(kind: Kind, switches: Sequence[str], is_retired: bool) -> None:
    world = World(kind, switches, is_retired)
    assert [str(call) for call in OWNERS_WORK if not world.allows(OWNER, call)] == []


def test_on_ceph_strangers_and_acls_meet_a_deny_because_an_acl_could_let_them_in() -> None:
    """In RGW a writer owns its objects, and an ACL allows what no statement denies: "not allowed" is not enough."""
    world = World(KINDS["ceph"])
    for caller in (NEIGHBOUR, STRANGER, OTHER_OWNER, None):
        assert world.decide(caller, Call("get_object", "reports/1.json")) == {Decision.DENIED}
    for call in (Call("put_object_acl", "reports/1.json"), Call("put_object_acl", "reports/1.json", is_versioned=True)):
        assert world.decide(MACHINE, call) == {Decision.DENIED}


def test_on_ceph_a_foreign_allow_does_not_let_a_stranger_in() -> None:
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    world = World(KINDS["ceph"], extra={"Foreign": allow})
    assert world.decide(STRANGER, Call("get_object", "reports/1.json")) == {Decision.DENIED}


@pytest.mark.parametrize("caller", [OWNER, MACHINE])
def test_on_aws_nothing_goes_without_tls(caller: str) -> None:
    world = World(KINDS["aws"])
    assert world.decide(caller, Call("get_object", "control/desired.json"), is_tls=False) == {Decision.DENIED}


def test_on_aws_a_machine_gets_nothing_in_a_bucket_of_its_name_in_another_account() -> None:
    world = World(KINDS["aws"])
    got = world.decide(MACHINE, Call("get_object", "control/desired.json"), account=OTHER_ACCOUNT)
    assert got == {Decision.NOT_ALLOWED}


def test_on_aws_a_machine_reads_programs_and_writes_none() -> None:
    """The bucket of programs has no policy for machines: each machine's own allows it to read them."""
    world, bucket = World(KINDS["aws"]), programs_bucket(ACCOUNT, "eu-west-3")
    assert world.allows(MACHINE, Call("get_object", "restic/abc"), bucket)
    for call in (Call("put_object", "restic/abc"), Call("delete_object", "restic/abc"), Call("list_objects_v2")):
        assert not world.allows(MACHINE, call, bucket)
