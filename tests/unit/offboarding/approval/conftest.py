"""Two people of SMILÉO with keys of their own."""

from pathlib import Path

import pytest

from tests.signers import Person, make_person

ANNA, PAUL = "anna@smileo.example", "paul@smileo.example"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def anna(keys: Path) -> Person:
    return make_person(keys, ANNA)


@pytest.fixture(scope="module")
def paul(keys: Path) -> Person:
    return make_person(keys, PAUL)
