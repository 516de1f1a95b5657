"""The steps of an apply, in their order: each looks, giving its changes, and does, giving what later steps take.

A plan is all looks. An apply does each, and hands on what it gave: `apply.py` says which step needs what of which. Who
reads the list otherwise (drift, review) takes the looks it is about.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coffre.provisioning.steps import (
    access,
    commitments,
    deployment,
    guard,
    orders,
    repositories,
    retirement,
    rotation,
    secrets,
    storage,
)
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.found import Found


def _nothing(_: Context) -> Sequence[Found]:
    """What a step changes that has no look of its own is found by another one's, or is no change of the tenant's."""
    return ()


@dataclass(frozen=True)
class ApplyStep:
    """One step; ``do`` takes the context and what earlier steps gave."""

    do: Callable[..., Any]
    look: Callable[[Context], Sequence[Found]] = _nothing


STEPS = (
    ApplyStep(guard.do),
    ApplyStep(secrets.do, secrets.look),
    ApplyStep(access.shut_out),
    ApplyStep(orders.publish),
    ApplyStep(retirement.order_removals, retirement.look),
    ApplyStep(storage.do, storage.look),
    ApplyStep(retirement.forget),
    ApplyStep(access.do, access.look),
    ApplyStep(rotation.resume, rotation.look),
    ApplyStep(repositories.do, repositories.look),
    ApplyStep(orders.do),
    ApplyStep(access.settle_gates, access.look_at_gates),
    ApplyStep(commitments.do, commitments.look),
    ApplyStep(deployment.do, deployment.look),
    ApplyStep(rotation.end),
    ApplyStep(commitments.deliver, commitments.look_at_delivery),
)
