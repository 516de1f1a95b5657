"""The secrets in memory keep the contract of the real ones."""

import pytest

from tests.contracts.secrets import *  # noqa: F403
from tests.contracts.secrets import SLUG
from tests.doubles.secrets import InMemorySecrets


@pytest.fixture
def secrets() -> InMemorySecrets:
    return InMemorySecrets(slug=SLUG)
