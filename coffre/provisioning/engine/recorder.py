"""Collects what Pulumi's engine reports of a run: each change once, each error once, and slow steps."""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from pulumi.automation import events

from coffre.provisioning.changes import PropertyChange, ResourceChange

OnProgress = Callable[[str], None]

LONG_SECONDS = 5.0
"""The time from which a step is slow: a healthy platform takes a fraction of a second."""

_NOT_OURS = ("pulumi:", "coffre:")
"""The stack, its providers, and the components that group resources: their changes are those of resources."""

_COLOUR_TAG = re.compile(r"<\{%.*?%\}>")
_CHANGES = {
    events.OpType.CREATE: "create",
    events.OpType.IMPORT: "adopt",
    events.OpType.UPDATE: "update",
    events.OpType.REPLACE: "replace",
    events.OpType.DELETE: "delete",
}


class Recorder:
    """Collects the engine's events of one run: each change once, each error once."""

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self._on_progress = on_progress
        self._changes: dict[str, ResourceChange] = {}
        self._under_way: dict[str, tuple[str, float]] = {}
        self.errors: list[str] = []
        self.adopted: set[str] = set()

    def __call__(self, event: events.EngineEvent) -> None:
        if event.resource_pre_event is not None:
            self._note_step(event.resource_pre_event.metadata)
        for ended in (event.res_outputs_event, event.res_op_failed_event):
            if ended is not None:
                self._under_way.pop(ended.metadata.urn, None)
        if event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self._note_error(event.diagnostic_event)

    def changes(self) -> list[ResourceChange]:
        return sorted(
            replace(change, operation="adopt") if urn in self.adopted else change
            for urn, change in self._changes.items()
        )

    def _note_step(self, step: events.StepEventMetadata) -> None:
        operation = _CHANGES.get(step.op)
        if operation is None or step.type.startswith(_NOT_OURS):
            return
        properties = _property_changes(step) if operation in ("update", "replace") else ()
        kind, name = step.type.rsplit(":", 1)[-1], step.urn.rsplit("::", 1)[-1]
        change = ResourceChange(operation, kind, name, properties, _digest_inputs(step))
        self._changes[step.urn] = change
        if self._on_progress is not None:
            doing = f"{change.operation} {change.kind} {change.name}"
            self._under_way[step.urn] = doing, time.monotonic()
            self._on_progress(doing)

    @contextmanager
    def telling_what_takes_long(self) -> Iterator[None]:
        """Report each slow step once while it is awaited."""
        ended = threading.Event()
        watching = threading.Thread(target=self._tell_what_takes_long, args=(ended,), daemon=True)
        watching.start()
        try:
            yield
        finally:
            ended.set()
            watching.join()

    def _tell_what_takes_long(self, ended: threading.Event) -> None:
        told: set[str] = set()
        while not ended.wait(0.5):
            for urn, (doing, began) in tuple(self._under_way.items()):
                if urn not in told and time.monotonic() - began > LONG_SECONDS and self._on_progress is not None:
                    told.add(urn)
                    self._on_progress(
                        f"still waiting for the platform: {doing} (it takes half a minute when a gateway has failed)"
                    )

    def _note_error(self, event: events.DiagnosticEvent) -> None:
        text = last_line(_COLOUR_TAG.sub("", event.message)).removeprefix("error: ")
        # The engine's own closing lines only say that something before them failed.
        if text in ("update failed", "preview failed", "refresh failed") or text in self.errors:
            return
        name = event.urn.rsplit("::", 1)[-1] if event.urn else ""
        self.errors.append(f"{name}: {text}" if name and name not in text else text)


def _property_changes(step: events.StepEventMetadata) -> tuple[PropertyChange, ...]:
    old, new = ((state.inputs if state is not None else None) or {} for state in (step.old, step.new))
    changes = []
    for path in sorted(step.detailed_diff or ()):
        values = old.get(path), new.get(path)
        is_shown = all(isinstance(value, str | int | float | bool) for value in values)
        changes.append(PropertyChange(path, *(_shown(value) for value in values)) if is_shown else PropertyChange(path))
    return tuple(changes)


def _digest_inputs(step: events.StepEventMetadata) -> str:
    inputs = (step.new.inputs if step.new is not None else None) or {}
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def _shown(value: object) -> str:
    # The protocol sends every number as a float.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def last_line(text: str) -> str:
    """Return the last line of Pulumi's output, which has the reason."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "Pulumi gave no reason"
