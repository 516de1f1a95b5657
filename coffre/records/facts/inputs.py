"""The fact that tells a later plan what an apply worked from."""

from dataclasses import dataclass

from coffre.records.facts.fact import Fact


@dataclass(frozen=True)
class InputsApplied(Fact):
    """The inputs of an apply, by their SHA-256: the tenant with its platforms, and Coffre's own programs.

    Without ``is_complete`` an apply of new inputs began: how far it came is not known. Without ``has_agents`` it left
    the agents as they were.
    """

    tenant_sha256: str
    program_sha256: str
    is_complete: bool
    has_agents: bool
