"""The recorded paths that SMILÉO has accepted as a machine reported them: empty, missing, or with less content."""

from coffre.agents.desired import AcceptedPath
from coffre.agents.report import Report, ReportPath
from coffre.records.facts.agents import PathsAccepted, PathSize
from coffre.tenant.estate.log import Log


def find_accepted(log: Log, machine: str) -> tuple[AcceptedPath, ...]:
    """Return the last acceptance of each path of a machine, in the order of the paths."""
    words: dict[str, AcceptedPath] = {}
    for each in log.list(PathsAccepted, machine):
        number = each.fact.report_number
        if number is not None:
            for size in each.fact.paths:
                words[size.path] = AcceptedPath(size.path, number, size.file_count, size.size_bytes)
    return tuple(words[path] for path in sorted(words))


def list_acceptable(last: Report | None) -> tuple[ReportPath, ...]:
    """Return the report's paths that SMILÉO can accept: those with numbers, since the machine compares numbers."""
    if last is None or not last.number:
        return ()
    return tuple(each for each in last.paths or () if each.state.may_be_accepted)


def record_accepted(log: Log, machine: str, last: Report | None, reason: str) -> tuple[ReportPath, ...]:
    """Record that a machine's last report on its paths is correct, and why; orders must then be written.

    Returns the paths. Their later content is compared with these values, until a later good run.
    """
    paths = list_acceptable(last)
    known = {(word.path, word.number) for word in find_accepted(log, machine)}
    new = tuple(each for each in paths if last is not None and (each.path, last.number) not in known)
    if last is not None and new:
        sizes = tuple(PathSize(each.path, each.files, each.bytes or 0) for each in new)
        log.append(PathsAccepted(reason, last.number, sizes), machine)
    return new
