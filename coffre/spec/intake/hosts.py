"""The git hosts for which a new repository can be written."""

from enum import StrEnum


class GitHost(StrEnum):
    """The git host of the repository: it decides where CODEOWNERS is, and its form."""

    GITEA = "gitea"
    GITHUB = "github"
    GITLAB = "gitlab"
