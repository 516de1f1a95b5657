"""Judges whether the runs of a machine look like an attack, against what this machine usually does. Pure.

What a machine usually does is the median of its last runs, with the median deviation: a few odd runs move neither. A
strong sign is enough; of weak ones two are, of different sources. docs/attack-signs.md has the reasons of each number.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from coffre.supervision.judge.attacks.signs import Sign, SignKind

WINDOW_RUNS = 3
"""Slow attacks are summed up over so many runs."""
JUDGED_RUNS = 5
"""Of more runs that came since the last look, the newest ones are judged."""
USUAL_RUNS = 20
"""What is usual is the median of so many runs before the window."""
KNOWN_RUNS = 3
"""With fewer earlier runs nothing is usual yet: then only what needs no comparison counts."""
KEPT_RUNS = USUAL_RUNS + JUDGED_RUNS + WINDOW_RUNS
SHORT_ID = 16
"""So many digits of a snapshot's id are kept of a run."""

_DEVIATIONS = 6 * 1.4826
"""So many standard deviations above the median are unusual; 1.4826 makes one of a median deviation."""
_REWRITTEN_STRONG, _REWRITTEN_STRONG_AT_FIRST, _REWRITTEN_SUM, _REWRITTEN_WEAK = 0.2, 0.5, 0.15, 0.03
_REMOVED_STRONG, _REMOVED_SUM, _REMOVED_WEAK = 0.5, 0.6, 0.08
_REMOVED_WITH_BAIT, _REMOVED_WITH_SETTINGS = 0.15, 0.25
_MANY_FILES, _SOME_FILES = 50, 30
_ADDED_SHARE, _ADDED_BYTES = 0.02, 32 * 1024**2
_UNDERSTATED_TIMES, _UNDERSTATED_BYTES, _UNDERSTATED_SHARE = 4, 64 * 1024**2, 0.25
_UNREPORTED, _UNREPORTED_SHARE = 2, 0.1
_OFTEN = 0.1
"""Baits that something reads in more than this part of the runs are read usually: by an indexer, for example."""
_MOST_BAITS, _SEVERAL_BAITS = 2 / 3, 3


@dataclass(frozen=True)
class SeenRun:
    """A run by its report, and by storage. None: not known.

    ``finished_at`` is storage's time of its snapshot, without one the machine's. ``seen_at`` is when supervision first
    saw the report. ``repository_bytes`` is what the repository had then, ``grown_bytes`` how much more than at the last
    run of which that is known. ``reported_bytes`` is what reports explain of that: what they say was added, and how
    much more there is on the machine, since a run that was cut off uploads without a report.
    ``upload_bytes_per_second`` is what the machine claims of its line.
    """

    number: int
    seen_at: datetime
    finished_at: datetime
    result: str
    snapshot_id: str | None = None
    files_new: int = 0
    files_changed: int = 0
    files_unmodified: int = 0
    files_removed: int | None = None
    files_incompressible: int = 0
    bytes_large: int = 0
    is_compared: bool = False
    unreadable: int = 0
    bytes_processed: int = 0
    bytes_new: int = 0
    bytes_added: int = 0
    baits: int = 0
    bait_changed: int = 0
    bait_gone: int = 0
    bait_read: int = 0
    repository_bytes: int | None = None
    grown_bytes: int | None = None
    reported_bytes: int | None = None
    upload_bytes_per_second: int | None = None

    @property
    def files_before(self) -> int:
        """The files of the snapshot before."""
        return self.files_unmodified + self.files_changed + (self.files_removed or 0)

    @property
    def rewritten(self) -> int:
        """The files with new content that does not compress, in place or under another name.

        Moved files and changed dates bring no new content, programs and letters one that compresses, and photos that
        are only added replace nothing.
        """
        touched = self.files_changed + min(self.files_new, self.files_removed or 0)
        return min(touched, self.files_incompressible)

    @property
    def removed(self) -> int:
        """The files that are gone without a new one in their place."""
        return max(0, (self.files_removed or 0) - self.files_new - self.unreadable)

    def share(self, files: int) -> float:
        """Return a part of the files of the snapshot before."""
        return files / self.files_before if self.files_before else 0.0


