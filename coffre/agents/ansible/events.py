"""Reads Ansible's events for each host: whether it succeeded, what changed, the first clear reason if not. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from coffre.agents.identity import MachineIdentity
from coffre.agents.reach.ssh_errors import last_line, shorten, significant_lines
from coffre.outside.structured import UnreadableJsonError, read_json_object

HIDDEN = "its output is hidden because it handles secrets"

SAID_BYTES = 64 * 1024
"""How much of a machine's output is kept."""
MAX_VERSION_LENGTH = 64
MAX_CHANGES, MAX_CHANGE_LENGTH = 50, 200
"""How many changes of an agent are kept, and how much of each."""

AnsibleEvent = Mapping[str, Any]
_SAYS_NOTHING = ("non-zero return code", "MODULE FAILURE", "Module result deserialization failed")
"""How Ansible's message begins when the cause is in the command's own output."""


APPLY = "Have the agent apply its orders"
"""The task, in every system's role, whose output is the agent's own."""

TELL = "Read what the machine has of the agent"
"""The task, in the roles of a kind whose agent says nothing of itself, whose output `HostOutcome.told` has."""

OWN_CHECK = "Validating arguments against arg spec"
"""The name of the task that Ansible puts before a role's own: it is no progress to report."""


@dataclass(frozen=True)
class HostOutcome:
    """The result of a playbook on one host.

    ``changes`` are the names of the tasks that changed something, or would have. ``failed_task`` and ``reason`` are
    empty after a success; ``reason`` is the output of the task or ssh, sometimes of several lines. ``agent_version`` is
    the agent's own statement, empty when it was not asked; ``identity`` is its statement on its machine,
    ``agent_changes`` what it changed, or would have, and ``agent_additions`` what others added, which it leaves.
    ``told`` is what the machine printed in the task `TELL`: hostile, of bounded length.
    """

    ok: bool
    unreachable: bool
    changes: tuple[str, ...]
    failed_task: str = ""
    reason: str = ""
    agent_version: str = ""
    identity: MachineIdentity | None = None
    agent_changes: tuple[str, ...] = ()
    agent_additions: tuple[str, ...] = ()
    told: str = ""
    obstacle: str = ""
    """Why nobody came as far as the host, or why its end is unknown: a sentence about the node of its site."""


