"""How something is written at the vendor's: read, decided, written with the version that was read; created once only.

Pure but for the functions that its callers give.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from coffre.acronis.errors import AcronisAwayError, ConflictError, GoneError, OutcomeUnknownError

_Thing = TypeVar("_Thing")
_Change = TypeVar("_Change")


@dataclass(frozen=True)
class Written(Generic[_Thing]):
    """What is there now, and whether a call changed it."""

    value: _Thing
    is_changed: bool


class Making(Enum):
    """How something came to be there."""

    FOUND = "found"
    """It was there before."""
    CREATED = "created"
    """The service answered that it created it."""
    FOUND_AFTER_LOST_ANSWER = "found after a lost answer"
    """The service was asked to create it, its answer was lost, and it was there afterwards."""
    CREATED_AFTER_LOST_ANSWER = "created after a lost answer"
    """It was asked twice, as the first answer was lost; the second one says that it created it."""


@dataclass(frozen=True)
class Made(Generic[_Thing]):
    """Something that is there, and how it came to be."""

    value: _Thing
    making: Making

    @property
    def is_new(self) -> bool:
        """Whether it was not there before."""
        return self.making is not Making.FOUND


def change(
    read: Callable[[], _Thing],
    decide: Callable[[_Thing], _Change | None],
    write: Callable[[_Thing, _Change], _Thing],
) -> Written[_Thing]:
    """Write what ``decide`` wants of what is there, nothing for None; once more when it was changed meanwhile.

    ConflictError when it was changed again.
    """
    for is_last in (False, True):
        current = read()
        wanted = decide(current)
        if wanted is None:
            # After a conflict the first write may have been carried out although its answer was lost.
            return Written(current, is_last)
        try:
            return Written(write(current, wanted), True)
        except ConflictError:
            if is_last:
                raise
    raise AssertionError("not reached")


def create_once(find: Callable[[], _Thing | None], create: Callable[[], _Thing]) -> Made[_Thing]:
    """Create what ``find`` does not find. After a lost answer it is looked for before anything is sent again.

    OutcomeUnknownError when two answers were lost and it is not there. ``find`` raises when there are two of it.
    """
    found = find()
    if found is not None:
        return Made(found, Making.FOUND)
    for is_last in (False, True):
        try:
            made = create()
        except OutcomeUnknownError as lost:
            found = _find_after(find, lost)
            if found is not None:
                return Made(found, Making.FOUND_AFTER_LOST_ANSWER)
            if is_last:
                raise
        else:
            find()  # somebody else may have created the same at the same time: two of it are an error now
            return Made(made, Making.CREATED_AFTER_LOST_ANSWER if is_last else Making.CREATED)
    raise AssertionError("not reached")


def _find_after(find: Callable[[], _Thing | None], lost: OutcomeUnknownError) -> _Thing | None:
    try:
        return find()
    except AcronisAwayError:
        raise lost from None


def remove(delete: Callable[[], object]) -> bool:
    """Delete something; False when it was gone already, or ``delete`` returns that nothing was changed."""
    try:
        done = delete()
    except GoneError:
        return False
    return not isinstance(done, Written) or done.is_changed
