"""Bounds the result stream of `ansible-runner worker` before anything reads it: a node says how its machines went.

The stream has JSON in lines, and artifacts as base64 between them. Only the events pass: artifacts, which would be
files here with names and sizes of the node's choice, are skipped.
"""

import json
from collections.abc import Collection, Mapping
from typing import IO, Any

from coffre.agents.reach.ssh_errors import shorten
from coffre.outside.processes import CHUNK_BYTES, endless
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.outside.text import one_line

LINE_BYTES = 4 * 1024**2
"""The longest line: an event of 1 MiB at most, as text in another JSON document."""
ARTIFACTS_BYTES = 16 * 1024**2
"""The most artifacts that are skipped; honest ones are some KiB."""
STREAM_BYTES = 16 * 1024**2
HOST_BYTES = 2 * 1024**2
"""The longest stream: so much, and so much for each machine."""
NOISE_BYTES = 64 * 1024
"""The most that a login may print before the greeting."""
SAID_LENGTH = 4096
TASK_LENGTH = 200
_END = json.dumps({"eof": True}).encode() + b"\n"


class BrokenStreamError(Exception):
    """The stream is none of ansible-runner's."""


class ResultStream:
    """The stream as ansible-runner's own reader takes it, line by line, with nothing in it but events and its end."""

    def __init__(self, pipe: IO[bytes], name: str, count_hosts: int) -> None:
        self._pipe = pipe
        self._name = name
        self._left_bytes = STREAM_BYTES + count_hosts * HOST_BYTES
        self._limit_bytes = self._left_bytes
        self.has_ended = False
        """Whether the node came to the stream's end."""
        self.explanation = ""
        """Why ansible-runner there could not run the job, in its own words; empty when it could."""

    def skip_to(self, greeting: str) -> list[str] | None:
        """Skip what a login prints before the greeting; returns the words after it, None when it did not come."""
        noise_bytes = 0
        while noise_bytes < NOISE_BYTES and (line := self._pipe.readline(NOISE_BYTES)):
            first, *others = line.decode("utf-8", "replace").split() or [""]
            if first == greeting:
                return others
            noise_bytes += len(line)
        return None

    def readline(self) -> bytes:
        """Return the next line for ansible-runner: an event, or the end; empty when the node broke off."""
        while line := self._read(LINE_BYTES + 1):
            if len(line) > LINE_BYTES:
                raise endless(f"{self._name}, in one line,", LINE_BYTES)
            try:
                said = read_json_object(line, LINE_BYTES)
            except UnreadableJsonError as error:
                raise BrokenStreamError(line[:SAID_LENGTH].decode("utf-8", "replace")) from error
            if said.get("status") == "error":
                words = [str(said.get(key, "")) for key in ("job_explanation", "result_traceback")]
                self.explanation = shorten("\n".join(words), SAID_LENGTH)
            elif "zipfile" in said:
                self._skip_artifacts(said["zipfile"])
            elif "eof" in said:
                self.has_ended = True
                return _END
            elif said.get("event") == "verbose" and isinstance(said.get("stdout"), str):
                # With a name of ours: the node's would name a file.
                return json.dumps({"event": "verbose", "counter": 1, "uuid": "1", "stdout": said["stdout"]}).encode()
        return b""

    def _skip_artifacts(self, length: object) -> None:
        if not isinstance(length, int) or not 0 <= length <= ARTIFACTS_BYTES:
            raise endless(f"{self._name}, in its artifacts,", ARTIFACTS_BYTES)
        encoded_bytes = 4 * -(-length // 3)
        while encoded_bytes > 0:
            chunk = self._pipe.read(min(encoded_bytes, CHUNK_BYTES))
            if not chunk:
                return
            encoded_bytes -= len(chunk)

    def _read(self, limit_bytes: int) -> bytes:
        line = self._pipe.readline(limit_bytes)
        self._left_bytes -= len(line)
        if self._left_bytes < 0:
            raise endless(self._name, self._limit_bytes)
        return line


def read_told(stdout: str) -> tuple[str, dict[str, Any]] | None:
    """Read one event that Coffre's own code on the node told: its name and its data; None for other words. Pure."""
    try:
        told = read_json_object(stdout, LINE_BYTES)
    except UnreadableJsonError:
        return None
    name, data = told.get("event"), told.get("event_data")
    return (name, data) if isinstance(name, str) and isinstance(data, dict) else None


def keep_known(name: str, data: Mapping[str, Any], hosts: Collection[str]) -> dict[str, Any] | None:
    """Return what Coffre reads of an event about the job's machines; None when it is about others. Pure."""
    if name == "playbook_on_stats":
        processed, changed = (_mapping(data.get(key)) for key in ("processed", "changed"))
        counts = {host: count for host in hosts if isinstance(count := changed.get(host), int)}
        kept: dict[str, Any] = {"processed": {host: 1 for host in hosts if host in processed}, "changed": counts}
    elif "host" not in data:
        kept = {}
    elif isinstance(data["host"], str) and data["host"] in hosts:
        task = one_line(str(data.get("task", "")), TASK_LENGTH)
        kept = {"host": data["host"], "task": task, "res": _mapping(data.get("res"))}
        kept["ignore_errors"] = data.get("ignore_errors") is True
    else:
        return None
    return {"event": name, "event_data": kept}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
