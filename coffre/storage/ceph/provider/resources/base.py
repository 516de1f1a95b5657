"""What every resource of the provider has in common: adoption, refusal, reading; nothing of Pulumi here."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

from coffre.errors import RefusedError
from coffre.storage.ceph.provider.fields import Failure, Field, InputChange, Inputs, check, describe, diff
from coffre.storage.ceph.provider.platform import RgwPlatform


@dataclass(frozen=True)
class Created:
    """What a creation came to: the resource's id, and whether it was there already and was adopted."""

    resource_id: str
    was_there: bool


class Resource(ABC):
    """One kind of resource: its inputs, and what is done on RGW to make them true.

    A resource's state is its inputs, so that whatever differs on RGW is shown under the name the program uses.
    """

    word: ClassVar[str]
    written: ClassVar[str]  # the input that names the user or bucket whose record RGW rewrites
    fields: ClassVar[Mapping[str, Field]]

    def __init__(self, platform: RgwPlatform, *, takes_unequal: bool = False) -> None:
        """With ``takes_unequal`` creation changes an existing unequal one in place instead of refusing it."""
        self._rgw = platform
        self._takes_unequal = takes_unequal

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> tuple[Inputs, list[Failure]]:
        return check(cls.fields, given)

    @classmethod
    def diff(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[InputChange]:
        return diff(cls.fields, old, new)

    @classmethod
    @abstractmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        """Return the resource's id, derived from its inputs alone, so that a lost state finds it again."""

    @abstractmethod
    def find(self, resource_id: str) -> Inputs | None:
        """Read what is there in the form of the inputs; None only when the Admin API says it is gone."""

    def create(self, wanted: Inputs) -> Created:
        """Make it, or adopt an equal one that is there; refuse an unequal one, saying the difference."""
        with self._alone(wanted):
            return self._create(wanted)

    def update(self, wanted: Inputs) -> None:
        with self._alone(wanted):
            self.change(wanted)

    def delete(self, state: Inputs) -> None:
        with self._alone(state):
            self.remove(state)

    def _create(self, wanted: Inputs) -> Created:
        resource_id = self.identify(wanted)
        live = self.find(resource_id)
        if live is None:
            self.make(wanted)
        elif not self.adopt(live, wanted):
            if not self._takes_unequal or any(change.replaces for change in self.diff(live, wanted)):
                self._refuse_unequal(resource_id, live, wanted)
            self.change(wanted)
        return Created(resource_id, was_there=live is not None)

    def adopt(self, live: Inputs, wanted: Inputs) -> bool:
        """Tell whether what is there is taken for ours: when it is equal."""
        return not self.diff(live, wanted)

    @abstractmethod
    def make(self, wanted: Inputs) -> None: ...

    @abstractmethod
    def change(self, wanted: Inputs) -> None:
        """Bring an existing one to the wanted inputs in place."""

    @abstractmethod
    def remove(self, state: Inputs) -> None:
        """Take away what the state tells of; already gone is as good."""

    def _alone(self, values: Inputs) -> AbstractContextManager[object]:
        return self._rgw.alone(str(values[self.written]))

    def _refuse_unequal(self, resource_id: str, live: Inputs, wanted: Inputs) -> None:
        differences = "; ".join(describe(self.fields, live, wanted))
        raise RefusedError(
            f"{self.word} {resource_id} exists and differs: {differences}",
            "nothing was changed; if it is ours, `coffre apply --adopt` takes it and changes it",
        )
