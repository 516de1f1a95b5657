"""The same pull request as each kind of host answers about it, in the shapes of its documentation.

Anna opened it. Its commits are by her and by a person whom the host does not know. Bruno approved its newest commit,
and Bruno merged it by a commit of its own.
"""

from collections.abc import Callable
from typing import Any

from tests.doubles.git_host_server import GitHostServer, Reply

HEAD, OLD, MERGE, OTHER = "a" * 40, "b" * 40, "c" * 40, "d" * 40
NUMBER = 7
REPOSITORY = "smileo/customers"

World = dict[str, Any]
"""`source`, `merged`, `rules`, `me`, `approvals` as (who, commit, state), and `comments` as (id, who, body)."""


def _paged(entries: list[Any]) -> Callable[[Any], Reply]:
    """Answer two entries a page, with the link to the next one."""

    def reply(call: Any) -> Reply:
        page = int(dict(part.split("=") for part in call.query.split("&"))["page"])
        more = {"Link": f'<http://elsewhere.invalid/?page={page + 1}>; rel="next", <http://x.invalid>; rel="last"'}
        return Reply(entries[2 * page - 2 : 2 * page], headers=more if len(entries) > 2 * page else {})

    return reply


def _user(name: str) -> dict[str, Any]:
    return {"login": name, "id": 1, "type": "User"}


def _pull(world: World) -> dict[str, Any]:
    merged = world.get("merged", True)
    return {
        "number": NUMBER,
        "state": "closed" if merged else "open",
        "title": "x",
        "user": _user("anna"),
        "base": {"ref": "main", "sha": OTHER, "repo": {"full_name": REPOSITORY}},
        "head": {"ref": "more", "sha": HEAD, "repo": {"full_name": world.get("source", "Smileo/Customers")}},
        "merged": merged,
        "merged_at": "2027-03-01T10:00:00Z" if merged else None,
        "merge_commit_sha": MERGE,
        "merged_by": _user("bruno") if merged else None,
    }


def _commits() -> list[Any]:
    return [
        {"sha": OLD, "author": _user("anna"), "commit": {"author": {"name": "Anna", "email": "anna@smileo.example"}}},
        {"sha": HEAD, "author": None, "commit": {"author": {"name": "X", "email": "x@elsewhere.example"}}},
    ]


def _pulls(server: GitHostServer, world: World, api: str) -> None:
    base = f"{api}/repos/{REPOSITORY}"
    reviews = [
        {"id": at, "user": _user(who), "state": state, "commit_id": commit, "official": who in ("bruno", "Anna")}
        for at, (who, commit, state) in enumerate(world.get("approvals", [("bruno", HEAD, "APPROVED")]))
    ]
    comments = [{"id": at, "user": _user(who), "body": body} for at, who, body in world.get("comments", [])]
    server.replies |= {
        f"GET {base}/pulls/{NUMBER}": _pull(world),
        f"GET {base}/pulls/{NUMBER}/commits": _commits(),
        f"GET {base}/pulls/{NUMBER}/reviews": _paged(reviews),
        f"GET {base}/issues/{NUMBER}/comments": _paged(comments),
        f"POST {base}/issues/{NUMBER}/comments": Reply({"id": 99}, 201),
        f"PATCH {base}/issues/comments/5": {"id": 5},
        f"POST {base}/statuses/{HEAD}": Reply({"id": 1}, 201),
        f"GET {api}/user": _user(world.get("me", "coffre-bot")),
    }


def as_gitea(server: GitHostServer, world: World) -> None:
    _pulls(server, world, "/api/v1")
    server.replies[f"GET /api/v1/repos/{REPOSITORY}/commits/{MERGE}/pull"] = _pull(world)


def as_github(server: GitHostServer, world: World) -> None:
    _pulls(server, world, "/api/v3")
    base = f"/api/v3/repos/{REPOSITORY}"
    server.replies |= {
        f"GET {base}/commits/{MERGE}/pulls": [{**_pull(world), "number": 3, "merged_at": None}, _pull(world)],
        f"GET {base}/commits/{OTHER}/pulls": Reply({"message": "No commit found for SHA"}, 422),
        f"GET {base}/commits/{HEAD}/pulls": [_pull(world)],
        f"GET {base}/collaborators/bruno/permission": {"permission": "write", "user": _user("bruno")},
        f"GET {base}/collaborators/Anna/permission": {"permission": "admin", "user": _user("anna")},
        f"GET {base}/collaborators/visitor/permission": {"permission": "read", "user": _user("visitor")},
    }


def as_gitlab(server: GitHostServer, world: World) -> None:
    def user(name: str) -> dict[str, Any]:
        return {"id": 1, "username": name, "name": name, "state": "active"}

    base = "/api/v4/projects/smileo%2Fcustomers"
    merged = world.get("merged", True)
    request = {
        "id": 1000,
        "iid": NUMBER,
        "state": "merged" if merged else "opened",
        "target_branch": "main",
        "source_branch": "more",
        "author": user("anna"),
        "sha": HEAD,
        "source_project_id": 1 if world.get("source", REPOSITORY) == REPOSITORY else 2,
        "target_project_id": 1,
        "merge_user": user("bruno") if merged else None,
        "merge_commit_sha": MERGE if merged else None,
        "squash_commit_sha": None,
    }
    approved = [who for who, commit, _ in world.get("approvals", [("bruno", HEAD, "")]) if commit == HEAD]
    notes = [
        {"id": at, "author": user(who), "body": body, "system": False} for at, who, body in world.get("comments", [])
    ]
    emails = ("anna@smileo.example", "x@elsewhere.example")
    server.replies |= {
        f"GET {base}/repository/commits/{MERGE}/merge_requests": [request],
        f"GET {base}/repository/commits/{HEAD}/merge_requests": [request],
        f"GET {base}/merge_requests/{NUMBER}": request,
        f"GET {base}/merge_requests/{NUMBER}/commits": [{"id": HEAD, "author_email": each} for each in emails],
        f"GET {base}/merge_requests/{NUMBER}/approvals": {"approved_by": [{"user": user(who)} for who in approved]},
        f"GET {base}/approvals": world.get(
            "rules",
            {
                "reset_approvals_on_push": True,
                "merge_requests_author_approval": False,
                "merge_requests_disable_committers_approval": True,
            },
        ),
        f"GET {base}/merge_requests/{NUMBER}/notes": _paged(notes),
        f"POST {base}/merge_requests/{NUMBER}/notes": Reply({"id": 99}, 201),
        f"PUT {base}/merge_requests/{NUMBER}/notes/5": {"id": 5},
        f"POST {base}/statuses/{HEAD}": Reply({"id": 1}, 201),
        "GET /api/v4/user": user(world.get("me", "coffre-bot")),
    }


KINDS: dict[str, Callable[[GitHostServer, World], None]] = {
    "gitea": as_gitea,
    "github": as_github,
    "gitlab": as_gitlab,
}
