"""What every resource of a provider has in common: adoption, refusal, reading; nothing of Pulumi here."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from coffre.errors import RefusedError
from coffre.storage.provider.fields import Failure, Field, InputChange, Inputs, Output, check, describe, diff


class Served(Protocol):
    """What the resources of a provider work on."""

    def alone(self, name: str) -> AbstractContextManager[object]:
        """Return the lock under which what has this name is written."""


Platform = TypeVar("Platform", bound=Served)


@dataclass(frozen=True)
class Created:
    """What a creation came to: the resource's id, whether it was there already and was adopted, and its outputs."""

    resource_id: str
    was_there: bool
    outputs: Inputs = field(default_factory=dict)


class Resource(ABC, Generic[Platform]):
    """One kind of resource: its inputs, and what is done on the platform to make them true.

    A resource's state is its inputs, so that whatever differs on the platform is shown under the name the program uses,
    and its outputs: what the platform alone decides.
    """

    word: ClassVar[str]
    written: ClassVar[str]  # the input that names whose record the platform rewrites
    fields: ClassVar[Mapping[str, Field]]
    outputs: ClassVar[Mapping[str, Output]] = {}

    def __init__(self, platform: Platform, *, takes_unequal: bool = False) -> None:
        """With ``takes_unequal`` creation changes an existing unequal one in place instead of refusing it."""
        self._platform = platform
        self._takes_unequal = takes_unequal

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> tuple[Inputs, list[Failure]]:
        return check(cls.fields, given)

    @classmethod
    def diff(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[InputChange]:
        """Return what a change from an old state to new inputs would change. RefusedError for what can never be."""
        return diff(cls.fields, old, new)

    @classmethod
    @abstractmethod
    def identify(cls, values: Mapping[str, Any]) -> str:
        """Return the resource's id, derived from its inputs alone, so that a lost state finds it again."""

    @abstractmethod
    def find(self, resource_id: str) -> Inputs | None:
        """Read what is there, inputs and outputs; None only when the platform says it is gone."""

    def read(self, resource_id: str, known: Mapping[str, Any]) -> Inputs | None:
        """Read what is there for a state, or inputs, that have ``known`` of it; nothing is known on an import."""
        del known
        return self.find(resource_id)

    def create(self, wanted: Inputs) -> Created:
        """Make it, or adopt an equal one that is there; refuse an unequal one, saying the difference."""
        with self._alone(wanted):
            return self._create(wanted)

    def update(self, wanted: Inputs, before: Mapping[str, Any] | None = None) -> Inputs:
        """Bring it, of whose state ``before`` is known, to the wanted inputs, and return its outputs."""
        with self._alone(wanted):
            self.change_from(before or {}, wanted)
            return self.produce(wanted)

    def delete(self, state: Inputs) -> None:
        with self._alone(state):
            self.remove(state)

    def _create(self, wanted: Inputs) -> Created:
        resource_id = self.identify(wanted)
        live = self.read(resource_id, wanted)
        if live is None:
            self.make(wanted)
        elif not self.adopt(live, wanted):
            if not self._takes_unequal or any(change.replaces for change in self.diff(live, wanted)):
                self._refuse_unequal(resource_id, live, wanted)
            self.change_from(live, wanted)
        return Created(resource_id, live is not None, self.produce(wanted))

    def adopt(self, live: Inputs, wanted: Inputs) -> bool:
        """Tell whether what is there is taken for ours: when it is equal."""
        return not self.diff(live, wanted)

    @abstractmethod
    def make(self, wanted: Inputs) -> None: ...

    @abstractmethod
    def change(self, wanted: Inputs) -> None:
        """Bring an existing one to the wanted inputs in place."""

    def change_from(self, before: Mapping[str, Any], wanted: Inputs) -> None:
        """Change it where it matters what the state has of it; by default it does not."""
        del before
        self.change(wanted)

    @abstractmethod
    def remove(self, state: Inputs) -> None:
        """Take away what the state tells of; already gone is as good."""

    def produce(self, wanted: Inputs) -> Inputs:
        """Return the outputs of one that was just made or changed."""
        del wanted
        return {}

    def _alone(self, values: Inputs) -> AbstractContextManager[object]:
        return self._platform.alone(str(values[self.written]))

    def _refuse_unequal(self, resource_id: str, live: Inputs, wanted: Inputs) -> None:
        differences = "; ".join(describe(self.fields, live, wanted, self.diff(live, wanted)))
        raise RefusedError(
            f"{self.word} {resource_id} exists and differs: {differences}",
            "nothing was changed; if it is ours, `coffre apply --adopt` takes it and changes it",
        )
