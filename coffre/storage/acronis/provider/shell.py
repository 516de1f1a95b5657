"""The provider for Acronis: what Pulumi asks, handed to its resources."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, ClassVar

from coffre.acronis.client import open_acronis
from coffre.storage.acronis.provider.account import Account
from coffre.storage.acronis.provider.dispatch import PACKAGE
from coffre.storage.acronis.provider.environment import read_environment
from coffre.storage.acronis.provider.scope import CustomerScope
from coffre.storage.provider.package import Package
from coffre.storage.provider.shell import ProviderShell


class AcronisProvider(ProviderShell[Account, CustomerScope]):
    """Serves one customer of one partner."""

    described: ClassVar[Package] = PACKAGE

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._opened = ExitStack()

    def open(self, environment: Mapping[str, str], configured: Mapping[str, Any]) -> tuple[Account, CustomerScope]:
        """Open the account that the settings name; its connections end with the process."""
        terms = read_environment(environment, configured)
        client = self._opened.enter_context(open_acronis(terms.access))
        return Account(client, terms.partner), CustomerScope(terms.partner, terms.customer)
