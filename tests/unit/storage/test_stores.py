"""The stores of platform.yaml: where state may lie, and whose key opens it."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.spec.platform import PlatformFile
from coffre.spec.stores import S3Place, find_s3_place
from coffre.storage.s3.file_store import BucketStore
from coffre.storage.stores import open_store
from coffre.workspace.file_store import FolderStore
from tests.builders import PLATFORM

STORE = {"endpoint": "https://s3.example:7480", "credential": "file:store.json"}
SECRET = "tr0mpette-et-tambour"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "store.json").write_text(json.dumps({"access_key_id": "AKTEAM", "secret_access_key": SECRET}))
    return tmp_path


def settings(root: Path, platform_at: str = "https://rgw.example", **lab: Any) -> PlatformFile:
    (root / "endpoints.json").write_text(json.dumps({"endpoint": platform_at}))
    content = deepcopy(PLATFORM)
    content["platforms"]["lab"].update(lab)
    return PlatformFile.model_validate({**content, "stores": {"coffre-etat": STORE}})


def test_a_path_is_a_folder_from_the_root(root: Path) -> None:
    assert isinstance(open_store(".coffre/state", settings(root), root), FolderStore)


def test_a_bucket_is_opened_with_its_own_key(root: Path) -> None:
    store = open_store("s3://coffre-etat/pulumi/", settings(root), root)
    assert isinstance(store, BucketStore)
    assert store.shown("x") == "s3://coffre-etat/pulumi/x"
    assert store.endpoint.url == "https://s3.example:7480"
    assert SECRET not in repr(vars(store))


@pytest.mark.parametrize("address", ["https://s3.example:7480", "https://S3.EXAMPLE:7480/"])
def test_a_store_on_a_platform_that_it_opens_is_refused(root: Path, address: str) -> None:
    with pytest.raises(RefusedError, match="s3://coffre-etat is on lab, a platform that it opens"):
        open_store("s3://coffre-etat", settings(root, address), root)
    open_store("s3://coffre-etat", settings(root, address, lab=True), root)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "credential: cannot read"),
        ("{", "credential"),
        (f'{{"access_key_id": "AKTEAM", "secret": "{SECRET}"}}', "has no access key"),
        (f'["{SECRET}"]', "credential"),
    ],
)
def test_an_unusable_credential_is_named_and_not_quoted(root: Path, content: str | None, says: str) -> None:
    (root / "store.json").unlink()
    if content is not None:
        (root / "store.json").write_text(content)
    with pytest.raises(ExpectedError) as refused:
        open_store("s3://coffre-etat", settings(root), root)
    said = refused.value.message + refused.value.hint
    assert says in said
    assert "coffre-etat" in said
    assert SECRET not in said


def test_a_bucket_without_a_store_is_named(root: Path) -> None:
    with pytest.raises(ExpectedError, match="no store of the bucket autre"):
        open_store("s3://autre/x", settings(root), root)


def test_places_are_read_with_and_without_a_prefix() -> None:
    assert find_s3_place("s3://a-b/c/d/") == S3Place("a-b", "c/d/")
    assert find_s3_place("s3://a-b") == find_s3_place("s3://a-b/") == S3Place("a-b", "")
    assert find_s3_place(".coffre/state") is None
    assert str(S3Place("a-b", "c/")) == "s3://a-b/c"
