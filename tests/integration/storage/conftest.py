"""The real RGW of the lab, one prefix of users and buckets a test module."""

import json
import secrets
from pathlib import Path

import pytest

from coffre.storage.values import AccessKey, Endpoint
from tests.integration.storage.world import World


@pytest.fixture(scope="module")
def world(lab):
    """Users and buckets of this module alone; nothing of them is left behind."""
    place = json.loads(lab.endpoints_file.read_text())
    credential = json.loads(lab.admin_file.read_text())
    endpoint = Endpoint(place["endpoint"], place["region"], Path(place["ca_file"]), place["fsid"])
    key = AccessKey(credential["access_key_id"], credential["secret_access_key"])
    world = World(endpoint, key, f"t{secrets.token_hex(4)}")
    yield world
    world.wipe()
