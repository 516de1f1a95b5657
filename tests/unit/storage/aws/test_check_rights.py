"""Coffre's rights as IAM simulates them: which questions are asked, and what its answers come to."""

from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.checks.account import simulate_rights
from coffre.storage.aws.checks.judge import Identity
from coffre.storage.aws.checks.sessions import Sessions
from coffre.storage.aws.own_rights import Scope, list_actions

ACCOUNT, REGION = "123456789012", "eu-west-3"
PLATFORM = AwsPlatform(
    kind="aws", account=ACCOUNT, region=REGION, hosting={"operator": "AWS", "site": "Paris", "country": "FR"}
)
USER = f"arn:aws:iam::{ACCOUNT}:user/coffre-admin"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/ops/coffre"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/coffre/engineer"


class Iam:
    """Answers like IAM, without a request; ``allows`` decides each action on its resource."""

    def __init__(self, allows: Callable[[str, str], bool]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._allows = allows
        self.client = botocore.session.get_session().create_client(
            "iam", region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
        )
        self.client.meta.events.register("before-parameter-build.iam.SimulatePrincipalPolicy", self._note)
        self.client.meta.events.register("before-call.iam.SimulatePrincipalPolicy", self._simulate)
        self.client.meta.events.register("before-call.iam.GetRole", self._role)

    def sessions(self) -> Sessions:
        def refuse(_key: Any) -> Any:
            raise AssertionError("no other client is needed")

        return Sessions(lambda _service: self.client, refuse, refuse)

    def _note(self, params: Any, **_event: Any) -> None:
        self.asked.append(dict(params))

    def _simulate(self, **_event: Any) -> Any:
        last = self.asked[-1]
        [resource] = last["ResourceArns"]
        results = [
            {
                "EvalActionName": action,
                "EvalDecision": "allowed" if self._allows(action, resource) else "implicitDeny",
            }
            for action in last["ActionNames"]
        ]
        return _answer({"EvaluationResults": results, "IsTruncated": False})

    def _role(self, **_event: Any) -> Any:
        return _answer({"Role": {"Arn": ROLE}})


def _answer(body: dict[str, Any], status: int = 200) -> Any:
    response = type("Response", (), {"status_code": status})()
    return response, {**body, "ResponseMetadata": {"HTTPStatusCode": status}}


def simulate(iam: Iam, arn: str = USER):
    return simulate_rights(iam.sessions(), Identity(ACCOUNT, arn, 0.0), PLATFORM)


def test_every_right_is_asked_for_with_the_region_and_the_account_that_its_condition_wants():
    iam = Iam(lambda action, resource: "coffre-check-none/" not in resource)
    found = simulate(iam)
    assert found is not None
    wanted = {action for scope in Scope if scope not in (Scope.TENANT, Scope.ITSELF) for action in list_actions(scope)}
    assert found.allowed == dict.fromkeys(wanted, True)
    assert not found.reads_customers
    for question in iam.asked:
        values = {each["ContextKeyName"]: each["ContextKeyValues"] for each in question["ContextEntries"]}
        assert values == {"aws:RequestedRegion": [REGION], "s3:ResourceAccount": [ACCOUNT]}


def test_a_right_that_lacks_in_one_place_lacks():
    found = simulate(Iam(lambda action, resource: (action, resource) != ("s3:GetBucketPublicAccessBlock", BUCKET)))
    assert found is not None
    assert [action for action, is_allowed in found.allowed.items() if not is_allowed] == [
        "s3:GetBucketPublicAccessBlock"
    ]


BUCKET = "arn:aws:s3:::coffre-check-none"


def test_a_credential_that_could_read_customers_is_told():
    found = simulate(Iam(lambda _action, _resource: True))
    assert found is not None
    assert found.reads_customers


def test_of_a_roles_session_the_role_with_its_path_is_simulated():
    iam = Iam(lambda _action, _resource: True)
    assert simulate(iam, SESSION) is not None
    assert {question["PolicySourceArn"] for question in iam.asked} == {ROLE}


@pytest.mark.parametrize("arn", [f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:sts::{ACCOUNT}:federated-user/anne"])
def test_who_has_no_policies_is_not_simulated(arn):
    iam = Iam(lambda _action, _resource: True)
    assert simulate(iam, arn) is None
    assert iam.asked == []


def test_without_the_right_to_simulate_nothing_is_known():
    iam = Iam(lambda _action, _resource: True)

    def refuse(**_event: Any) -> None:
        answer: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(answer, "SimulatePrincipalPolicy")

    iam.client.meta.events.register_first("before-call.iam.SimulatePrincipalPolicy", refuse)
    assert simulate(iam) is None
