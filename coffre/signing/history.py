"""Finds the trusted keys: the allowed-signers file in the history of a repository's branch, and who added each key.

The file before a commit judges that commit, so nobody can add a key and use it in one step. Trust begins with the
first file. A later key is trusted once a commit by a known key adds it. When only one person did this, the key counts
as that person's own: both together are never two people. Two people make it the holder's key: one signs the commit,
another one signs the merge into the branch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from coffre.signing.commits import Commit
from coffre.signing.objects import GitLocation, Objects
from coffre.signing.signers import FILE_NAME, Signer, group_people, person_of, read_signers
from coffre.signing.ssh import Signature, is_signed, read_signature

GIT_NAMESPACE = "git"
_AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class KeyHolder:
    """The proved owner of a key. ``name`` is the holder's address; ``person`` and ``controller`` distinguish people.

    The controller is the person on whom the trust in the key depends, normally the holder. ``namespaces`` are those of
    the key's entry.
    """

    name: str
    person: str
    controller: str
    fingerprint: str
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """The trusted keys at one point of the history: each with the person who controls it."""

    controllers: dict[Signer, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def identify(self, signer: Signer) -> KeyHolder:
        person = self.people[signer.fingerprint]
        return KeyHolder(signer.name, person, self.controllers[signer], signer.fingerprint, signer.namespaces or ())

    def find_holder(self, fingerprint: str) -> KeyHolder | None:
        """Return the identity of a fingerprint."""
        return next((self.identify(each) for each in self.controllers if each.fingerprint == fingerprint), None)

    def find(self, payload: bytes, signature: Signature | None, namespace: str, at: datetime) -> KeyHolder | None:
        """Return the identity of a signature; None without a trusted key."""
        if signature is None:
            return None
        for signer in self.controllers:
            if signer.fingerprint == signature.fingerprint and is_signed(payload, signature, namespace, signer, at):
                return self.identify(signer)
        return None

    def find_person(self, address: str) -> str:
        """Return the person of an address: the holder of a key if there is one."""
        return self.people.get(person_of(address), person_of(address))

    def is_two_people(self, one: KeyHolder, other: KeyHolder) -> bool:
        """Tell whether two identities are two people: other holders, other keys, and neither depends on the other."""
        return one.fingerprint != other.fingerprint and not self._names(one) & self._names(other)

    def is_same_person(self, one: KeyHolder, address: str) -> bool:
        """Tell whether a typed address belongs to a person, or to the controller of the person's key."""
        return bool(self._names(one) & {person_of(address), self.find_person(address)})

    def _names(self, one: KeyHolder) -> set[str]:
        # Also by the newest file: an entry may have joined two addresses since.
        return {one.person, one.controller, self.find_person(one.person), self.find_person(one.controller)}


@dataclass(frozen=True)
class Trust:
    """The known keys along a branch, newest commit first, and each change of them with the keys trusted from then on.

    ``pending`` are the untrusted keys of HEAD's file: no known key added them.
    """

    line: tuple[Commit, ...]
    before: dict[str, Known]
    changes: tuple[tuple[Commit, Known], ...]
    pending: tuple[Signer, ...]

    @property
    def now(self) -> Known:
        return self.changes[-1][1] if self.changes else Known()

    @property
    def began_at(self) -> str | None:
        """The commit with the first file, where trust begins."""
        return self.changes[0][0].id if self.changes else None

    @property
    def changed_at(self) -> str | None:
        """The commit with the newest file."""
        return self.changes[-1][0].id if self.changes else None

    def known_at(self, moment: datetime) -> Known:
        """Return the keys trusted at a time: by the newest file of that time."""
        return next((known for commit, known in reversed(self.changes) if commit.committed_at <= moment), Known())

    def find_signer(self, commit: Commit, brought_by: Commit, now: datetime) -> KeyHolder | None:
        """Return who signed a commit, by the keys trusted before ``brought_by`` came to the branch.

        That is the commit itself, or its merge. Dates are declared by the committer: a date before the branch's latest
        one, or in the future, is not accepted.
        """
        at = brought_by.committed_at
        if brought_by.parents:
            before = next(each.committed_at for each in self.line if each.id == brought_by.parents[0])
            at = max(at, min(before, now))
        if at > now + _AHEAD:
            return None
        signature = read_signature(commit.signature) if commit.signature else None
        return self.before[brought_by.id].find(commit.signed, signature, GIT_NAMESPACE, at)


