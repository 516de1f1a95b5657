"""The kinds of git hosts. This is the only module that knows them all."""

from pathlib import Path
from urllib.parse import urlsplit

from coffre.errors import UsageError
from coffre.githost.client import Client
from coffre.githost.gitlab import GitLabHost
from coffre.githost.host import GitHost
from coffre.githost.pulls import GiteaHost, GitHubHost
from coffre.spec.git_host import GitHostKind, GitHostSettings
from coffre.spec.platform import PlatformFile
from coffre.spec.values.references import read_reference


def open_git_host(settings: PlatformFile, root: Path) -> GitHost:
    """Return the git host of platform.yaml; UsageError when it names none, ExpectedError without its token."""
    if settings.git_host is None:
        raise UsageError("platform.yaml names no git host", "Write git_host into it: docs/pipelines.md says how.")
    return _open(settings.git_host, root, read_reference(settings.git_host.token, root))


def _open(settings: GitHostSettings, root: Path, token: str) -> GitHost:
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise UsageError("the token of the git host is no token", "Write the token alone where git_host.token says.")
    url = settings.url.rstrip("/")
    ca_file = None if settings.ca_file is None else str(root / settings.ca_file)
    if settings.kind is GitHostKind.GITLAB:
        return GitLabHost(Client(f"{url}/api/v4", {"PRIVATE-TOKEN": token}, ca_file), settings.repository)
    if settings.kind is GitHostKind.GITHUB:
        headers = {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"}
        return GitHubHost(Client(_github_api(url), headers, ca_file), settings.repository)
    return GiteaHost(Client(f"{url}/api/v1", {"Authorization": f"token {token}"}, ca_file), settings.repository)


def _github_api(url: str) -> str:
    """Return the address of GitHub's API, or of a GitHub Enterprise Server's."""
    return "https://api.github.com" if urlsplit(url).hostname == "github.com" else f"{url}/api/v3"
