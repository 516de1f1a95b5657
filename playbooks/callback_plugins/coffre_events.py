"""Tells Coffre how each task ended, one line of JSON an event, on a descriptor that nothing else writes to.

What Ansible prints is no place for that: words of machines stand in it, and they could tell events of their own.
Machines' words are cut here, before anything keeps them.
"""

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: coffre_events
    type: stdout
    short_description: Events of a run as lines of JSON
    description:
        - Writes to the descriptor that E(COFFRE_EVENTS_DESCRIPTOR) names, and prints nothing.
"""

SAID_LENGTH = 16 * 1024
"""Characters that are kept of each text: twelve bytes each at most, so that four of them fit a line of a mebibyte."""
TEXTS = ("msg", "stderr", "module_stderr", "stdout")
NO_MEMORY = "MemoryError"
FLAGS = ("changed", "failed", "unreachable", "censored")


class CallbackModule(CallbackBase):
    """One event of a run after the other, in the names that Ansible has for them."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "coffre_events"

    def __init__(self) -> None:
        super().__init__()
        self._descriptor = int(os.environ["COFFRE_EVENTS_DESCRIPTOR"])
        # No ssh and no module gets it.
        os.set_inheritable(self._descriptor, False)

    def v2_playbook_on_play_start(self, play: Any) -> None:  # noqa: ARG002 - Ansible calls it so
        self._tell("playbook_on_play_start")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._tell("playbook_on_stats", processed=stats.processed, changed=stats.changed)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._tell("runner_on_start", host=host.get_name(), task=task.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        self._tell_result("runner_on_ok", result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._tell_result("runner_item_on_failed", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._tell_result("runner_on_failed", result, ignore_errors=ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._tell_result("runner_on_unreachable", result)

    def _tell_result(self, event: str, result: Any, **more: Any) -> None:
        kept = keep(result.result)
        self._tell(event, host=result.host.get_name(), task=result.task.get_name(), res=kept, **more)

    def _tell(self, event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, "event_data": facts}).encode() + b"\n"
        while line:
            line = line[os.write(self._descriptor, line) :]


def keep(result: dict[str, Any]) -> dict[str, Any]:
    """Return the little of a task's result that Coffre reads: of a loop, the first item that did not go well."""
    items = result.get("results")
    bad = next((item for item in items if is_bad(item)), None) if isinstance(items, list) else None
    kept: dict[str, Any] = {name: bool(result[name]) for name in FLAGS if name in result}
    if bad is not None:
        kept["results"] = [keep({**bad, "results": None})]
    # What is censored has no texts; if it had, they would be secret.
    if "censored" not in result:
        kept |= {name: cut(str(result[name])) for name in TEXTS if name in result}
        if NO_MEMORY in str(result.get("exception", "")).splitlines():
            # It has no words of its own: its name in the traceback is all there is.
            kept["msg"] = cut(f"{kept.get('msg', '')} {NO_MEMORY}")
    return kept


def is_bad(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.get("failed") or item.get("unreachable"))


def cut(text: str) -> str:
    """Return a text's beginning and its end: one says what failed, the other why. Halves of characters become `?`."""
    half = SAID_LENGTH // 2
    kept = text if len(text) <= SAID_LENGTH else text[:half] + text[-half:]
    return kept.encode("utf-8", "replace").decode()
