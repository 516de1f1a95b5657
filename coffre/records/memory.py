"""The memory of each machine's repository and reports, to detect a storage that is rolled back or loses data.

Plain values and their rows; the rules are elsewhere. Each change adds a link to the chain of the records. The link
covers the whole memory of that machine: the rows must match the newest link.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from coffre.records.boots import AcceptedMachine, KnownBoot
from coffre.records.chain.linking import Linker
from coffre.records.chain.links import Content, LinkSubject, digest_content, memory_content
from coffre.records.database import tables


@dataclass(frozen=True)
class KnownSnapshot:
    """A snapshot that was seen in storage or named in a sealed report of its machine.

    ``report_number`` is the number of the sealed report that names it, None without one; ``boot`` is the key of the
    start of the machine that took it. ``released`` is why it is no longer expected; None: it is expected.
    """

    snapshot_id: str
    seen_at: datetime
    report_number: int | None = None
    boot: str | None = None
    released: str | None = None
    released_at: datetime | None = None


@dataclass(frozen=True)
class Memory:
    """The memory of one machine; None: not seen yet.

    ``report_number`` is the highest number of its sealed reports, ``accounted_number`` the number up to which all were
    seen (None: the next report begins the count). Unsealed reports are accepted until ``sealed_since``, the server's
    time of the first sealed one; everything under reports/ until ``clean_until`` was checked. ``begun_at`` is when
    SMILÉO began a new repository. Foreign keys until ``foreign_until`` were acknowledged. ``packs`` and ``pack_bytes``
    are the maximum that was seen. ``accepted`` is the machine whose backups are accepted. Since ``identified_since``
    more than its files identify it; without an accepted machine, the next deployment accepts one. ``is_vouched`` is
    False once the memory was changed without Coffre, until a person explains it: the memory is still used, and every
    observation reports it.
    """

    report_number: int | None = None
    accounted_number: int | None = None
    sealed_since: datetime | None = None
    clean_until: datetime | None = None
    begun_at: datetime | None = None
    check_in_number: int | None = None
    packs: int | None = None
    pack_bytes: int | None = None
    foreign_until: datetime | None = None
    identified_since: datetime | None = None
    accepted: AcceptedMachine | None = None
    boots: Mapping[str, KnownBoot] = field(default_factory=dict)
    snapshots: Mapping[str, KnownSnapshot] = field(default_factory=dict)
    is_vouched: bool = field(default=True, compare=False)

    @property
    def expected(self) -> list[KnownSnapshot]:
        """The snapshots that must be in storage."""
        return [known for known in self.snapshots.values() if known.released is None]

    @property
    def newest_reported(self) -> KnownSnapshot | None:
        """The snapshot of the newest sealed report with one, without other machines' and released ones."""
        told = [known for known in self.expected if known.report_number is not None and not self.is_of_other(known)]
        return max(told, key=lambda known: known.report_number or 0, default=None)

    def is_of_other(self, known: KnownSnapshot) -> bool:
        """Tell whether another machine took a snapshot under this name."""
        boot = self.boots.get(known.boot or "")
        return boot is not None and not boot.is_own


_TABLES = (tables.known_snapshots, tables.known_boots, tables.machine_memory)
_CHANGED = "changed_by_other_means"
_SNAPSHOT_FIELDS = tuple(each.name for each in fields(KnownSnapshot))
_BOOT_FIELDS = tuple(each.name for each in fields(KnownBoot))
_APART = ("accepted", "boots", "snapshots", "is_vouched")
_MARKS = tuple(each.name for each in fields(Memory) if each.name not in _APART)
_ACCEPTED = {f"accepted_{each.name}": each.name for each in fields(AcceptedMachine)}


def read_memory(connection: sa.Connection, tenant_id: str, machine: str) -> Memory:
    """Return the memory of a machine, compared with its newest link."""
    memory, link = read_rows(connection, tenant_id, machine), _find_link(connection, tenant_id, machine)
    return _vouched(tenant_id, machine, memory, link)


def read_memories(connection: sa.Connection, tenant_id: str) -> dict[str, Memory]:
    """Return the memories of a tenant's machines that have rows or a link, each compared with its newest link."""
    chain = tables.chain
    mine = (chain.c.tenant_id == tenant_id, chain.c.subject == LinkSubject.MEMORY.value)
    newest = sa.select(sa.func.max(chain.c.position)).where(*mine).group_by(chain.c.kind)
    links = connection.execute(
        sa.select(chain.c.kind, chain.c.salt, chain.c.content).where(chain.c.position.in_(newest))
    ).mappings()
    link_of = {str(each["kind"]): each for each in links}
    rows_of = {table: _group(connection, table, tenant_id) for table in _TABLES}
    machines = {*link_of, *(machine for rows in rows_of.values() for machine in rows)}
    found = {}
    for machine in machines:
        memory = _assemble(*(rows_of[table].get(machine, []) for table in _TABLES))
        found[machine] = _vouched(tenant_id, machine, memory, link_of.get(machine))
    return found


def _vouched(tenant_id: str, machine: str, memory: Memory, link: sa.RowMapping | None) -> Memory:
    """Return a memory with whether its newest link is of this content."""
    if link is None:
        is_vouched = memory == Memory()
    else:
        found = content_of(tenant_id, machine, memory)
        is_vouched = link["salt"] is not None and digest_content(link["salt"], found) == link["content"]
    return replace(memory, is_vouched=is_vouched)


