"""What differs between a machine's agent and its tenant file: one type per difference, distinguished by its kind."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field


class DifferenceKind(StrEnum):
    """The content of a difference. Plan files store these values."""

    ORDERS_FIELD = "orders_field"
    ORDERS_UNTRUSTED = "orders_untrusted"
    """The orders in the bucket are not this tenant's, or somebody put earlier ones back; apply replaces them."""
    ORDERS_LOST = "orders_lost"
    ORDERS_UNDELIVERED = "orders_undelivered"
    AGENT_PROGRAM = "agent_program"
    PLAN = "plan"
    """The file names another plan for an agent that takes no orders."""
    CONNECTION = "connection"
    RETIRED = "retired"
    FORMER_AGENT = "former_agent"
    ARRIVING_AGENT = "arriving_agent"
    """The machine moved to another agent, and has a good backup of it: the former one goes."""
    ENROLMENT_NEEDED = "enrolment_needed"
    """Nobody can reach the machine, and it is not invited, or its invitation ended."""
    ENROLMENT_BEGUN = "enrolment_begun"
    """It is invited or answered, and has not spoken yet."""


ENROLMENT = frozenset({DifferenceKind.ENROLMENT_NEEDED, DifferenceKind.ENROLMENT_BEGUN})
"""How far an enrolment is binds no plan: it goes on by itself."""


@dataclass(frozen=True)
class StateDifference:
    """A difference without further values."""

    kind: Literal[
        DifferenceKind.ORDERS_UNTRUSTED,
        DifferenceKind.ORDERS_LOST,
        DifferenceKind.AGENT_PROGRAM,
        DifferenceKind.PLAN,
        DifferenceKind.RETIRED,
        DifferenceKind.FORMER_AGENT,
        DifferenceKind.ARRIVING_AGENT,
        DifferenceKind.ENROLMENT_NEEDED,
        DifferenceKind.ENROLMENT_BEGUN,
    ]


@dataclass(frozen=True)
class OrdersFieldDifference:
    """A field of the machine's orders has another value; ``field`` has the names of `desired.list_differences`."""

    field: str
    kind: Literal[DifferenceKind.ORDERS_FIELD] = DifferenceKind.ORDERS_FIELD


@dataclass(frozen=True)
class UndeliveredDifference:
    """The orders are written, and the machine did not apply this generation yet."""

    generation: int
    kind: Literal[DifferenceKind.ORDERS_UNDELIVERED] = DifferenceKind.ORDERS_UNDELIVERED


@dataclass(frozen=True)
class ConnectionDifference:
    """The machine is reached by another connection; both are in the form that records use."""

    recorded: str
    wanted: str
    kind: Literal[DifferenceKind.CONNECTION] = DifferenceKind.CONNECTION


Difference = Annotated[
    StateDifference | OrdersFieldDifference | UndeliveredDifference | ConnectionDifference,
    Field(discriminator="kind"),
]
