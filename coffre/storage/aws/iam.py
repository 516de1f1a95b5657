"""The IAM users of tenants in an account, all below one path, with their access keys."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from coffre.storage.aws.faults import NoSuchEntityError, aws_errors
from coffre.storage.aws.names import USER_PATH, user_name
from coffre.storage.aws.session import AwsSession
from coffre.storage.s3.answers import reading, walk_pages, word
from coffre.storage.s3.faults import AccessRefusedError
from coffre.storage.survey import SurveyedUser
from coffre.storage.values import AccessKey


@dataclass(frozen=True)
class KeyFacts:
    """An access key of a user, and whether requests with it are accepted."""

    access_key_id: str
    is_active: bool


class Iam:
    """The users below Coffre's path; a user of the same name elsewhere in the account does not exist here."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def has_user(self, uid: str) -> bool:
        """Tell whether a user exists below Coffre's path.

        Coffre's rights end with that path. A missing user has no path, so AWS answers AccessDenied about it, as about
        one elsewhere: then the list of the path decides.
        """
        doing = f"look for IAM user {uid}"
        try:
            with self._errors(doing):
                answer = self._iam.get_user(UserName=user_name(uid))
        except NoSuchEntityError:
            return False
        except AccessRefusedError:
            if user_name(uid) in self.list_users(user_name(uid)):
                raise
            return False
        with reading(doing):
            return word(answer["User"]["Path"]) == USER_PATH

    def list_users(self, prefix: str) -> list[str]:
        """Return the IAM names of the users that begin so, sorted; a long uid is cut in its IAM name."""
        found = self._walk("list the IAM users of Coffre", "list_users", "Users", PathPrefix=USER_PATH)
        names = [word(user["UserName"]) for user in found if user["Path"] == USER_PATH]
        return sorted(name for name in names if name.startswith(prefix))

    def list_keys(self, uid: str) -> list[KeyFacts]:
        """Return the access keys of a user; none when the user does not exist."""
        if not self.has_user(uid):
            return []
        doing = f"list the access keys of IAM user {uid}"
        try:
            found = list(self._walk(doing, "list_access_keys", "AccessKeyMetadata", UserName=user_name(uid)))
        except NoSuchEntityError:
            return []
        with reading(doing):
            return [KeyFacts(word(key["AccessKeyId"]), key["Status"] == "Active") for key in found]

    def survey(self, uid: str) -> SurveyedUser | None:
        """Return a user with its keys; None when it does not exist.

        It is suspended when it has keys and none is active: IAM cannot suspend a user itself.
        """
        if not self.has_user(uid):
            return None
        keys = self.list_keys(uid)
        is_suspended = bool(keys) and not any(key.is_active for key in keys)
        return SurveyedUser(uid, is_suspended, tuple(key.access_key_id for key in keys))

    def create_key(self, uid: str) -> AccessKey:
        doing = f"create an access key of IAM user {uid}"
        self.refuse_missing(uid, doing)
        with self._errors(doing):
            answer = self._iam.create_access_key(UserName=user_name(uid))
        with reading(doing):
            given = answer["AccessKey"]
            return AccessKey(word(given["AccessKeyId"]), word(given["SecretAccessKey"]))

    def delete_key(self, uid: str, access_key_id: str) -> None:
        """Delete a key of a user; may run twice."""
        if not self.has_user(uid):
            return
        with suppress(NoSuchEntityError), self._errors(f"delete access key {access_key_id} of IAM user {uid}"):
            self._iam.delete_access_key(UserName=user_name(uid), AccessKeyId=access_key_id)

    def set_active(self, uid: str, access_key_id: str, is_active: bool) -> None:
        with self._errors(f"{'enable' if is_active else 'disable'} access key {access_key_id} of IAM user {uid}"):
            self._iam.update_access_key(
                UserName=user_name(uid), AccessKeyId=access_key_id, Status="Active" if is_active else "Inactive"
            )

    def delete_user(self, uid: str) -> None:
        """Delete a user with its keys and inline policies; may run twice."""
        if not self.has_user(uid):
            return
        for key in self.list_keys(uid):
            self.delete_key(uid, key.access_key_id)
        name = user_name(uid)
        with suppress(NoSuchEntityError):
            for policy in list(
                self._walk(f"list the policies of {uid}", "list_user_policies", "PolicyNames", UserName=name)
            ):
                with suppress(NoSuchEntityError), self._errors(f"delete a policy of IAM user {uid}"):
                    self._iam.delete_user_policy(UserName=name, PolicyName=policy)
        with suppress(NoSuchEntityError), self._errors(f"delete IAM user {uid}"):
            self._iam.delete_user(UserName=name)

    def refuse_missing(self, uid: str, doing: str) -> None:
        """Raise NoSuchEntityError when the user does not exist."""
        if not self.has_user(uid):
            raise NoSuchEntityError(doing, "NoSuchEntity", 404, "there is no such user", "run `coffre apply` first")

    def _walk(self, doing: str, operation: str, field: str, **asked: str) -> Iterator[Any]:
        with self._errors(doing):
            pages: Any = self._iam.get_paginator(operation).paginate(**asked)
            for page in walk_pages(pages, doing, "Marker"):
                yield from _entries(page, field)

    @property
    def _iam(self) -> Any:
        return self._session.client("iam")

    def _errors(self, doing: str) -> Any:
        return aws_errors(doing, self._iam.meta.endpoint_url)


def _entries(page: Mapping[str, Any], field: str) -> list[Any]:
    entries = page[field]
    if not isinstance(entries, list):
        raise TypeError("no list")
    return entries