def read_rows(connection: sa.Connection, tenant_id: str, machine: str) -> Memory:
    """Return the memory in a machine's rows."""

    def read(table: sa.Table) -> list[dict[str, Any]]:
        rows = connection.execute(_of(table, tenant_id, machine)).mappings().all()
        return [_without_owner(dict(row)) for row in rows]

    return _assemble(*map(read, _TABLES))


def _assemble(
    snapshots: Sequence[Mapping[str, Any]], boots: Sequence[Mapping[str, Any]], marks: Sequence[Mapping[str, Any]]
) -> Memory:
    """Return the memory of the rows in the tables of `_TABLES`."""
    known = {each["snapshot_id"]: KnownSnapshot(**each) for each in snapshots}
    starts = {each["key"]: KnownBoot(**each) for each in boots}
    own = dict(next(iter(marks), {}))
    accepted = {name: own.pop(column, None) for column, name in _ACCEPTED.items()}
    machine_accepted = None if accepted["at"] is None else AcceptedMachine(**accepted)
    return Memory(**own, accepted=machine_accepted, boots=starts, snapshots=known)


def _group(connection: sa.Connection, table: sa.Table, tenant_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a tenant's machines, by machine."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(sa.select(table).where(table.c.tenant_id == tenant_id)).mappings():
        found.setdefault(str(row["machine"]), []).append(_without_owner(dict(row)))
    return found


def list_remembered(connection: sa.Connection) -> set[tuple[str, str]]:
    """Return the tenant and name of every machine with rows."""
    found: set[tuple[str, str]] = set()
    for table in _TABLES:
        rows = connection.execute(sa.select(table.c.tenant_id, table.c.machine).distinct())
        found |= {(str(row.tenant_id), str(row.machine)) for row in rows}
    return found


def content_of(tenant_id: str, machine: str, memory: Memory) -> Content:
    """Return the content of a memory's link; for an altered memory, a content that never matches any rows."""
    marks = _marks_of(memory)
    if not memory.is_vouched:
        marks[_CHANGED] = True
    known, boots = (map(vars, each.values()) for each in (memory.snapshots, memory.boots))
    return memory_content(tenant_id, machine, marks, known, boots)


def write_memory(connection: sa.Connection, tenant_id: str, machine: str, before: Memory, after: Memory) -> None:
    """Write the difference to the rows read in the same transaction, and first its link."""
    if after == before and after.is_vouched == before.is_vouched:
        return
    _add_link(connection, tenant_id, machine, after)
    known, marks = tables.known_snapshots, tables.machine_memory
    owner = {"tenant_id": tenant_id, "machine": machine}
    changed = [each for key, each in after.snapshots.items() if before.snapshots.get(key) != each]
    for each in changed:
        values = {name: getattr(each, name) for name in _SNAPSHOT_FIELDS}
        _put(connection, known, {**owner, "snapshot_id": each.snapshot_id}, values)
    _write_boots(connection, owner, before.boots, after.boots)
    values = _marks_of(after)
    if values != _marks_of(before) or (changed and before == Memory()):
        _put(connection, marks, owner, values)


def _write_boots(
    connection: sa.Connection,
    owner: Mapping[str, object],
    before: Mapping[str, KnownBoot],
    after: Mapping[str, KnownBoot],
) -> None:
    table = tables.known_boots
    for key, boot in after.items():
        if before.get(key) != boot:
            values = {name: getattr(boot, name) for name in _BOOT_FIELDS}
            _put(connection, table, {**owner, "key": key}, values)
    mine = sa.and_(*(table.c[name] == value for name, value in owner.items()))
    for key in before.keys() - after.keys():
        connection.execute(sa.delete(table).where(mine, table.c.key == key))


def _marks_of(memory: Memory) -> dict[str, object]:
    values = {name: getattr(memory, name) for name in _MARKS}
    return {**values, **{column: getattr(memory.accepted, name, None) for column, name in _ACCEPTED.items()}}


def delete_memory(connection: sa.Connection, tenant_id: str, machine: str) -> None:
    """Delete the memory of a machine: its backups are erased."""
    if read_memory(connection, tenant_id, machine) == Memory():
        return
    _add_link(connection, tenant_id, machine, Memory())
    for table in _TABLES:
        connection.execute(sa.delete(table).where(table.c.tenant_id == tenant_id, table.c.machine == machine))


def _add_link(connection: sa.Connection, tenant_id: str, machine: str, memory: Memory) -> None:
    linker = Linker(connection)
    linker.add(content_of(tenant_id, machine, memory))
    linker.write()


def _find_link(connection: sa.Connection, tenant_id: str, machine: str) -> sa.RowMapping | None:
    chain = tables.chain
    mine = (chain.c.tenant_id == tenant_id, chain.c.kind == machine, chain.c.subject == LinkSubject.MEMORY.value)
    newest = sa.select(chain.c.salt, chain.c.content).where(*mine).order_by(chain.c.position.desc()).limit(1)
    return connection.execute(newest).mappings().one_or_none()


def _put(connection: sa.Connection, table: sa.Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Write one row; no other transaction writes at this time."""
    mine = sa.and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(sa.update(table).where(mine).values(**values)).rowcount == 0:
        connection.execute(sa.insert(table).values(**{**values, **key}))


def _of(table: sa.Table, tenant_id: str, machine: str) -> sa.Select[tuple[object, ...]]:
    return sa.select(table).where(table.c.tenant_id == tenant_id, table.c.machine == machine)


def _without_owner(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("tenant_id", "machine")}
