"""Whether a stack has anything to do at all: platform, state and what is wanted, held against each other.

Where all three agree Pulumi need not run; where platform and state agree it need not refresh, which takes 1 to 2 s
where this takes 0.2.
"""

from dataclasses import dataclass
from pathlib import Path

from coffre.provisioning.engine.state import StateFolder
from coffre.storage.platform import Declaration, SecretOf
from coffre.workspace.files import write_atomically


@dataclass(frozen=True)
class StackLook:
    """What a look found: ``is_settled`` nothing is to be done, ``has_drift`` the platform is not as the state says."""

    is_settled: bool
    has_drift: bool
    has_pending_operations: bool


@dataclass(frozen=True)
class Settlement:
    """One stack's: its state, the platform, and a note of what the last whole update wanted.

    ``secret_of`` gives the secret of an access key that the state names: what the state itself holds encrypted.
    """

    stack: str
    state: StateFolder
    secret_of: SecretOf
    note: Path

    def look(self, wanted: Declaration) -> StackLook:
        """Look at state and platform, held against what the stack's program declares."""
        state = self.state.read(self.stack)
        if state is None:
            return StackLook(is_settled=False, has_drift=False, has_pending_operations=False)
        has_drift = bool(wanted.find_drift(state.resources, self.secret_of))
        is_wanted = self._read() == _line(wanted, state.digest)
        return StackLook(
            is_settled=is_wanted and not has_drift and not state.has_pending_operations,
            has_drift=has_drift,
            has_pending_operations=state.has_pending_operations,
        )

    def write(self, wanted: Declaration) -> None:
        """Note, after an update that failed nowhere, which state belongs to what was wanted."""
        state = self.state.read(self.stack)
        if state is None:
            return
        write_atomically(self.note, _line(wanted, state.digest).encode(), is_durable=False)

    def _read(self) -> str:
        try:
            return self.note.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""  # nobody knows then, and Pulumi looks


def _line(wanted: Declaration, state_digest: str) -> str:
    return f"{wanted.digest} {state_digest}\n"
