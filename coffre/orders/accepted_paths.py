"""What the records know of paths that SMILÉO has accepted as a machine reported them: empty, missing, or less."""

from coffre.agents.report import Report, ReportPath
from coffre.agents.restic.desired import AcceptedPath
from coffre.records.events import EventKind
from coffre.tenant.service import Service


def find_accepted(service: Service, machine: str) -> tuple[AcceptedPath, ...]:
    """Return the last word on each path of a machine, in the order of the paths."""
    records = service.find_records()
    if records is None:
        return ()
    words: dict[str, AcceptedPath] = {}
    for event in records.list_events(service.tenant.id, EventKind.PATHS_ACCEPTED):
        number, paths = event.details.get("number"), event.details.get("paths")
        if event.machine != machine or not isinstance(number, int) or not isinstance(paths, list):
            continue
        for each in paths:
            words[str(each["path"])] = AcceptedPath(str(each["path"]), number, int(each["files"]), int(each["bytes"]))
    return tuple(words[path] for path in sorted(words))


def list_acceptable(last: Report | None) -> tuple[ReportPath, ...]:
    """Return the paths of a report that SMILÉO can accept as they are: numbered, since the machine compares numbers."""
    if last is None or not last.number:
        return ()
    return tuple(each for each in last.paths or () if each.state.may_be_accepted)


def record_accepted(service: Service, machine: str, last: Report | None, reason: str) -> tuple[ReportPath, ...]:
    """Record that what a machine's last report says of its paths is right, and why; orders have to be written then.

    Returns the paths. What they give from now on is compared with that, until a later good run.
    """
    paths = list_acceptable(last)
    known = {(word.path, word.number) for word in find_accepted(service, machine)}
    new = tuple(each for each in paths if last is not None and (each.path, last.number) not in known)
    if last is not None and new:
        service.record(
            EventKind.PATHS_ACCEPTED,
            machine,
            reason=reason,
            number=last.number,
            paths=[{"path": each.path, "files": each.files, "bytes": each.bytes or 0} for each in new],
        )
    return new
