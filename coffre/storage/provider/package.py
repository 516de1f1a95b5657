"""What a whole provider has: its name, its settings and its resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coffre.storage.provider.resource import Resource
from coffre.storage.provider.settings import Settings

Kind = type[Resource[Any]]


@dataclass(frozen=True, eq=False)
class Package:
    """One provider, in words for its schema; ``resources`` are by Pulumi's type token, `PACKAGE:index:NAME`."""

    display_name: str
    description: str
    keywords: tuple[str, ...]
    serves: str
    """Whom it works for, a sentence."""
    settings: Settings
    resources: Mapping[str, Kind]

    @property
    def name(self) -> str:
        """The package of its resources, the prefix of their type tokens."""
        return self.settings.package