@dataclass(frozen=True)
class StoreWords:
    """What storage says by itself: no program on the machine can change that.

    ``overwritten`` counts objects of the repository with versions of different content, the oldest such version since
    ``overwritten_at``. ``lost`` are objects that Coffre saw and did not remove. ``unreported`` are snapshots that came
    after the newest report, none of which names them; ``silent_bytes`` is the growth since then.
    """

    overwritten: int = 0
    overwritten_key: str | None = None
    overwritten_at: datetime | None = None
    lost: int = 0
    unreported: int = 0
    silent_bytes: int = 0
    repository_bytes: int = 0


@dataclass(frozen=True)
class Released:
    """A person released the retention, knowing of so many objects that were overwritten, and that were lost."""

    at: datetime | None = None
    overwritten: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Weakened:
    """Applied settings of a machine that protect less than those before: which, by whom, from which commit, when."""

    settings: tuple[str, ...]
    by: str
    commit: str | None
    at: datetime
    is_of_retention: bool = False
    """Whether retention is among them, which works for weeks; a plan that covers less shows in its first runs."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that storage has, and when it arrived."""

    snapshot_id: str
    at: datetime


@dataclass(frozen=True)
class Suspicion:
    """A suspected attack: its signs, and the newest snapshot from before the first one (None: there is none)."""

    signs: tuple[Sign, ...]
    last_good: Snapshot | None


def judge_attack(
    runs: Sequence[SeenRun],
    store: StoreWords,
    stored: Collection[Snapshot],
    weakened: Weakened | None = None,
    released: Released | None = None,
) -> Suspicion | None:
    """Return the suspected attack on a machine; None when there is none. ``runs`` are the newest ones, in their order.

    What was seen until a release was looked at by a person: it is usual, and no sign.
    """
    released_at = None if released is None else released.at
    for end in range(max(0, len(runs) - JUDGED_RUNS), len(runs)):
        window = [each for each in runs[max(0, end - WINDOW_RUNS + 1) : end + 1] if _counts(each, released_at)]
        # Runs that an earlier look saw were judged by it.
        if not window or window[-1] is not runs[end] or runs[end].seen_at != runs[-1].seen_at:
            continue
        found = _judge_window(window, runs[: end + 1 - len(window)])
        signs = [*(sign for sign, _ in found), *_judge_settings(weakened, window)]
        if _is_attack(signs):
            first = min([began for _, began in found], default=window[-1].finished_at)
            return Suspicion(tuple(signs), _find_last_good(runs, stored, _widen(runs, first)))
    return _judge_store(runs, store, stored, released or Released())


def _counts(run: SeenRun, released_at: datetime | None) -> bool:
    return released_at is None or run.seen_at > released_at


def _is_attack(signs: Sequence[Sign]) -> bool:
    """Tell whether one sign is strong, or two weak ones make one story; any other two meet by chance in a year."""
    kinds = {each.kind for each in signs}
    removed = max((_share_of(each) for each in signs if each.kind is SignKind.REMOVED), default=0.0)
    return (
        any(each.is_strong for each in signs)
        or (SignKind.REWRITTEN in kinds and bool(kinds & _WITH_REWRITTEN))
        or (SignKind.BAIT_GONE in kinds and removed >= _REMOVED_WITH_BAIT)
        or (any(each.evidence.get("scope") == "plan" for each in signs) and removed >= _REMOVED_WITH_SETTINGS)
    )


_WITH_REWRITTEN = frozenset(
    {SignKind.BAIT_GONE, SignKind.BAIT_READ, SignKind.UNDERSTATED, SignKind.UNREPORTED, SignKind.SETTINGS_WEAKENED}
)


def _share_of(sign: Sign) -> float:
    files, before = sign.evidence.get("files"), sign.evidence.get("files_before")
    return files / before if isinstance(files, int) and isinstance(before, int) and before else 0.0


def _judge_window(window: Sequence[SeenRun], earlier: Sequence[SeenRun]) -> list[tuple[Sign, datetime]]:
    """Return the signs in the newest runs, each with the time of the first run that shows it."""
    usual = [each for each in earlier if each.is_compared][-USUAL_RUNS:]
    compared = [each for each in window if each.is_compared]
    return [
        *_judge_baits(window, earlier),
        *_judge_rewritten(compared, usual),
        *_judge_removed(compared, usual),
        *_judge_added(compared, usual),
        *_judge_growth(window, earlier),
    ]


