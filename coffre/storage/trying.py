"""What trials in a test bucket have in common on all kinds of platforms: names, waiting, the run, the cleaning up.

No tenant has the name of a check: a slug and an id never make ``coffre-check-`` and a time.
"""

import re
import secrets
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from coffre.errors import ExpectedError, RemoteError
from coffre.storage.checking import PlatformFinding, ok, problem

PREFIX = "coffre-check-"
KEY = "restic/data/00/scratch"
"""The object that a trial writes as a machine: under a prefix that the gate closes."""
UNDELETE_DAYS = 14
"""The days of the lifecycle rules that a trial writes and reads back."""

Trial = tuple[str, Callable[[], PlatformFinding]]

_NAME = re.compile(rf"{PREFIX}(?P<at>[0-9]{{8}}t[0-9]{{6}}z)-[0-9a-f]{{8}}(\.(machine|stranger))?")
_MOMENT = "%Y%m%dt%H%M%Sz"
_CALLS = 15


@dataclass(frozen=True)
class Patience:
    """How long a trial waits for its effect, and how often it looks."""

    seconds: float
    pause_seconds: float

    def wait_until(self, is_so: Callable[[], bool]) -> float | None:
        """Return after how many seconds something became true; None when it did not in time."""
        began = time.monotonic()
        while True:
            is_true = is_so()
            taken = time.monotonic() - began
            if is_true:
                return taken
            if taken > self.seconds:
                return None
            time.sleep(self.pause_seconds)


def new_name(moment: datetime) -> str:
    """Return a new name for a check's users and bucket; the time in it shows later how old they are."""
    return f"{PREFIX}{moment.astimezone(UTC):{_MOMENT}}-{secrets.token_hex(4)}"


def users_of(name: str) -> tuple[str, str, str]:
    """Return the names of a check's users: the owner of its bucket, a machine, and a stranger."""
    return name, f"{name}.machine", f"{name}.stranger"


def is_checks_own(name: str) -> bool:
    """Tell whether a user or a bucket has the name of a check's own. Pure."""
    return _NAME.fullmatch(name) is not None


def is_abandoned(name: str, now: datetime, after: timedelta) -> bool:
    """Tell whether a user or a bucket was left by a check that ended without cleaning up. Pure."""
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    with suppress(ValueError):
        made_at = datetime.strptime(match["at"], _MOMENT).replace(tzinfo=UTC)
        return now - made_at > after
    return False


def empty(client: Any, bucket: Mapping[str, str], pages: Iterable[Mapping[str, Any]]) -> None:
    """Delete every version and marker of a check's bucket, from the pages of their listing."""
    for page in pages:
        for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            client.delete_object(**bucket, Key=entry["Key"], VersionId=entry["VersionId"])


def run_trials(trials: Sequence[Trial], on_progress: Callable[[str], None]) -> list[PlatformFinding]:
    """Make every trial; when the platform refuses to start one, this is a finding, and the others continue."""
    found = []
    for name, trial in trials:
        on_progress(f"trying {name} on a test bucket")
        try:
            found.append(trial())
        except RemoteError as refusal:
            found.append(not_tried(name, refusal))
    return found


def not_tried(name: str, refusal: ExpectedError) -> PlatformFinding:
    return problem(name, f"it could not be tried: {refusal.message}", refusal.hint)


def judge_switch(name: str, *, works: bool, does: str, consequence: str) -> PlatformFinding:
    """Judge a feature that a platform either has or does not have."""
    if works:
        return ok(name, does)
    return problem(name, f"this is not true on this platform: {does}", consequence)


def judge_versioning(*, works: bool) -> PlatformFinding:
    return judge_switch(
        "versioning",
        works=works,
        does="overwritten objects keep their versions",
        consequence="Nothing deleted or overwritten could be brought back: do not apply a tenant here.",
    )


def judge_lifecycle(*, works: bool) -> PlatformFinding:
    return judge_switch(
        "lifecycle",
        works=works,
        does="lifecycle rules are accepted and read back as they were written",
        consequence="Old versions would stay for ever, or expire too early: do not apply a tenant here.",
    )


def measure_ms(call: Callable[[], object]) -> float:
    """Return the median duration of a small call in milliseconds, of some calls in a row."""
    taken = []
    for _ in range(_CALLS):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
