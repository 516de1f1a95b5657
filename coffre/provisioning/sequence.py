"""The steps of an apply in their order: `look` gives a step's changes, `do` gives the value that later steps take.

A plan runs all looks. An apply does each step and passes its result on: `apply.py` says which step needs which result.
Other readers of the list (drift, review) take the looks that they need.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coffre.provisioning.steps import (
    access,
    commitments,
    deployment,
    guard,
    keys,
    orders,
    repositories,
    retirement,
    rotation,
    second_copy,
    secrets,
    storage,
    users,
)
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.found import Found


def _nothing(_: Context) -> Sequence[Found]:
    """For a step without a look of its own: another step finds its changes, or it changes nothing of the tenant."""
    return ()


@dataclass(frozen=True)
class ApplyStep:
    """One step; ``do`` takes the context and the results of earlier steps.

    ``reads_buckets``: its look needs the owner's key. ``goes_beside``: it goes on while the tenant's own platform is
    away, for the other parts of the space.
    """

    do: Callable[..., Any]
    look: Callable[[Context], Sequence[Found]] = _nothing
    reads_buckets: bool = False
    goes_beside: bool = False


STEPS = (
    ApplyStep(keys.reopen),
    ApplyStep(guard.do),
    ApplyStep(secrets.do, secrets.look),
    ApplyStep(access.shut_out),
    ApplyStep(orders.publish),
    ApplyStep(retirement.order_removals, retirement.look),
    ApplyStep(retirement.revoke),
    ApplyStep(storage.do, storage.look, goes_beside=True),
    ApplyStep(retirement.forget),
    ApplyStep(keys.do, keys.look),
    ApplyStep(users.do, users.look),
    ApplyStep(access.do, access.look, reads_buckets=True),
    ApplyStep(rotation.resume, rotation.look),
    ApplyStep(repositories.do, repositories.look, reads_buckets=True),
    ApplyStep(orders.do),
    ApplyStep(access.settle_gates, access.look_at_gates, reads_buckets=True),
    ApplyStep(commitments.do, commitments.look),
    ApplyStep(deployment.do, deployment.look, reads_buckets=True, goes_beside=True),
    ApplyStep(rotation.end),
    ApplyStep(commitments.deliver, commitments.look_at_delivery),
    ApplyStep(second_copy.do, second_copy.look),
)