def _limit(values: Sequence[float], at_least: float) -> float:
    """Return what is more than usual: far above the median of earlier runs, and never below a floor."""
    if not values:
        return at_least
    middle = median(values)
    deviation = median(abs(each - middle) for each in values)
    return max(at_least, middle + _DEVIATIONS * deviation)


def _judge_baits(window: Sequence[SeenRun], earlier: Sequence[SeenRun]) -> Iterator[tuple[Sign, datetime]]:
    for run in window:
        evidence = {"of": run.baits}
        if run.bait_changed:
            yield Sign(SignKind.BAIT_CHANGED, True, {"count": run.bait_changed, **evidence}), run.finished_at
        if run.bait_gone:
            is_strong = run.bait_gone >= _SEVERAL_BAITS and run.bait_gone >= _MOST_BAITS * run.baits
            yield Sign(SignKind.BAIT_GONE, is_strong, {"count": run.bait_gone, **evidence}), run.finished_at
        if _is_read_unusually(run, earlier):
            yield Sign(SignKind.BAIT_READ, False, {"count": run.bait_read, **evidence}), run.finished_at


def _is_read_unusually(run: SeenRun, earlier: Sequence[SeenRun]) -> bool:
    usual = [each for each in earlier if each.baits][-USUAL_RUNS:]
    often = sum(each.bait_read > 0 for each in usual) > _OFTEN * len(usual)
    return run.bait_read > 0 and len(usual) >= KNOWN_RUNS and not often


def _judge_rewritten(compared: Sequence[SeenRun], usual: Sequence[SeenRun]) -> Iterator[tuple[Sign, datetime]]:
    known = [each.share(each.rewritten) for each in usual]
    if len(usual) < KNOWN_RUNS:
        limit = strong = _REWRITTEN_STRONG_AT_FIRST
    else:
        limit, strong = _limit(known, _REWRITTEN_WEAK), _limit(known, _REWRITTEN_STRONG)
    yield from _sum_up(
        compared, SignKind.REWRITTEN, lambda each: each.rewritten, limit, strong, max(_REWRITTEN_SUM, 2 * limit)
    )


def _judge_removed(compared: Sequence[SeenRun], usual: Sequence[SeenRun]) -> Iterator[tuple[Sign, datetime]]:
    if len(usual) < KNOWN_RUNS:
        return
    known = [each.share(each.removed) for each in usual]
    limit = _limit(known, _REMOVED_WEAK)
    strong = _limit(known, _REMOVED_STRONG)
    yield from _sum_up(
        compared, SignKind.REMOVED, lambda each: each.removed, limit, strong, max(_REMOVED_SUM, 2 * limit)
    )


def _sum_up(
    runs: Sequence[SeenRun],
    kind: SignKind,
    count: Callable[[SeenRun], int],
    limit: float,
    strong: float,
    sum_limit: float,
) -> Iterator[tuple[Sign, datetime]]:
    """Yield one sign for the runs above the limit: strong for one run alone, or for what several come to."""
    above = [each for each in runs if each.share(count(each)) >= limit and count(each) >= _SOME_FILES]
    if not above:
        return
    most = max(above, key=lambda each: each.share(count(each)))
    is_one = most.share(count(most)) >= strong and count(most) >= _MANY_FILES
    total = sum(each.share(count(each)) for each in above)
    is_sum = len(above) > 1 and total >= sum_limit and sum(map(count, above)) >= _MANY_FILES
    evidence = {"files": sum(map(count, above)), "files_before": above[0].files_before}
    yield Sign(kind, is_one or is_sum, evidence), above[0].finished_at


def _judge_added(compared: Sequence[SeenRun], usual: Sequence[SeenRun]) -> Iterator[tuple[Sign, datetime]]:
    """Yield that large files came which do not compress: a film, and where baits were read as well, an archive."""
    if len(usual) < KNOWN_RUNS:
        return
    known = [each.bytes_large for each in usual]
    limit = _limit(known, _ADDED_BYTES)
    for run in compared:
        if run.bytes_large >= max(limit, _ADDED_SHARE * run.bytes_processed):
            evidence = {"bytes": run.bytes_large, "usual_bytes": int(median(known))}
            yield Sign(SignKind.ADDED, _is_read_unusually(run, usual), evidence), run.finished_at


