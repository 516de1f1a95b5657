"""Reads an AWS account for many tenants: its users are listed once."""

import threading
from collections.abc import Sequence

from coffre.storage.aws.buckets import AccountBuckets
from coffre.storage.aws.declaration import AwsDeclaration
from coffre.storage.aws.drift import list_drift, machine_uid
from coffre.storage.aws.iam import Iam
from coffre.storage.aws.live import read_live
from coffre.storage.aws.names import AwsPrincipals
from coffre.storage.aws.session import AwsSession
from coffre.storage.platform import Declaration, RecordedResource, SecretOf
from coffre.storage.s3 import policy
from coffre.storage.s3.switches import read_switches
from coffre.storage.survey import HomeSurvey, SurveyedBucket


class AwsSurvey:
    """One account and region with Coffre's own credential; implements Survey."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session
        self._iam = Iam(session)
        self._buckets = AccountBuckets(session)
        self._listing = threading.Lock()
        self._names: list[str] | None = None

    def look(
        self,
        declaration: Declaration,
        resources: Sequence[RecordedResource],
        secret_of: SecretOf,  # noqa: ARG002 - AWS shows no secret
    ) -> HomeSurvey:
        """Read what the account has of a tenant; see `Survey`."""
        assert isinstance(declaration, AwsDeclaration)  # noqa: S101 - its kind made both
        layout = declaration.storage
        live = read_live(self._session, layout)
        own = {layout.owner: layout.owner}
        own |= {machine_uid(layout, each): each.user for each in layout.machines if each.user is not None}
        others = {name for name in self._list_names() if name.startswith(f"{layout.owner}.")} - set(own.values())
        there = [uid for uid, name in own.items() if name in live.users] + sorted(others)
        owned = sorted({*self._buckets.list_owned(layout.owner), *live.buckets})
        documents = {name: bucket.document for name, bucket in live.buckets.items()}
        return HomeSurvey(
            tuple(list_drift(layout, live, {each.name for each in resources})),
            {uid: user for uid in there if (user := self._iam.survey(uid)) is not None},
            {name: self._judge(name, documents.get(name, {})) for name in owned},
        )

    def list_owners(self) -> None:
        """Return None: the buckets tell what an owner uses."""

    def look_around(self, owner_uid: str) -> None:
        """Return None: agents are not the platform's own."""

    def _list_names(self) -> list[str]:
        """Return the IAM names of all of Coffre's users, listed once."""
        with self._listing:
            if self._names is None:
                self._names = self._iam.list_users("")
            return self._names

    def _judge(self, name: str, document: policy.PolicyDocument) -> SurveyedBucket:
        return read_switches(name, document, AwsPrincipals(self._session.account))
