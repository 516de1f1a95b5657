"""Facts about changes that a git host's people reviewed before they were applied."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL
from coffre.records.facts.fact import Fact


class ApplyState(StrEnum):
    """The progress of an apply of a reviewed plan. The database keeps the values for ever."""

    BEGUN = "begun"
    DONE = "done"


@dataclass(frozen=True)
class ReviewedApply(Fact):
    """A reviewed plan began to be applied, or was applied completely.

    ``plan_sha256`` is the hash of its signed document, and ``reviewed_commit`` the commit that it was made of. The
    accounts are those of the git host; without one, ``approved_by`` is empty. ``destroys`` says why a second person was
    needed, by the kinds of `provisioning.reviewed.destruction`.
    """

    state: ApplyState
    plan_sha256: str
    reviewed_commit: str
    approved_by: tuple[str, ...] = ()
    destroys: tuple[str, ...] = ()
    change_number: Annotated[int | None, OPTIONAL] = None
    author: Annotated[str | None, OPTIONAL] = None
    merged_by: Annotated[str | None, OPTIONAL] = None
