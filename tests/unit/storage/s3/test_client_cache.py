"""A pass over thousands of owners keeps few clients."""

import pytest

from coffre.storage.s3 import client as module
from coffre.storage.s3.client import ClientCache
from coffre.storage.values import AccessKey, Endpoint


def test_the_clients_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLIENTS", 2)
    cache = ClientCache(Endpoint("https://platform.invalid"))
    one, two, three = (AccessKey(name, "secret") for name in ("ONE", "TWO", "THREE"))
    kept, left = cache.get(one), cache.get(two)
    assert cache.get(one) is kept, "it is used again, so the other one is older"
    cache.get(three)
    assert cache.get(one) is kept
    assert cache.get(two) is not left
