"""Opens the places of state and bundles: a folder, or a bucket of a store of platform.yaml."""

from pathlib import Path

from coffre.errors import ExpectedError, InvalidFileError, RefusedError
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec.files import repository_file
from coffre.spec.platform import PlatformFile
from coffre.spec.stores import S3Place, S3Store, find_s3_place
from coffre.spec.values.references import read_reference
from coffre.storage.kinds import driver_of
from coffre.storage.values import AccessKey, Endpoint
from coffre.workspace.file_store import FileStore, FolderStore

_CREDENTIAL_BYTES = 1024**2
_FORM = 'Its content is JSON: {"access_key_id": "…", "secret_access_key": "…"}.'


def open_store(reference: str, settings: PlatformFile, root: Path) -> FileStore:
    """Open a folder (a path from the root) or s3://BUCKET/PREFIX, without a request to it.

    RefusedError when the bucket is on a platform that Coffre manages: a lost platform would take its own keys and state
    along. The embedded platform may hold one, for trials.
    """
    place = find_s3_place(reference)
    if place is None:
        return FolderStore(root / reference, root)
    store = settings.stores.get(place.bucket)
    if store is None:
        raise InvalidFileError(
            f"platform.yaml: there is no store of the bucket {place.bucket}", "Add it to stores:, with its endpoint."
        )
    key = _read_key(place, store, root)
    refuse_on_platform(place, store, key, settings, root)
    return _open_bucket(place, store, key, root)


def refuse_on_platform(place: S3Place, store: S3Store, key: AccessKey, settings: PlatformFile, root: Path) -> None:
    """Refuse a store on a platform that Coffre manages, the embedded one excepted."""
    for name, platform in settings.platforms.items():
        if platform.is_marked_embedded:
            continue
        if driver_of(platform).holds_store(platform, root, store.endpoint, key):
            raise RefusedError(
                f"platform.yaml: {place} is on {name}, a platform that it opens",
                "Name a bucket of another service: when that platform is lost, so would be what rebuilds it.",
            )


def _open_bucket(place: S3Place, store: S3Store, key: AccessKey, root: Path) -> FileStore:
    from coffre.storage.s3.file_store import BucketStore

    ca_file = repository_file(root, store.ca_file) if store.ca_file else None
    endpoint = Endpoint(store.endpoint.rstrip("/"), region=store.region, ca_file=ca_file)
    return BucketStore(endpoint, key, place.bucket, place.prefix)


def _read_key(place: S3Place, store: S3Store, root: Path) -> AccessKey:
    where = f"platform.yaml: stores: {place.bucket}: credential"
    try:
        values = read_json_object(read_reference(store.credential, root), _CREDENTIAL_BYTES)
    except UnreadableJsonError as error:
        raise InvalidFileError(f"{where}: {error}", _FORM) from error
    except ExpectedError as problem:
        raise ExpectedError(f"{where}: {problem.message}", problem.hint) from problem
    found = [values.get(name) for name in ("access_key_id", "secret_access_key")]
    if not all(isinstance(each, str) and each for each in found):
        raise InvalidFileError(f"{where} has no access key", _FORM)
    return AccessKey(*map(str, found))
