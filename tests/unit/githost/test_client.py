"""What a git host answers is hostile: it ends, it is checked, it never gets the token to another place."""

import socket
import time
from pathlib import Path

import pytest

from coffre.errors import ExpectedError, InvalidFileError, UsageError
from coffre.githost import client
from coffre.githost.client import Client, StatusError
from coffre.githost.host import GitHostError
from coffre.githost.kinds import open_git_host
from tests.doubles.git_host_server import GitHostServer, Reply
from tests.unit.githost.conftest import SETTINGS, TOKEN, open_kind, settings_for
from tests.unit.githost.documented import HEAD, NUMBER, REPOSITORY, as_github

PULL = f"GET /api/v3/repos/{REPOSITORY}/pulls/{NUMBER}"


def refusal(server: GitHostServer, reply: object) -> GitHostError:
    as_github(server, {})
    server.replies[PULL] = reply
    with pytest.raises(GitHostError) as caught:
        open_kind("github", server).read_change(NUMBER)
    assert TOKEN not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the token"),
        (403, "refuses the token"),
        (404, "has no such thing"),
        (500, "does not do it"),
        (301, "answers from another address"),
        (307, "answers from another address"),
    ],
)
def test_a_status_that_says_no_is_said_without_what_the_host_wrote(
    server: GitHostServer, status: int, said: str
) -> None:
    headers = {"Location": f"{server.url}/elsewhere"}
    error = refusal(server, Reply({"message": f"token {TOKEN} \x1b[31m"}, status, headers))
    assert said in error.message
    assert "\x1b" not in error.message
    assert [call.path for call in server.calls if "elsewhere" in call.path] == []


@pytest.mark.parametrize(
    "content",
    [
        b"<html>sign in</html>",
        b"{",
        b"[]",
        b'{"number": "7"}',
        b"[" * 100_000,
        b'{"number": 7, "user": {"login": ""}}',
        b"\xff\xfe",
        b"",
    ],
    ids=str,
)
def test_an_answer_of_no_git_host_is_refused(server: GitHostServer, content: bytes) -> None:
    assert "is not one of a git host" in refusal(server, Reply(content)).message


@pytest.mark.parametrize("commit", ["", "main", "A" * 40, "a" * 39, "a" * 40 + "\n", "../../x"])
def test_a_commit_that_is_no_id_is_refused(server: GitHostServer, commit: str) -> None:
    as_github(server, {})
    pull = {**server.replies[PULL]}
    pull["head"] = {**pull["head"], "sha": commit}
    assert "is not one of a git host" in refusal(server, pull).message


def test_an_answer_without_end_is_ended(server: GitHostServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_BYTES", 1 << 20)
    assert "is not one of a git host" in refusal(server, Reply(b" " * (2 << 20))).message


def test_a_listing_without_end_is_ended(server: GitHostServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_PAGES", 3)
    as_github(server, {})
    path = f"/api/v3/repos/{REPOSITORY}/issues/{NUMBER}/comments"
    server.replies[f"GET {path}"] = Reply([{"id": 1, "user": None, "body": ""}], headers={"Link": '<x>; rel="next"'})
    with pytest.raises(GitHostError, match="too many entries"):
        open_kind("github", server).put_comment(NUMBER, "review", "x")
    assert len([call for call in server.calls if call.path == path]) == 3
    assert server.written() == []


def test_a_pull_request_of_more_commits_than_the_host_lists_is_refused(server: GitHostServer) -> None:
    """Else an author beyond the list would count as a second person."""
    as_github(server, {})
    one = {"sha": HEAD, "author": None, "commit": {"author": {"email": "x@y.example"}}}
    server.replies[f"GET /api/v3/repos/{REPOSITORY}/pulls/{NUMBER}/commits"] = [one] * 250
    with pytest.raises(GitHostError, match="250 commits or more"):
        open_kind("github", server).read_change(NUMBER)


def test_a_write_is_sent_once(server: GitHostServer) -> None:
    """Nobody knows whether a write without a good answer was carried out: a second one could be a second comment."""
    server.replies["POST /api/x"] = Reply({}, 503)
    with pytest.raises(StatusError, match="503"):
        Client(f"{server.url}/api", {}).write("write", "POST", "/x", {})
    assert len(server.calls) == 1


def test_a_host_that_is_away_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(GitHostError, match=f"no answer from http://127.0.0.1:{port}: read it"):
        Client(f"http://127.0.0.1:{port}/api", {}).read("read it", "/x")
    assert time.monotonic() - began < 5


def test_what_is_missing_here_is_said_before_the_host_is_asked(
    server: GitHostServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="names no git host"):
        open_git_host(SETTINGS, tmp_path)
    for token in ("two words", "clé", "a\nb"):
        monkeypatch.setenv("GIT_TOKEN", token)
        with pytest.raises(UsageError, match="is no token") as caught:
            open_kind("gitea", server)
        assert token not in caught.value.message
    monkeypatch.delenv("GIT_TOKEN")
    with pytest.raises(ExpectedError, match="GIT_TOKEN is not set"):
        open_kind("gitea", server)
    with pytest.raises(InvalidFileError, match="CA file"):
        Client("https://git.smileo.example/api", {}, str(tmp_path / "none.pem"))
    assert server.calls == []


@pytest.mark.parametrize(
    ("kind", "url", "api"),
    [
        ("github", "https://github.com", "https://api.github.com"),
        ("github", "https://github.smileo.example/", "https://github.smileo.example/api/v3"),
        ("gitea", "https://smileo.example/git", "https://smileo.example/git/api/v1"),
        ("gitlab", "https://gitlab.com", "https://gitlab.com/api/v4"),
    ],
)
def test_each_kind_has_its_api_at_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, url: str, api: str
) -> None:
    asked: list[str] = []
    monkeypatch.setenv("GIT_TOKEN", TOKEN)
    monkeypatch.setattr("coffre.githost.kinds.Client", lambda address, *_: asked.append(address))
    open_git_host(settings_for(kind, url), tmp_path)
    assert asked == [api]