def _judge_growth(window: Sequence[SeenRun], earlier: Sequence[SeenRun]) -> Iterator[tuple[Sign, datetime]]:
    """Yield that reports say less than storage: a machine that is no longer itself writes small reports."""
    found = [
        each
        for each in window
        if each.result == "success"
        and each.grown_bytes is not None
        and each.grown_bytes >= _UNDERSTATED_TIMES * (each.reported_bytes or 0) + _UNDERSTATED_BYTES
    ]
    for run in found[:1]:
        grown, before = run.grown_bytes or 0, (run.repository_bytes or 0) - (run.grown_bytes or 0)
        is_large = grown >= _UNDERSTATED_SHARE * before and len(earlier) >= KNOWN_RUNS
        evidence = {"bytes": grown, "reported_bytes": run.reported_bytes}
        yield Sign(SignKind.UNDERSTATED, is_large or len(found) > 1, evidence), run.finished_at


def _judge_settings(weakened: Weakened | None, window: Sequence[SeenRun]) -> list[Sign]:
    """Return that the settings of these runs were weakened shortly before; a shorter plan shows in its first runs."""
    if weakened is None or window[-1].finished_at < weakened.at:
        return []
    if not weakened.is_of_retention and window[0].finished_at > weakened.at and len(window) == WINDOW_RUNS:
        return []
    evidence = {
        "scope": "retention" if weakened.is_of_retention else "plan",
        "settings": ",".join(weakened.settings),
        "by": weakened.by,
        "commit": weakened.commit,
        "at": weakened.at.isoformat(),
    }
    return [Sign(SignKind.SETTINGS_WEAKENED, False, evidence)]


def _judge_store(
    runs: Sequence[SeenRun], store: StoreWords, stored: Collection[Snapshot], released: Released
) -> Suspicion | None:
    """Judge what storage says by itself; a sign of it has no run."""
    signs: list[Sign] = []
    began: list[datetime] = []
    if store.overwritten > released.overwritten:
        evidence = {"count": store.overwritten, "key": store.overwritten_key}
        signs.append(Sign(SignKind.STORE_OVERWRITTEN, True, evidence))
        began += [] if store.overwritten_at is None else [store.overwritten_at]
    if store.lost > released.lost:
        signs.append(Sign(SignKind.STORE_LOST, True, {"count": store.lost}))
    if store.unreported >= _UNREPORTED:
        usual = _limit([each.bytes_added for each in runs[-USUAL_RUNS:]], _UNDERSTATED_BYTES)
        is_strong = store.silent_bytes >= max(usual, _UNREPORTED_SHARE * store.repository_bytes)
        signs.append(Sign(SignKind.UNREPORTED, is_strong, {"count": store.unreported}))
        began += [runs[-1].finished_at] if runs else []
    if not _is_attack(signs):
        return None
    return Suspicion(tuple(signs), _find_last_good(runs, stored, min(began, default=None), is_included=True))


def _widen(runs: Sequence[SeenRun], first: datetime) -> datetime:
    """Return the time of the first run of a row in which files were rewritten: the attack may have begun in it."""
    for run in reversed([each for each in runs if each.finished_at < first]):
        if not run.is_compared or run.share(run.rewritten) < _REWRITTEN_WEAK or run.rewritten < _SOME_FILES:
            break
        first = run.finished_at
    return first


def _find_last_good(
    runs: Sequence[SeenRun], stored: Collection[Snapshot], first: datetime | None, *, is_included: bool = False
) -> Snapshot | None:
    """Return the newest snapshot in storage from before the first sign, without those of bad runs.

    With ``is_included`` one of that very time is good as well.
    """
    bad = {
        each.snapshot_id
        for each in runs
        if first is not None and (each.finished_at > first or (each.finished_at == first and not is_included))
    }
    told = {each.snapshot_id: each.finished_at for each in runs if each.snapshot_id is not None}

    def came_at(each: Snapshot) -> datetime:
        return told.get(each.snapshot_id[:SHORT_ID], each.at)

    good = [
        each
        for each in stored
        if each.snapshot_id[:SHORT_ID] not in bad
        and (first is None or came_at(each) < first or (is_included and came_at(each) == first))
    ]
    return max(good, key=lambda each: (came_at(each), each.snapshot_id), default=None)
