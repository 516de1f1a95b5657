"""Evaluates policies as AWS documents it, as far as Coffre's statements use the language; refuses the rest. Pure.

One account: a call is allowed when the caller's own policy or the bucket's allows it and no statement denies it. RGW's
rules for users without accounts are the same, with no policy of the caller.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PolicyDocument = Mapping[str, Any]

_ELEMENTS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "Resource", "NotResource", "Condition"}
_VERSION = "2012-10-17"


class Decision(StrEnum):
    """The result for one call: nothing of it happens unless it is allowed."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NOT_ALLOWED = "not allowed"


class UnsupportedPolicyError(Exception):
    """The policy uses a part of the language that this evaluator does not know: its answer would be a guess."""


@dataclass(frozen=True)
class Request:
    """One call: the caller's ARN (None: anonymous), the action and what it is done to.

    ``account`` is the account of the resource, None where there are no accounts (RGW); ``region`` is where it is sent.
    """

    caller: str | None
    action: str
    resource: str
    account: str | None = None
    is_tls: bool = True
    region: str | None = None


def evaluate(request: Request, bucket_policy: PolicyDocument, own_policies: Sequence[PolicyDocument] = ()) -> Decision:
    """Return the decision; an anonymous caller has no policies of its own."""
    effects = [
        effect for each in _statements(bucket_policy) if (effect := _effect_in_bucket(each, request)) is not None
    ]
    for policy in own_policies:
        effects += [effect for each in _statements(policy) if (effect := _effect_of_own(each, request)) is not None]
    if "Deny" in effects:
        return Decision.DENIED
    return Decision.ALLOWED if "Allow" in effects else Decision.NOT_ALLOWED


def _statements(policy: PolicyDocument) -> list[Mapping[str, Any]]:
    if not policy:
        return []
    if policy.get("Version") != _VERSION or set(policy) != {"Version", "Statement"}:
        raise UnsupportedPolicyError(f"not a document of version {_VERSION}: {sorted(policy)}")
    statements = policy["Statement"]
    for statement in statements:
        if unknown := set(statement) - _ELEMENTS:
            raise UnsupportedPolicyError(f"unknown elements: {sorted(unknown)}")
        if statement["Effect"] not in ("Allow", "Deny"):
            raise UnsupportedPolicyError(f"unknown effect: {statement['Effect']}")
    return list(statements)


def _effect_in_bucket(statement: Mapping[str, Any], request: Request) -> str | None:
    if ("Principal" in statement) == ("NotPrincipal" in statement):
        raise UnsupportedPolicyError("a statement of a bucket's policy names either Principal or NotPrincipal")
    if "NotPrincipal" in statement:
        if statement["Effect"] == "Allow":
            raise UnsupportedPolicyError("an Allow with NotPrincipal is for everybody else in the world")
        if _names(statement["NotPrincipal"], request.caller):
            return None
    elif not _names(statement["Principal"], request.caller):
        return None
    return _effect(statement, request)


def _effect_of_own(statement: Mapping[str, Any], request: Request) -> str | None:
    if "Principal" in statement or "NotPrincipal" in statement:
        raise UnsupportedPolicyError("a caller's own policy names no principal")
    return _effect(statement, request)


def _effect(statement: Mapping[str, Any], request: Request) -> str | None:
    actions = any(_matches(pattern, request.action, ignores_case=True) for pattern in _list(statement["Action"]))
    is_meant = actions and _is_about(statement, request) and _holds(statement.get("Condition", {}), request)
    return str(statement["Effect"]) if is_meant else None


def _is_about(statement: Mapping[str, Any], request: Request) -> bool:
    if ("Resource" in statement) == ("NotResource" in statement):
        raise UnsupportedPolicyError("a statement has either Resource or NotResource")
    if "Resource" in statement:
        return any(_matches(pattern, request.resource) for pattern in _list(statement["Resource"]))
    return not any(_matches(pattern, request.resource) for pattern in _list(statement["NotResource"]))


def _names(principal: Any, caller: str | None) -> bool:
    """Tell whether a principal names the caller. AWS knows no patterns here: ``*`` is everybody, also anonymous."""
    if principal == "*":
        return True
    if not isinstance(principal, Mapping) or set(principal) != {"AWS"}:
        raise UnsupportedPolicyError(f"unknown principal: {principal}")
    for arn in _list(principal["AWS"]):
        if arn == "*":
            return True
        if re.fullmatch(r"arn:aws:iam::([0-9]{12})?:user/[A-Za-z0-9+=,.@_/-]+", arn) is None:
            raise UnsupportedPolicyError(f"unknown principal: {arn}")
        if arn == caller:
            return True
    return False


def _holds(condition: Mapping[str, Any], request: Request) -> bool:
    """Tell whether every condition holds. A key that the request does not have fulfils no condition."""
    for operator, values in condition.items():
        for key, wanted in values.items():
            if (operator, key) == ("Bool", "aws:SecureTransport"):
                actual: str | None = "true" if request.is_tls else "false"
            elif (operator, key) == ("StringEquals", "s3:ResourceAccount"):
                actual = request.account
            elif (operator, key) == ("StringEquals", "aws:RequestedRegion"):
                actual = request.region
            else:
                raise UnsupportedPolicyError(f"unknown condition: {operator} {key}")
            if actual not in _list(wanted):
                return False
    return True


def _matches(pattern: str, value: str, *, ignores_case: bool = False) -> bool:
    """Match ``*`` and ``?`` as IAM does: both also match a slash."""
    if "${" in pattern:
        raise UnsupportedPolicyError(f"a variable: {pattern}")
    expression = "".join(".*" if each == "*" else "." if each == "?" else re.escape(each) for each in pattern)
    flags = re.DOTALL | (re.IGNORECASE if ignores_case else 0)
    return re.fullmatch(expression, value, flags) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
