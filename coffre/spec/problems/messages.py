"""Turns pydantic's errors into Coffre's messages: the written value, the expected one, and what to write."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from coffre.spec.problems.exit_charges import find_exit_charge
from coffre.spec.problems.known_keys import describe_key, list_keys
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.problems.reserved import find_reserved
from coffre.spec.problems.suggest import did_you_mean, find_nearest
from coffre.spec.storage_platform import PlatformKind
from coffre.spec.values.fields import OURS, VALUE


@dataclass(frozen=True)
class _Case:
    """One error of pydantic's about a file of this model, without pydantic's marks in its place."""

    error: ErrorDetails
    loc: Loc
    model: type[BaseModel]

    @property
    def context(self) -> dict[str, Any]:
        return self.error.get("ctx", {})


_WAYS = "write {via: ssh, host: …, user: …}, {via: winrm, …} or {via: pull}"
_KINDS = "write kind: ceph, kind: aws or kind: acronis"
# Errors that the place, the user's text and a bound explain completely.
_PHRASES = {
    "bool_type": (f"{VALUE} is neither true nor false", "write true or false, without quotes"),
    "list_type": (f"{VALUE} is not a list", "put it in square brackets: […]"),
    "greater_than_equal": (f"{VALUE} is too small", "{ge} is the minimum"),
    "less_than_equal": (f"{VALUE} is too large", "{le} is the maximum"),
    "too_short": ("has no entry", "write at least one"),
}


def explain(error: ErrorDetails, model: type[BaseModel]) -> FileProblem:
    """Return one of pydantic's errors about a file of this ``model`` as a finding for the author of the file."""
    loc: Loc = error["loc"]
    is_key = bool(loc) and loc[-1] == "[key]"
    case = _Case(error, loc[:-1] if is_key else loc, model)
    explain_it = _EXPLAIN.get(error["type"])
    is_unknown = error["type"] == "extra_forbidden" or (is_key and loc[0] == "prices")
    charge = find_exit_charge(case.loc) if is_unknown else None
    finding = charge or (explain_it(case) if explain_it else _explain_in_a_phrase(case))
    if finding.loc == case.loc and error["input"] is None and error["type"] in _OF_A_VALUE:
        finding = FileProblem(finding.loc, "has no value", _expected(case) or finding.hint or "write one")
    return FileProblem(finding.loc, finding.message, finding.hint, is_key or finding.at_key)


def _explain_in_a_phrase(case: _Case) -> FileProblem:
    message, hint = _PHRASES.get(case.error["type"], (f"{VALUE} is not allowed here", ""))
    return FileProblem(case.loc, message, hint.format(**case.context) or _expected(case))


def _explain_ours(case: _Case) -> FileProblem:
    # What is wrong with a platform as a whole has the kind after its name, which is no place of the file.
    is_whole = len(case.loc) == 3 and case.loc[0] == "platforms" and case.loc[2] in set(PlatformKind)
    loc = case.loc[:-1] if is_whole else case.loc
    return FileProblem(loc, case.context["message"], case.context["hint"], at_key=is_whole)


def _explain_missing(case: _Case) -> FileProblem:
    return FileProblem(case.loc, "is missing", _expected(case), at_key=True)


def _explain_unknown_key(case: _Case) -> FileProblem:
    known = list_keys(case.model, case.loc[:-1])
    reserved = find_reserved(case.loc, known)
    if reserved is not None:
        return reserved
    hint = did_you_mean(str(case.loc[-1]), known)
    return FileProblem(case.loc, "is an unknown key", hint, at_key=True)


def _explain_choice(case: _Case) -> FileProblem:
    words = re.findall(r"'([^']*)'", str(case.context.get("expected", "")))
    return FileProblem(case.loc, f"{VALUE} is not known here", _suggest(case.error["input"], words))


def _explain_tag(case: _Case) -> FileProblem:
    words = re.findall(r"'([^']*)'", case.context["expected_tags"])
    return FileProblem((*case.loc, _tag(case)), f"{VALUE} is not known here", _suggest(case.context["tag"], words))


def _explain_no_tag(case: _Case) -> FileProblem:
    if _tag(case) == "kind":
        if isinstance(case.error["input"], dict):
            return FileProblem((*case.loc, "kind"), "is missing", _KINDS, at_key=True)
        return FileProblem(case.loc, f"{VALUE} is here instead of a platform", _KINDS)
    if isinstance(case.error["input"], dict):
        return FileProblem((*case.loc, "via"), "is missing", _WAYS, at_key=True)
    return FileProblem(case.loc, f"{VALUE} does not say how the machine is reached", _WAYS)


def _tag(case: _Case) -> str:
    """Return the key that tells which form a block has."""
    return str(case.context.get("discriminator", "via")).strip("'")


def _explain_number(case: _Case) -> FileProblem:
    text = case.error["input"]
    if isinstance(text, str) and re.fullmatch(r"0|[1-9][0-9]{0,8}", text):
        return FileProblem(case.loc, f"{VALUE} is text, not a number", f"write it without quotes: {text}")
    return FileProblem(case.loc, f"{VALUE} is not a whole number", "write plain digits")


def _explain_block(case: _Case) -> FileProblem:
    keys = list_keys(case.model, case.loc)
    if "via" in keys:
        return _explain_no_tag(case)
    hint = f"its keys are {', '.join(keys)}" if keys else "write key: value lines below it, or {} if there are none"
    return FileProblem(case.loc, f"{VALUE} is here instead of a block of keys", hint)


def _expected(case: _Case) -> str:
    """Describe the expected value at a place, from the description of its key."""
    description = describe_key(case.model, case.loc)
    small = description[:1].lower() if description[1:2].islower() else description[:1]
    return f"expected: {small}{description[1:]}" if description else ""


def _suggest(value: Any, words: Sequence[str]) -> str:
    nearest = find_nearest(value, words) if isinstance(value, str) else None
    if nearest:
        return f"did you mean {nearest}?"
    return "write " + " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


_EXPLAIN: dict[str, Callable[[_Case], FileProblem]] = {
    OURS: _explain_ours,
    "missing": _explain_missing,
    "extra_forbidden": _explain_unknown_key,
    "enum": _explain_choice,
    "literal_error": _explain_choice,
    "union_tag_invalid": _explain_tag,
    "union_tag_not_found": _explain_no_tag,
    "int_type": _explain_number,
    "dict_type": _explain_block,
    "model_type": _explain_block,
    "model_attributes_type": _explain_block,
}
# For these, "has no value" is the better message when there is no value.
_OF_A_VALUE = (_EXPLAIN.keys() | _PHRASES.keys()) - {"missing", "extra_forbidden"}