def read_trust(objects: Objects, place: GitLocation, now: datetime) -> Trust:
    """Follow the branch from its first commit to HEAD."""
    line = tuple(walk(objects, place.head))
    path = f"{place.folder}{FILE_NAME}"
    building = _Building(objects, path, line)
    for commit in reversed(line):
        building.add(commit, now)
    return building.trust()


def walk(objects: Objects, head: str) -> Iterator[Commit]:
    """Yield the commits of a branch, newest first: the first parent of each is the branch before it."""
    name: str | None = head
    while name is not None:
        commit = objects.commit(name)
        yield commit
        name = commit.parents[0] if commit.parents else None


def list_brought(objects: Objects, commit: Commit, path: str) -> list[Commit]:
    """Return the commits of a merge, newest first, that differ in a file from the branch before."""
    if len(commit.parents) < 2:
        return []
    base = objects.find_file(objects.commit(commit.parents[0]), path)
    waiting, seen, found = [*commit.parents[1:]], set(), []
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        side = objects.commit(name)
        if objects.find_file(side, path) != base:
            found.append(side)
            waiting += side.parents
    return found


class _Building:
    def __init__(self, objects: Objects, path: str, line: Sequence[Commit]) -> None:
        self._objects, self._path = objects, path
        self._before: dict[str, Known] = {}
        self._changes: list[tuple[Commit, Known]] = []
        self._known, self._pending = Known(), list[Signer]()
        self._file: str | None = None
        self._line = tuple(line)

    def trust(self) -> Trust:
        return Trust(self._line, self._before, tuple(self._changes), tuple(self._pending))

    def add(self, commit: Commit, now: datetime) -> None:
        self._before[commit.id] = self._known
        file = self._objects.find_file(commit, self._path)
        if file == self._file:
            return
        content = self._objects.read_file(commit, self._path) or b""
        signers = list(dict.fromkeys(read_signers(content)[0]))
        self._file = file
        if signers or self._changes:
            self._settle(commit, signers, now)
            self._changes.append((commit, self._known))

    def _settle(self, commit: Commit, signers: list[Signer], now: datetime) -> None:
        people = group_people(signers)
        controllers: dict[Signer, str] = {}
        self._pending = []
        for signer in signers:
            if not self._changes:
                controller: str | None = people[signer.fingerprint]
            elif signer in self._known.controllers:
                controller = self._known.controllers[signer]
            else:
                controller = self._find_controller(commit, signer, people[signer.fingerprint], now)
            if controller is None:
                self._pending.append(signer)
            else:
                controllers[signer] = controller
        self._known = Known(controllers, people)

    def _find_controller(self, commit: Commit, signer: Signer, person: str, now: datetime) -> str | None:
        """Return who controls a key that a commit adds; None when no known person added it."""
        trust = self.trust()
        brought = list_brought(self._objects, commit, self._path)
        bringing = [commit, *(each for each in brought if self._is_added_by(each, signer))]
        found = [each for each in (trust.find_signer(one, commit, now) for one in bringing) if each is not None]
        if any(self._known.is_two_people(one, other) for one in found for other in found):
            return person
        return found[0].controller if found else None

    def _is_added_by(self, commit: Commit, signer: Signer) -> bool:
        parents = [self._objects.commit(each) for each in commit.parents]
        return self._has(commit, signer) and not any(self._has(each, signer) for each in parents)

    def _has(self, commit: Commit, signer: Signer) -> bool:
        return signer in read_signers(self._objects.read_file(commit, self._path) or b"")[0]
