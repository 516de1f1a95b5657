"""What Coffre's code on a node tells, beside Ansible's events: one line of JSON each, in the same form."""

import json
import os
from enum import StrEnum
from typing import Any

STANDARD_OUTPUT = 1


class Told(StrEnum):
    """The events of Coffre's own."""

    PROBLEM = "coffre_problem"
    """Nothing was run: ``problem`` says why, with a ``detail``."""
    ENDED = "coffre_ended"
    """Ansible has ended: its ``exit_code`` (below zero: the signal), and the end of its ``output``."""


class Problem(StrEnum):
    """What keeps a node from running a job."""

    NO_RUNNER = "no_runner"
    """ansible-runner is not on the node's PATH."""
    NO_ANSIBLE = "no_ansible"
    """ansible-playbook is not on the node's PATH."""
    OTHER_ANSIBLE = "other_ansible"
    """ansible-core has another version, the ``detail``."""


def tell(event: str, **data: Any) -> None:
    """Write one event to the standard output: in ASCII, so that no reader finds other ends of lines in it."""
    write(json.dumps({"event": event, "event_data": data}))


def write(line: str) -> None:
    """Write one line to the standard output."""
    rest = line.encode("ascii") + b"\n"
    while rest:
        rest = rest[os.write(STANDARD_OUTPUT, rest) :]
