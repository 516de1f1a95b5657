"""The stored state of a lab (``state.json``), and its lock against parallel commands."""

import ipaddress
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from coffre.errors import BusyError, ExpectedError, InvalidFileError
from coffre.outside.files import NotPlainFileError, TooLargeError, read_plain
from coffre.workspace.files import PUBLIC_FILE, write_atomically
from coffre.workspace.locks import file_lock

STATE_VERSION = 2
RELEASE_OF_VERSION_1 = 16
FIRST_MACHINE = 10
LAST_MACHINE = 250
LOCK_WAIT_SECONDS = 300.0
STATE_BYTES = 1024**2


class LabState(BaseModel):
    """The choices of a lab: made once, at its first start, and kept until it is erased."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    version: int = STATE_VERSION
    network: str
    release: int
    """Number of the Ceph that last wrote the lab's stores: no older one may start them."""
    nodes: Annotated[int, Field(ge=1, le=3)] = 1
    """The number of nodes of its cluster."""
    fsid: str
    osd_uuid: str
    zone_id: str = ""
    """The gateway's own identity; known once it runs."""
    mon_port: int
    rgw_port: int
    hosts: dict[str, Annotated[int, Field(ge=1, le=254)]] = {}
    """Machine by host name: the last part of its address."""

    @model_validator(mode="before")
    @classmethod
    def _take_over_version_1(cls, fields: Any) -> Any:
        """Take a state of version 1 for one of version 2: its labs ran the Ceph of Debian 12 that was installed."""
        if isinstance(fields, dict) and fields.get("version") == 1 and "release" not in fields:
            return {**fields, "version": STATE_VERSION, "release": RELEASE_OF_VERSION_1}
        return fields

    @field_validator("network")
    @classmethod
    def _has_room(cls, network: str) -> str:
        if ipaddress.ip_network(network).num_addresses < 256:
            raise ValueError("it has no room for the lab's machines")
        return network

    @property
    def address(self) -> str:
        """The platform's own address, the first of the lab's network."""
        return str(ipaddress.ip_network(self.network)[1])

    @property
    def node_addresses(self) -> tuple[str, ...]:
        """The nodes' addresses: the platform's own for one node, those after it for several."""
        first = 1 if self.nodes == 1 else 2
        return tuple(str(ipaddress.ip_network(self.network)[first + number]) for number in range(self.nodes))

    @property
    def prefix_length(self) -> int:
        """The number of network bits of an address."""
        return ipaddress.ip_network(self.network).prefixlen

    def machine_address(self, host: str) -> str:
        """Return the address of a machine of the lab."""
        return str(ipaddress.ip_network(self.network)[self.hosts[host]])

    def with_hosts(self, hosts: Sequence[str]) -> "LabState":
        """Return the state with a number for each host; those known keep theirs."""
        numbers = dict(self.hosts)
        free = (number for number in range(FIRST_MACHINE, LAST_MACHINE + 1) if number not in set(self.hosts.values()))
        for host in hosts:
            if host not in numbers:
                number = next(free, None)
                if number is None:
                    raise ExpectedError(
                        f"the lab has no address left for {host}", "coffre lab down --erase starts anew"
                    )
                numbers[host] = number
        return self.model_copy(update={"hosts": numbers})


def find_state(file: Path) -> LabState | None:
    """Read the lab's state; None when the lab was never started."""
    try:
        text = read_plain(file, STATE_BYTES)
    except FileNotFoundError:
        return None
    except (NotPlainFileError, TooLargeError) as error:
        raise InvalidFileError(f"{file} is not a lab's state", f"remove {file.parent} if nothing of it runs") from error
    hint = f"end the lab with the Coffre that started it, or remove {file.parent} if nothing of it runs"
    try:
        state = LabState.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise InvalidFileError(f"{file} is not a lab's state: {where or 'the file'}: {problem['msg']}", hint) from error
    if state.version != STATE_VERSION:
        raise InvalidFileError(f"{file} has version {state.version}; this Coffre knows {STATE_VERSION}", hint)
    return state


def save_state(file: Path, state: LabState) -> None:
    """Remember the state."""
    write_file(file, state.model_dump_json(indent=2) + "\n")


def write_file(file: Path, text: str, mode: int = PUBLIC_FILE) -> None:
    """Write a file of the lab atomically; the caller holds the lab's lock."""
    write_atomically(file, text.encode(), mode=mode)


@contextmanager
def hold_lock(file: Path, what: str, *, wait_seconds: float = LOCK_WAIT_SECONDS) -> Iterator[None]:
    """Hold the exclusive lock of a directory, waiting for another command up to ``wait_seconds``.

    The holder may remove the file (an erased lab): a waiting command then locks a new file. Raises BusyError naming
    ``what`` when the other command does not end in time.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    busy = BusyError(f"another command is using {what}", "wait for it to end, then try again")
    with file_lock(file, busy, wait_seconds):
        yield
