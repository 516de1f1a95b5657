"""Says how a tenant's inputs stand to its last complete apply. Pure."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffre.provisioning.inputs import InputState

_CHANGED = {
    "new": "no complete apply is recorded",
    "file": "its file, or its platform in platform.yaml, changed since the apply of {applied}",
    "program": "Coffre or the agents' programs changed since the apply of {applied}",
    "event": "something happened since its last complete apply, such as a hold, a rotation or an apply that was cut",
}


def describe_changed(state: "InputState") -> str:
    """Say why a tenant is not as it was applied, by its inputs alone."""
    said = _CHANGED[state.standing.value].format(applied=_when(state))
    if state.standing.value == "file" and state.commit is not None and "+" not in state.commit:
        return f"{said}: `coffre review {state.commit[:12]}..HEAD` shows the change"
    return said


def describe_unchanged(states: "Sequence[InputState]", *, is_offline: bool, named: int) -> Iterator[str]:
    """Say which tenants are unchanged, since when, and what was not looked at."""
    if not states:
        return
    looked = (
        "the platform was not looked at"
        if is_offline
        else "its storage is as applied; orders, repositories and agents were not looked at (`--full` does)"
    )
    if len(states) <= named:
        for state in states:
            yield f"{state.tenant}: unchanged since the apply of {_when(state)}; {looked}"
        return
    first, last = (pick(states, key=lambda state: str(state.applied_at)) for pick in (min, max))
    yield f"{len(states)} tenants: unchanged since their applies of {_when(first)} to {_when(last)}; {looked}"


def _when(state: "InputState") -> str:
    return "a time that is not recorded" if state.applied_at is None else f"{state.applied_at:%Y-%m-%d %H:%M} UTC"
