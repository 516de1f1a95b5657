"""Probes every platform of the newest apply, side by side; what the records cannot take now is kept for the next round.

A platform that does not answer within its time has failed. After a fault of this side (its settings, the
administrator's rights, the probe's own user, this computer's clock) nobody knows whether the platform serves; that is
kept as well, so that supervision can say it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from coffre.errors import ExpectedError
from coffre.records.database.store import Records
from coffre.records.probes import ProbeSpan, one_probe
from coffre.spec.storage_platform import Platform
from coffre.storage.kinds import driver_of
from coffre.storage.probing import Probe, ProbeFault, ProbeResult, ProbeStep
from coffre.supervision.applied import AppliedReader
from coffre.workspace.many.threads import Late, run_all

LIMIT_SECONDS = 40.0
"""The longest time of one probe; a new connection, four requests and two attempts are bounded well below it."""
WORKERS = 16
MOST_WAITING = 1440
"""Probes that wait for the records' server, of all platforms: a day's of one."""

OpenProbe = Callable[[Platform, Path], Probe | None]
OnProblem = Callable[[str, Exception], None]
"""Called with a platform and why it could not be probed."""


@dataclass(frozen=True)
class ProbeRound:
    """One round: the result of each platform, the platforms without one, and probes that wait for the records."""

    at: datetime
    results: Mapping[str, ProbeResult]
    unprobed: Mapping[str, str]
    waiting: int

    @property
    def is_whole(self) -> bool:
        """Whether every platform was probed and every probe is in the records."""
        return not self.unprobed and not self.waiting


def open_probe(platform: Platform, root: Path) -> Probe | None:
    """Return the probe of a platform by its kind."""
    return driver_of(platform).open_probe(platform, root)


@dataclass
class Prober:
    """Probes the platforms of one records database; a probe is opened once, and again after its settings changed."""

    root: Path
    records: Records
    on_problem: OnProblem
    clock: Callable[[], datetime]
    open_probe: OpenProbe = open_probe
    limit_seconds: float = LIMIT_SECONDS
    _applied: AppliedReader = field(init=False)
    _platforms: Mapping[str, Platform] = field(default_factory=dict)
    _probes: dict[str, tuple[Platform, Probe | None]] = field(default_factory=dict)
    _waiting: list[ProbeSpan] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._applied = AppliedReader(self.root)

    def run(self) -> ProbeRound:
        """Probe every platform once and keep the results; the records' server may be away meanwhile."""
        at = self.clock()
        self._read_platforms()
        results: dict[str, ProbeResult] = {}
        unprobed: dict[str, str] = {}
        jobs = {name: partial(self._probe, name, at) for name in self._platforms}
        for name, result in run_all(jobs, WORKERS, self.limit_seconds):
            if isinstance(result, Late):
                failed = (ProbeStep.OPEN, ProbeFault.TIMEOUT)
                results[name] = ProbeResult(at, round(result.limit_seconds * 1000), failed)
            elif isinstance(result, ProbeResult):
                results[name] = result
            elif isinstance(result, ExpectedError):
                unprobed[name] = result.message
            elif isinstance(result, Exception):
                unprobed[name] = type(result).__name__
                self.on_problem(name, result)
        blind = ProbeResult(at, 0, (ProbeStep.OPEN, ProbeFault.CANNOT_LOOK))
        every = {**results, **dict.fromkeys(unprobed, blind)}
        self._keep([_as_span(name, each) for name, each in sorted(every.items())])
        return ProbeRound(at, results, unprobed, len(self._waiting))

    def _read_platforms(self) -> None:
        """Read the platforms of the newest apply; while the records are away those of before count."""
        try:
            settings = self._applied.read_settings(self.records)
        except ExpectedError as problem:
            self.on_problem("records", problem)
            return
        self._platforms = {} if settings is None else dict(settings.platforms)
        self._probes = {name: each for name, each in self._probes.items() if name in self._platforms}

    def _probe(self, name: str, at: datetime) -> ProbeResult | None:
        platform = self._platforms[name]
        known = self._probes.get(name)
        if known is None or known[0] != platform:
            known = self._probes[name] = (platform, self.open_probe(platform, self.root))
        return None if known[1] is None else known[1].run(at)

    def _keep(self, probes: list[ProbeSpan]) -> None:
        self._waiting = [*self._waiting, *probes][-MOST_WAITING:]
        try:
            self.records.availability.add_probes(self._waiting)
        except ExpectedError as problem:
            self.on_problem("records", problem)
        else:
            self._waiting = []


def _as_span(platform: str, result: ProbeResult) -> ProbeSpan:
    step, fault = result.failed or (None, None)
    return one_probe(
        platform,
        result.at,
        result.duration_ms,
        None if step is None else step.value,
        None if fault is None else fault.value,
    )
