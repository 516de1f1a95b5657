"""The fact that tells a later plan what an apply worked from."""

from dataclasses import dataclass
from typing import Annotated

from coffre.records.details import OPTIONAL
from coffre.records.facts.fact import Fact


@dataclass(frozen=True)
class InputsApplied(Fact):
    """The inputs of an apply, by their SHA-256: the tenant with its platforms, and Coffre's own programs.

    Without ``is_complete`` an apply of new inputs began: how far it came is not known. Without ``has_agents`` it left
    the agents as they were. ``file_sha256`` and ``platform_file_sha256`` are the tenant's file and platform.yaml, whose
    contents the records keep (`applied_files`); None in records of an earlier version.
    """

    tenant_sha256: str
    program_sha256: str
    is_complete: bool
    has_agents: bool
    file_sha256: Annotated[str | None, OPTIONAL] = None
    platform_file_sha256: Annotated[str | None, OPTIONAL] = None
