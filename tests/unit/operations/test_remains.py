"""What a bucket still has of a repository: the same whether an apply looks or an error is explained."""

from types import SimpleNamespace

import pytest

from coffre.agents.repository import Remains
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.operations.repository import look_at_remains

ID = "ab" * 32


class Keys:
    """A bucket that has these keys."""

    def __init__(self, *keys):
        self.keys = keys

    def exists(self, key):
        return key in self.keys

    def walk_objects(self, prefix):
        return (SimpleNamespace(key=key) for key in self.keys if key.startswith(prefix))


@pytest.mark.parametrize(
    ("keys", "remains"),
    [
        ((), Remains(has_config=False, has_keys=False, has_backups=False)),
        (("restic/config", f"restic/keys/{ID}", f"restic/data/ab/{ID}"), Remains(True, True, False)),
        ((f"restic/keys/{ID}", f"restic/snapshots/{ID}"), Remains(False, True, True)),
        (("restic/config", f"restic/index/{ID}"), Remains(True, False, True)),
        # Whatever a machine put beside them stands for nothing.
        (("restic/keys/mine", "restic/data/x", f"restic/snapshots/{ID}/x"), Remains(False, False, False)),
    ],
)
def test_what_is_left_of_a_repository_is_counted_without_foreign_keys(keys, remains):
    assert look_at_remains(Keys(*keys), ResticLayout()) == remains
