"""What an assumption about the vendor's service is. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Value = TypeVar("Value")


class ShownBy(StrEnum):
    """What would show whether an assumption is true."""

    READING = "reading"
    """Calls that read only."""
    PORTAL = "portal"
    """A look into the vendor's portal."""
    CHANGING = "changing"
    """A change of a tenant in the vendor's sandbox."""
    INSTALLING = "installing"
    """An installation on a machine."""
    ASKING = "asking"
    """The vendor or the distributor, in writing."""


@dataclass(frozen=True)
class Assumption(Generic[Value]):
    """One assumption: its name stays for ever, its sentences are for engineers."""

    name: str
    assumed: str
    if_wrong: str
    shown_by: ShownBy
    value: Value
