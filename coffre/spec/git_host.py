"""The git host of the repository in platform.yaml: where its pull requests are, and which token reads them."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from coffre.spec.values.fields import FileModel, Text, matching
from coffre.spec.values.settings import FolderPath, SecretReference

_HOST = r"([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)"
_REST = r"(:[0-9]{1,5})?(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?"
_URL = rf"https://{_HOST}{_REST}|http://(127\.0\.0\.1|localhost){_REST}"
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}"
_REPOSITORY = rf"{_PART}(/{_PART}){{1,20}}"

HostUrl = Annotated[
    Text,
    AfterValidator(
        # Not quoted: an address may have a password in it.
        matching(
            _URL,
            "this is not the address of a git host",
            "write https://HOST without account, query and repository; http only for this computer itself",
            quoted=False,
        )
    ),
    WithJsonSchema({"type": "string", "pattern": f"^({_URL})$", "description": "The git host, https://HOST"}),
]
RepositoryName = Annotated[
    Text,
    AfterValidator(matching(_REPOSITORY, "is not the name of a repository", "write it like smileo/customers")),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_REPOSITORY}$", "description": "The repository, like smileo/customers"}
    ),
]


class GitHostKind(StrEnum):
    """The kind of a git host: it selects the driver."""

    GITEA = "gitea"
    GITHUB = "github"
    GITLAB = "gitlab"


class GitHostSettings(FileModel):
    """The git host whose pull requests change the files of this repository."""

    kind: Annotated[GitHostKind, Field(description="gitea (also Forgejo), github or gitlab")]
    url: Annotated[HostUrl, Field(description="Its address, like https://git.smileo.example")]
    repository: Annotated[RepositoryName, Field(description="The repository there, like smileo/customers")]
    token: Annotated[SecretReference, Field(description="An env:NAME or file:PATH of a token, never the token itself")]
    ca_file: Annotated[FolderPath | None, Field(description="CA certificates, if not the system's")] = None
