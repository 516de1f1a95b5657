"""The vendor's names as values that resources take: each says in a sentence what is wrong with one, or None."""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from coffre.acronis.data_center import read_data_center
from coffre.acronis.identifiers import InvalidIdentifierError, Uuid
from coffre.acronis.unverified.account import LOGIN_CHARACTERS
from coffre.acronis.values.tenants import ContactDetails
from coffre.acronis.values.users import Role
from coffre.errors import InvalidFileError
from coffre.outside.text import one_line

LINE_CHARACTERS = 255
_EXTERNAL_ID = re.compile(r"[a-z][a-z0-9-]{0,31}:[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LOGIN = re.compile(LOGIN_CHARACTERS.value)
_ITEM = re.compile(r"[a-z][a-z0-9_]{0,99}")
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Za-z]{2,8})?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}")

CUSTOMER, PERSONAL = "customer", "personal"
"""Where a role can be given: in the customer, or in the user's own personal tenant."""


def data_center(value: Any) -> str | None:
    try:
        read_data_center(value if isinstance(value, str) else "")
    except InvalidFileError:
        return "must be the address of a data center, https://HOST, without account and path"
    return None


def tenant_uuid(value: Any) -> str | None:
    try:
        Uuid(value)
    except InvalidIdentifierError:
        return "must be the UUID of a tenant"
    return None


def external_id(value: Any) -> str | None:
    if isinstance(value, str) and _EXTERNAL_ID.fullmatch(value):
        return None
    return "must be NAMESPACE:NAME, of letters, digits, '.', '_' and '-'"


def login(value: Any) -> str | None:
    if isinstance(value, str) and _LOGIN.fullmatch(value):
        return None
    return "must be a login of ASCII letters, digits and . _ - + @"


def language(value: Any) -> str | None:
    if isinstance(value, str) and _LANGUAGE.fullmatch(value):
        return None
    return "must be a language like fr"


def email(value: Any) -> str | None:
    return None if isinstance(value, str) and _EMAIL.fullmatch(value) else "must be an address NAME@HOST"


def line(value: Any) -> str | None:
    """Take a text that comes back from the vendor as it went: the client reads foreign texts as one line."""
    if isinstance(value, str) and value and value == one_line(value, LINE_CHARACTERS):
        return None
    return f"must be one line of 1 to {LINE_CHARACTERS} characters, without control characters and double spaces"


def one_of(values: Collection[str]) -> Callable[[Any], str | None]:
    def problem(value: Any) -> str | None:
        return None if isinstance(value, str) and value in values else f"must be one of {', '.join(values)}"

    return problem


def contact(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "must be a map of texts"
    known = list(ContactDetails.model_fields)
    unknown = sorted(str(each) for each in value if each not in known)
    if unknown:
        return f"has entries that a contact does not have: {', '.join(unknown)}; there are {', '.join(known)}"
    wrong = [f"{name} {problem}" for name, each in value.items() if (problem := line(each))]
    if wrong:
        return wrong[0]
    return None if "email" in value and email(value["email"]) is None else "must have an email, NAME@HOST"


def licences(value: Any) -> str | None:
    if not isinstance(value, Mapping) or not value:
        return "must be a map, not empty, of numbers of licences"
    for name, count in value.items():
        if not isinstance(name, str) or _ITEM.fullmatch(name) is None:
            return "must name offering items without their prefix, like workstations"
        if name == "storage":
            return "must not have storage: that is quota_bytes"
        if not isinstance(count, int) or isinstance(count, bool) or count < 1:
            return f"must have a whole number of at least 1 for {name}: what is not sold is not named"
    return None


def roles(value: Any) -> str | None:
    known = [each for each in Role if each is not Role.UNKNOWN]
    if not isinstance(value, Mapping) or not value:
        return "must be a map, not empty, of places by role"
    for role, place in value.items():
        if role not in known:
            return f"must name roles of {', '.join(known)}"
        wanted = PERSONAL if role == Role.BACKUP_USER else CUSTOMER
        if place != wanted:
            return f"must give {role} in the place {wanted!r}"
    return None
