"""What of a lab can be found on this computer, looked for without the lab's own code."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from coffre_lab import network
from coffre_lab.lab import Lab

from tests.processes import list_pids, read_words


def list_process_ids(lab: Lab, apart: Collection[int] = ()) -> list[int]:
    """Return every process that names the lab's directory or one of its machines, this one and those apart left out."""
    words = (str(lab.directory), network.lab_token(lab.directory))
    others = [pid for pid in list_pids() if pid not in {os.getpid(), *apart}]
    return [pid for pid in others if any(word in read_words(pid) + read_words(pid, "environ") for word in words)]


def list_traces(lab: Lab, apart: Collection[int] = ()) -> list[str]:
    """Return what an ended lab must not leave: processes, interfaces, mounts, control groups, nspawn's own files."""
    token = network.lab_token(lab.directory)
    traces = [f"process {pid}: {read_words(pid) or '(gone)'}" for pid in list_process_ids(lab, apart)]
    traces += [entry.name for entry in Path("/sys/class/net").iterdir() if token in entry.name]
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    traces += [line for line in mounts if token in line or str(lab.directory) in line]
    for place in (Path("/sys/fs/cgroup"), Path("/run/systemd")):
        traces += [path for path in _walk(place) if token in Path(path).name]
    return traces


def _walk(place: Path) -> Iterator[str]:
    """Yield all that is below; other labs' groups come and go meanwhile, which os.walk takes as it is."""
    for folder, folders, files in os.walk(place):
        yield from (f"{folder}/{name}" for name in (*folders, *files))
