"""The two bundles of a tenant as values: their fields, their JSON document, and the secrets inside them."""

import base64
import binascii
import json
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from coffre.secrets.earlier import PHRASES_VERSION, migrate
from coffre.secrets.errors import CorruptBundleError, ForeignBundleError
from coffre.secrets.identifiers import SecretId, SecretKind
from coffre.secrets.sealed import RecordedUse, SealedPassword

BUNDLE_VERSION: Final = 2
_READABLE_VERSIONS: Final = (PHRASES_VERSION, BUNDLE_VERSION)
SIGNING_SEED_BYTES = 32

Text = Annotated[str, Field(min_length=1)]
Secret = Annotated[SecretStr, Field(min_length=1)]


def _check_seed(value: SecretStr) -> SecretStr:
    try:
        seed = base64.b64decode(value.get_secret_value(), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SIGNING_SEED_BYTES:
        raise ValueError("not the base64 of an ed25519 seed")
    return value


class _Sealed(BaseModel):
    """Immutable, with strict fields; its errors never show values."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class S3Key(_Sealed):
    """An S3 access key as the bundle stores it."""

    access_key_id: Text
    secret_access_key: Secret


class Bundle(_Sealed):
    """The common part of all kinds: the tenant, and the version of the format."""

    version: Literal[2] = BUNDLE_VERSION
    tenant_id: Text
    kind: str


class ControlBundle(Bundle):
    """The keys that run a tenant's service. They can be replaced when lost, and they cannot decrypt backups."""

    kind: Literal["control"] = "control"
    owner_key: S3Key | None
    """None until the platform has created it, where the platform creates keys; `rotations` reads it."""
    old_owner_key: S3Key | None = None
    """The keys that a rotation replaces stay beside the new ones until they are no longer used."""
    machine_keys: dict[str, S3Key] = Field(default_factory=dict)
    old_machine_keys: dict[str, S3Key] = Field(default_factory=dict)
    stack_passphrase: Secret
    signing_key: Secret
    """Base64 of the raw ed25519 seed that signs the machines' orders."""
    old_signing_key: Secret | None = None
    condemned: tuple[SecretId, ...] = ()
    """The condemned keys, sorted: Coffre never gives them to the platform again."""
    credentials: dict[str, Secret] = Field(default_factory=dict)
    """The entries that `credential:` of a tenant file names: passwords to log in to machines."""
    report_keys: dict[str, Secret] = Field(default_factory=dict)
    """Base64 of the keys that open the machines' reports, each derived from its repository password. They are here so
    that reading a report needs no password. Older bundles have none."""

    @field_validator("signing_key", "old_signing_key")
    @classmethod
    def _is_a_seed(cls, value: SecretStr | None) -> SecretStr | None:
        return None if value is None else _check_seed(value)


class DataBundle(Bundle):
    """The repository passwords, one per machine. A lost password makes every backup of that machine unreadable."""

    kind: Literal["data"] = "data"
    repository_passwords: dict[str, SealedPassword] = Field(default_factory=dict)
    """Sealed: they are passed on, compared and stored sealed; only `open_password` reads them."""

    def open_password(self, use: RecordedUse) -> SecretStr:
        """Return the password of a recorded use; RefusedError when the use is not recorded."""
        machine = str(use.machine)
        return self.repository_passwords[machine].open(use, self.tenant_id, machine)


class ProviderBundle(Bundle):
    """The provider's own keys, which belong to no tenant."""

    kind: Literal["provider"] = "provider"
    records_key: Secret
    """Base64 of the raw ed25519 seed that signs the heads of the records."""

    @field_validator("records_key")
    @classmethod
    def _is_a_seed(cls, value: SecretStr) -> SecretStr:
        return _check_seed(value)


B = TypeVar("B", bound=Bundle)

KINDS: dict[type[Bundle], str] = {ControlBundle: "control", DataBundle: "data", ProviderBundle: "provider"}
PROVIDER = "_provider"
"""The name and id in the provider's own bundle; no tenant can have this name."""


def entries(bundle: Bundle) -> dict[SecretId, S3Key | SecretStr | SealedPassword]:
    """Return each secret of a bundle by its identifier."""
    found: dict[SecretId, S3Key | SecretStr | SealedPassword] = {}
    if isinstance(bundle, ControlBundle):
        owner, signing = SecretId(SecretKind.OWNER_KEY), SecretId(SecretKind.SIGNING_KEY)
        if bundle.owner_key is not None:
            found[owner] = bundle.owner_key
        found[SecretId(SecretKind.STACK_PASSPHRASE)] = bundle.stack_passphrase
        found[signing] = bundle.signing_key
        found |= {SecretId(SecretKind.MACHINE_KEY, name): key for name, key in bundle.machine_keys.items()}
        found |= {SecretId(SecretKind.MACHINE_KEY, name).old: key for name, key in bundle.old_machine_keys.items()}
        found |= {SecretId(SecretKind.CREDENTIAL, name): value for name, value in bundle.credentials.items()}
        found |= {SecretId(SecretKind.REPORT_KEY, name): value for name, value in bundle.report_keys.items()}
        if bundle.old_owner_key is not None:
            found[owner.old] = bundle.old_owner_key
        if bundle.old_signing_key is not None:
            found[signing.old] = bundle.old_signing_key
    if isinstance(bundle, ProviderBundle):
        found[SecretId(SecretKind.RECORDS_KEY)] = bundle.records_key
    if isinstance(bundle, DataBundle):
        passwords = bundle.repository_passwords.items()
        found |= {SecretId(SecretKind.REPOSITORY_PASSWORD, name): value for name, value in passwords}
    return found


def all_secret_values(bundle: Bundle) -> set[str]:
    """Return every secret of a bundle unsealed, for tests that search for leaks."""
    return {_clear(entry).get_secret_value() for entry in entries(bundle).values()}


def _clear(entry: S3Key | SecretStr | SealedPassword) -> SecretStr:
    if isinstance(entry, S3Key):
        return entry.secret_access_key
    return entry.reveal_for_storage() if isinstance(entry, SealedPassword) else entry


def to_document(bundle: Bundle) -> bytes:
    """Return the bundle as JSON with its secrets unsealed, for encryption; never write this to a file."""
    return json.dumps(bundle.model_dump(), default=_reveal, sort_keys=True, indent=1).encode()


def from_document(document: bytes, model: type[B], tenant_id: str, where: str) -> B:
    """Read a decrypted document; ``where`` names the file in messages, which never quote its content."""
    fields = _fields_of(document)
    if fields is None:
        raise CorruptBundleError(f"{where} opens, but its content is not a bundle")
    _check_belongs(fields, KINDS[model], tenant_id, where)
    if fields["version"] != BUNDLE_VERSION:
        fields = migrate(fields, BUNDLE_VERSION)
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        places = sorted({str(problem["loc"][0]) if problem["loc"] else "all" for problem in error.errors()})
    raise CorruptBundleError(f"{where} opens, but is not a valid {KINDS[model]} bundle: {', '.join(places)}")


def is_of_earlier_version(document: bytes) -> bool:
    """Tell whether an earlier version wrote a decrypted document: the next save writes it in the current format."""
    fields = _fields_of(document)
    return fields is not None and fields.get("version") != BUNDLE_VERSION


def _fields_of(document: bytes) -> dict[str, object] | None:
    try:
        fields = json.loads(document)
    except (RecursionError, ValueError):
        return None
    return fields if isinstance(fields, dict) else None


def _check_belongs(fields: dict[str, object], kind: str, tenant_id: str, where: str) -> None:
    version = fields.get("version")
    if version not in _READABLE_VERSIONS:
        readable = " and ".join(map(str, _READABLE_VERSIONS))
        raise ForeignBundleError(
            f"{where} is a bundle of version {version!r}; this Coffre reads versions {readable}",
            "Use the version of Coffre that wrote it, or a newer one.",
        )
    if fields.get("kind") != kind:
        raise ForeignBundleError(
            f"{where} is a bundle of kind {fields.get('kind')!r}, not {kind!r}",
            "Two files were swapped or overwritten: restore the right one from the other place.",
        )
    if fields.get("tenant_id") != tenant_id:
        raise ForeignBundleError(
            f"{where} belongs to the tenant with id {fields.get('tenant_id')!r}, not to {tenant_id!r}",
            "Put the tenant's own bundle back, or give the tenant another name: the bundle of an earlier customer with "
            "this name may still exist.",
        )


def _reveal(value: object) -> str:
    if isinstance(value, SealedPassword):
        value = value.reveal_for_storage()
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise TypeError(f"a bundle cannot hold {type(value).__name__}")
