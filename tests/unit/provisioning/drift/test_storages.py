"""What a look at the storage alone means for a plan over many tenants."""

import pytest

from coffre.errors import ExpectedError, RemoteError
from coffre.provisioning.drift.storages import StorageStanding, judge
from coffre.provisioning.drift.values import Drift, DriftKind, TenantDrift, Unseen, UnseenKind
from coffre.records.facts.departure import Stage
from coffre.workspace.many.threads import Late

AWAY = Unseen(UnseenKind.PLATFORM, None, "nobody answers", "Look there.")
REFUSED = Unseen(UnseenKind.STORAGE, "compta-01", "AccessDenied")


@pytest.mark.parametrize(
    ("result", "standing"),
    [
        (TenantDrift("martin"), StorageStanding.AS_APPLIED),
        (TenantDrift("martin", (Drift(DriftKind.POLICY, "compta-01"),)), StorageStanding.OTHER),
        (TenantDrift("martin", (Drift(DriftKind.POLICY, "compta-01"),), (AWAY,)), StorageStanding.OTHER),
        (TenantDrift("martin", unseen=(REFUSED,)), StorageStanding.OTHER),
        (TenantDrift("martin", unseen=(REFUSED, AWAY)), StorageStanding.UNSEEN),
        (TenantDrift("martin", unseen=(Unseen(UnseenKind.TENANT, error="no identity"),)), StorageStanding.UNSEEN),
        (TenantDrift("martin", ended=Stage.CLOSED), StorageStanding.OTHER),
        (ExpectedError("a bundle is missing"), StorageStanding.UNSEEN),
        (Late(300.0), StorageStanding.OTHER),
        (KeyError("nobody expected this"), StorageStanding.OTHER),
    ],
    ids=repr,
)
def test_only_what_was_seen_and_is_as_applied_needs_no_whole_look(
    result: TenantDrift | Exception | Late, standing: StorageStanding
) -> None:
    assert judge("martin", result).standing is standing


def test_why_nothing_was_seen_is_told() -> None:
    problem = judge("martin", TenantDrift("martin", unseen=(AWAY,))).problem
    assert isinstance(problem, RemoteError)
    assert (problem.message, problem.hint) == ("nobody answers", "Look there.")
