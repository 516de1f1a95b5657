"""How a provider is told where its platform is, and for whom it works.

Each setting is a variable of the environment, none of which enters a state, or a setting of Pulumi (`rgw:endpoint`),
which Pulumi keeps in the state of the stack, a secret one encrypted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coffre.errors import UsageError
from coffre.storage.provider.fields import UNKNOWN, Field, Inputs, check


@dataclass(frozen=True)
class Settings:
    """The settings of one provider; one without a default has to be there. ``title`` is how people call it."""

    package: str
    title: str
    fields: Mapping[str, Field]

    def variable(self, name: str) -> str:
        """Return the environment variable of a setting."""
        return f"COFFRE_{self.package.upper()}_{name.upper()}"

    def write(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the variables to start Pulumi with; the provider inherits them."""
        return {self.variable(name): values[name] for name in self.fields}

    def read(self, environment: Mapping[str, str], configured: Mapping[str, Any] | None = None) -> Inputs:
        """Read the settings back: what Pulumi was told (``configured``) goes before the variable of the same setting.

        Raises UsageError naming the variables of those that are missing, or what is wrong with one.
        """
        told = {name: value for name, value in (configured or {}).items() if value is not UNKNOWN}
        given = {name: told.get(name) or environment.get(self.variable(name)) or None for name in self.fields}
        settings, failures = check(self.fields, given)
        missing = [self.variable(failure.property) for failure in failures if given[failure.property] is None]
        if missing:
            raise UsageError(
                f"the {self.title} provider is not told where the platform is and whom it works for: "
                f"{', '.join(missing)} not set",
                "`coffre plan` and `coffre apply` set them; for programs of your own see docs/provider.md",
            )
        for failure in failures:
            raise UsageError(
                f"the {self.title} provider's setting {failure.property} {failure.reason}", "see docs/provider.md"
            )
        return settings