class EventLog:
    """Collects the events of one run, in any order of hosts; ``on_task`` is called when a host begins a task."""

    def __init__(self, on_task: Callable[[str, str], None]) -> None:
        self._on_task = on_task
        self._changes: dict[str, list[tuple[str, bool]]] = {}
        self._failures: dict[str, tuple[str, str]] = {}
        self._unreachable: dict[str, str] = {}
        self._item_reasons: dict[tuple[str, str], str] = {}
        self._ended: dict[str, int] = {}
        self._started: set[str] = set()
        self._agent_versions: dict[str, str] = {}
        self._identities: dict[str, MachineIdentity | None] = {}
        self._agent_changes: dict[str, tuple[str, ...]] = {}
        self._agent_additions: dict[str, tuple[str, ...]] = {}
        self._told: dict[str, str] = {}
        self.has_begun = False
        """Whether Ansible began a play."""

    def add(self, event: AnsibleEvent) -> None:
        """Take one event of our callback plugin (`playbooks/callback_plugins`), which gets it from Ansible."""
        data = event.get("event_data", {})
        kind, host, task = event.get("event", ""), data.get("host"), _task_name(data)
        self.has_begun = self.has_begun or kind == "playbook_on_play_start"
        if kind == "playbook_on_stats":
            self._ended = {host: data.get("changed", {}).get(host, 0) for host in data.get("processed", {})}
        if host is None:
            return
        self._started.add(host)
        # A module's result comes from the machine.
        result = data.get("res")
        result = result if isinstance(result, Mapping) else {}
        if kind == "runner_on_ok":
            self._hear(host, task, result)
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

    def _hear(self, host: str, task: str, result: Mapping[str, Any]) -> None:
        """Keep what a machine says of its agent, in the two tasks that ask for it."""
        if task == APPLY:
            self._agent_versions[host] = read_agent_version(result.get("stdout"))
            self._identities[host] = read_identity(result.get("stdout"))
            self._agent_changes[host] = read_agent_list(result.get("stdout"), "changes")
            self._agent_additions[host] = read_agent_list(result.get("stdout"), "additions")
        elif task == TELL:
            self._told[host] = str(result.get("stdout", ""))[:SAID_BYTES]

    def has_started(self, host: str) -> bool:
        """Tell whether a task began on a host."""
        return host in self._started

    def has_result(self, host: str) -> bool:
        """Tell whether the result on a host is known: it failed, did not answer, or the run came to its end."""
        return host in self._unreachable or host in self._failures or host in self._ended

    def outcome(self, host: str, output: str = "") -> HostOutcome:
        """Return the result on a host; a host without any event has failed.

        ``output`` is the end of Ansible's output: the reason if it ended early.
        """
        changes = self._list_changes(host)
        if host in self._unreachable:
            return HostOutcome(False, True, changes, "", self._unreachable[host])
        if host in self._failures:
            task, reason = self._failures[host]
            return HostOutcome(False, False, changes, task, reason)
        if host not in self._ended:
            words = f": {last_line(output)}" if last_line(output) else ""
            return HostOutcome(False, False, changes, "", f"Ansible ended before this machine was finished{words}")
        version, identity = self._agent_versions.get(host, ""), self._identities.get(host)
        return HostOutcome(
            True,
            False,
            changes,
            agent_version=version,
            identity=identity,
            agent_changes=self._agent_changes.get(host, ()),
            agent_additions=self._agent_additions.get(host, ()),
            told=self._told.get(host, ""),
        )

    def _list_changes(self, host: str) -> tuple[str, ...]:
        """Name the changes. A task with secrets gives no event; the totals at the end show it by the difference."""
        tasks = self._changes.get(host, [])
        is_short = self._ended.get(host, 0) > sum(is_certain for _, is_certain in tasks)
        return tuple(dict.fromkeys(task for task, is_certain in tasks if is_certain or is_short))


def read_agent_version(said: object) -> str:
    """Return the version in the agent's output of an apply; empty when there is none, as from an older agent."""
    try:
        version = read_json_object(str(said), SAID_BYTES).get("agent_version", "")
    except UnreadableJsonError:
        return ""
    return version if isinstance(version, str) and len(version) <= MAX_VERSION_LENGTH else ""


def read_agent_list(said: object, name: str) -> tuple[str, ...]:
    """Return a list of texts in the agent's output of an apply, so many and so much of each as is kept."""
    try:
        found = read_json_object(str(said), SAID_BYTES).get(name)
    except UnreadableJsonError:
        return ()
    listed = found if isinstance(found, list) else []
    return tuple(one_line(each, MAX_CHANGE_LENGTH) for each in listed[:MAX_CHANGES] if isinstance(each, str))


def read_identity(said: object) -> MachineIdentity | None:
    """Return the agent's statement on its machine, in its output of an apply; None from an older agent."""
    try:
        found = read_json_object(str(said), SAID_BYTES).get("identity")
        return None if found is None else MachineIdentity.model_validate(found)
    except (UnreadableJsonError, ValidationError):
        return None


def find_reason(result: Mapping[str, Any]) -> str:
    """Return a failed task's reason, the clearest text first."""
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
    # A command's own output is clearer than "non-zero return code", a module's traceback less than its message.
    texts = [str(result.get(key, ""))[-SAID_BYTES:] for key in ("stderr", "module_stderr", "stdout")]
    said = next((text for text in texts if significant_lines(text.splitlines())), "")
    if not message or message.startswith(_SAYS_NOTHING):
        return said or message
    if message.startswith("failed to validate") and said:
        return f"{message}: {said}"
    return message


def one_line(text: str, limit: int = 300) -> str:
    """Return a reason as one line, without decoration; for a long one its end, which has the cause."""
    return shorten(text, limit)


def _task_name(data: Mapping[str, Any]) -> str:
    """Return a task's name, without the role's name that Ansible puts before it."""
    return str(data.get("task", "")).rpartition(" : ")[2]
