"""Customer data is deleted in two places: at the end of the contract, in `offboarding`, and when its `keep` is over.

What retention removes stays as earlier versions; it deletes those for good only by a person's word.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

import coffre

ROOM = Path(coffre.__file__).parent
DELETING = {
    "open_eraser",
    "open_owner_eraser",
    "delete_versions",
    "abort_upload",
    "abort_multipart_upload",
    "delete_bucket",
    "delete_object",
    "delete_objects",
    "delete_tenant",
    "destroy",
    "forget_destroyed",
    "remove_stack_files",
    "remove_files",
    "pruner",
}
"""The driver's eraser and what is below it, a vendor's customer with its backups, the secret store's end of a bundle,
the end of a stack, and what removes snapshots from a repository."""

ALLOWED = {
    ("operations/retention/prune.py", "pruner"): "the contract's `keep`: what no plan asks for any more",
    ("operations/retention/quiet.py", "pruner"): "it waits for the repository to be free",
    ("operations/retention/freeing.py", "open_eraser"): "what earlier prunings removed, when a person agrees to it",
    ("operations/retention/freeing.py", "delete_versions"): "what earlier prunings removed, when a person agrees to it",
    ("provisioning/engine/removal.py", "remove_files"): "the end of a stack itself",
    ("storage/s3/eraser.py", "delete_bucket"): "the eraser itself",
    ("storage/s3/eraser.py", "delete_object"): "the eraser itself",
    ("storage/s3/eraser.py", "abort_multipart_upload"): "the eraser itself",
    ("storage/s3/bucket.py", "delete_object"): "a delete marker: no version goes",
    ("storage/s3/file_store.py", "delete_object"): "the end of a stack or bundle, in a bucket of a team's own files",
    (
        "storage/ceph/provider/resources/bucket.py",
        "delete_bucket",
    ): "Pulumi's deletion of a bucket, refused unless it is empty",
    (
        "storage/acronis/provider/resources/customer.py",
        "delete_tenant",
    ): "Pulumi's deletion of a customer, refused while anything is used",
    ("storage/acronis/erasing.py", "delete_tenant"): "the eraser itself",
    ("storage/aws/checks/scratch.py", "delete_bucket"): "the scratch bucket of `coffre platform check`",
    ("storage/aws/checks/trials.py", "delete_object"): "the scratch bucket of `coffre platform check`",
    ("storage/ceph/checks/scratch.py", "delete_bucket"): "the scratch bucket of `coffre platform check`",
    ("storage/ceph/checks/trials.py", "delete_object"): "the scratch bucket of `coffre platform check`",
    ("storage/ceph/probe.py", "delete_object"): "what a killed probe left in the bucket of probes",
    ("storage/trying.py", "delete_object"): "the scratch bucket of `coffre platform check`",
}


def calls_in(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def found():
    for path in sorted(ROOM.rglob("*.py")):
        name = path.relative_to(ROOM).as_posix()
        if not name.startswith("offboarding/"):
            yield from ((name, word) for word in set(calls_in(path)) & DELETING)


def test_nothing_outside_the_two_rooms_calls_what_deletes_for_good():
    assert set(found()) == set(ALLOWED)


@cache
def asked_for():
    """Return the texts and names of arguments in each module; comments and docstrings may say what is not done."""
    asked = {}
    for path in sorted(ROOM.rglob("*.py")):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        documented = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in documented]
        texts = [node.value for node in constants if isinstance(node.value, str)]
        asked[path] = texts + [node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg]
    return asked


@pytest.mark.parametrize("word", ["purge-data", "purge_data", "purge-objects", "bypass-governance", "BypassGovernance"])
def test_no_purge_and_no_bypass_is_ever_asked_for(word):
    assert [path for path, asked in asked_for().items() if any(word in text for text in asked)] == []
