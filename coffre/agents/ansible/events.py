"""What Ansible's events say of each host: whether it went well, what changed, the first clear reason if not. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from coffre.agents.identity import Identity
from coffre.agents.reach.ssh_errors import last_line, shorten, significant_lines
from coffre.outside.structured import UnreadableJsonError, read_json_object

HIDDEN = "its output is hidden because it handles secrets"

SAID_BYTES = 64 * 1024
"""What is kept of a machine's words."""
MAX_VERSION_LENGTH = 64

Event = Mapping[str, Any]
_SAYS_NOTHING = ("non-zero return code", "MODULE FAILURE", "Module result deserialization failed")
"""How Ansible begins where the cause is in what the command itself said."""


APPLY = "Have the agent apply its orders"
"""The task, in the role of every system, whose output is the agent's own word."""

OWN_CHECK = "Validating arguments against arg spec"
"""How Ansible names the task that it puts before a role's own: no progress worth a line."""


@dataclass(frozen=True)
class HostOutcome:
    """How a playbook ended on one host.

    ``changes`` are the names of the tasks that changed something, or would have. ``failed_task`` and ``reason`` are
    empty when it went well; ``reason`` is what the task or ssh said, several lines perhaps. ``agent_version`` is what
    the agent says of itself, empty when it was not asked; ``identity`` which machine it says to be on.
    """

    ok: bool
    unreachable: bool
    changes: tuple[str, ...]
    failed_task: str = ""
    reason: str = ""
    agent_version: str = ""
    identity: Identity | None = None


class EventLog:
    """Gathers the events of one run, in any order of hosts; ``on_task`` is called as a host begins a task."""

    def __init__(self, on_task: Callable[[str, str], None]) -> None:
        self._on_task = on_task
        self._changes: dict[str, list[tuple[str, bool]]] = {}
        self._failures: dict[str, tuple[str, str]] = {}
        self._unreachable: dict[str, str] = {}
        self._item_reasons: dict[tuple[str, str], str] = {}
        self._ended: dict[str, int] = {}
        self._agent_versions: dict[str, str] = {}
        self._identities: dict[str, Identity | None] = {}
        self.has_begun = False
        """Whether Ansible came as far as to run a play."""

    def add(self, event: Event) -> None:
        """Take one event of our callback plugin (`playbooks/callback_plugins`), which has them from Ansible."""
        data = event.get("event_data", {})
        kind, host, task = event.get("event", ""), data.get("host"), _task_name(data)
        self.has_begun = self.has_begun or kind == "playbook_on_play_start"
        if kind == "playbook_on_stats":
            self._ended = {host: data.get("changed", {}).get(host, 0) for host in data.get("processed", {})}
        if host is None:
            return
        # What a module says comes from the machine.
        result = data.get("res")
        result = result if isinstance(result, Mapping) else {}
        if kind == "runner_on_ok" and task == APPLY:
            self._agent_versions[host] = read_agent_version(result.get("stdout"))
            self._identities[host] = read_identity(result.get("stdout"))
        if kind == "runner_on_start" and not task.startswith(OWN_CHECK):
            self._on_task(host, task)
        elif kind == "runner_on_ok" and "censored" in result:
            self._changes.setdefault(host, []).append((task, False))
        elif kind == "runner_on_ok" and result.get("changed"):
            self._changes.setdefault(host, []).append((task, True))
        elif kind == "runner_item_on_failed":
            self._item_reasons.setdefault((host, task), find_reason(result))
        elif kind == "runner_on_failed" and not data.get("ignore_errors"):
            reason = self._item_reasons.get((host, task)) or find_reason(result)
            self._failures.setdefault(host, (task, reason))
        elif kind == "runner_on_unreachable":
            self._unreachable.setdefault(host, find_reason(result))

    def outcome(self, host: str, output: str = "") -> HostOutcome:
        """Return how it ended on a host; one that no event speaks of did not go well.

        ``output`` is the end of what Ansible printed: why it ended early, if it did.
        """
        changes = self._list_changes(host)
        if host in self._unreachable:
            return HostOutcome(False, True, changes, "", self._unreachable[host])
        if host in self._failures:
            task, reason = self._failures[host]
            return HostOutcome(False, False, changes, task, reason)
        if host not in self._ended:
            words = f": {last_line(output)}" if last_line(output) else ""
            return HostOutcome(False, False, changes, "", f"Ansible ended before it was done{words}")
        version, identity = self._agent_versions.get(host, ""), self._identities.get(host)
        return HostOutcome(True, False, changes, agent_version=version, identity=identity)

    def _list_changes(self, host: str) -> tuple[str, ...]:
        """Name what changed. Of a task with secrets no event tells; the sums at the end do, by what is missing."""
        tasks = self._changes.get(host, [])
        is_short = self._ended.get(host, 0) > sum(is_certain for _, is_certain in tasks)
        return tuple(dict.fromkeys(task for task, is_certain in tasks if is_certain or is_short))


def read_agent_version(said: object) -> str:
    """Return the version in what the agent prints of an apply; empty when there is none, as from an older agent."""
    try:
        version = read_json_object(str(said), SAID_BYTES).get("agent_version", "")
    except UnreadableJsonError:
        return ""
    return version if isinstance(version, str) and len(version) <= MAX_VERSION_LENGTH else ""


def read_identity(said: object) -> Identity | None:
    """Return which machine the agent says to be on, in what it prints of an apply; None from an older agent."""
    try:
        found = read_json_object(str(said), SAID_BYTES).get("identity")
        return None if found is None else Identity.model_validate(found)
    except (UnreadableJsonError, ValidationError):
        return None


def find_reason(result: Mapping[str, Any]) -> str:
    """Return what a failed task gives as its reason, the most telling text first."""
    if "censored" in result:
        return HIDDEN
    items = result.get("results")
    bad = [
        item
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable"))
    ]
    # An item of a loop has no items of its own.
    return _reason_of(bad[0] if bad else result)


def _reason_of(result: Mapping[str, Any]) -> str:
    if "censored" in result:
        return HIDDEN
    message = str(result.get("msg", ""))[-SAID_BYTES:].removeprefix("Task failed: ")
    # A command's own words tell more than "non-zero return code", a module's traceback less than its message.
    texts = [str(result.get(key, ""))[-SAID_BYTES:] for key in ("stderr", "module_stderr", "stdout")]
    said = next((text for text in texts if significant_lines(text.splitlines())), "")
    if not message or message.startswith(_SAYS_NOTHING):
        return said or message
    if message.startswith("failed to validate") and said:
        return f"{message}: {said}"
    return message


def one_line(text: str, limit: int = 300) -> str:
    """Return a reason as one line, its decoration left out; of a long one the end, where the cause stands."""
    return shorten(text, limit)


def _task_name(data: Mapping[str, Any]) -> str:
    """Name a task by its sentence, without the role's name that Ansible puts before it."""
    return str(data.get("task", "")).rpartition(" : ")[2]
