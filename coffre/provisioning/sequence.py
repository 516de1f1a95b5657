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
class Step:
    """One step; ``do`` takes the context and what earlier steps gave."""

    do: Callable[..., Any]
    look: Callable[[Context], Sequence[Found]] = _nothing


STEPS = (
    Step(guard.do),
    Step(secrets.do, secrets.look),
    Step(access.shut_out),
    Step(orders.publish),
    Step(retirement.order_removals, retirement.look),
    Step(storage.do, storage.look),
    Step(retirement.forget),
    Step(access.do, access.look),
    Step(rotation.resume, rotation.look),
    Step(repositories.do, repositories.look),
    Step(orders.do),
    Step(access.settle_gates, access.look_at_gates),
    Step(commitments.do, commitments.look),
    Step(deployment.do, deployment.look),
    Step(rotation.end),
    Step(commitments.deliver, commitments.look_at_delivery),
)
