"""Which keys count: the allowed-signers file along the history of a repository's own branch, and who let each key in.

The file as it was before a commit judges that commit, so nobody lets a key in and uses it in one go. The first file is
where trust begins. A key that comes later counts once a commit by a known key brings it; where one person alone did so,
the key counts as that person's own: with them it never makes two. Two people make it its holder's: one signs the
commit, another signs the merge that brings it to the branch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from coffre.signing.commits import Commit
from coffre.signing.objects import Objects, Place
from coffre.signing.signers import FILE_NAME, Signer, group_people, person_of, read_signers
from coffre.signing.ssh import Signature, is_signed, read_signature

GIT_NAMESPACE = "git"
_AHEAD = timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    """Whose key it was, proved. ``name`` is the holder's address; ``person`` and ``controller`` tell people apart.

    The controller is the person without whom the key would not count, the holder as a rule. ``namespaces`` are those
    that the key's entry names.
    """

    name: str
    person: str
    controller: str
    fingerprint: str
    namespaces: tuple[str, ...] = ()


@dataclass(frozen=True)
class Known:
    """The keys that count at one point of the history: each with the person who controls it."""

    controllers: dict[Signer, str] = field(default_factory=dict)
    people: dict[str, str] = field(default_factory=dict)

    def identify(self, signer: Signer) -> Identity:
        person = self.people[signer.fingerprint]
        return Identity(signer.name, person, self.controllers[signer], signer.fingerprint, signer.namespaces or ())

    def find_holder(self, fingerprint: str) -> Identity | None:
        """Return whose key it is that has a fingerprint."""
        return next((self.identify(each) for each in self.controllers if each.fingerprint == fingerprint), None)

    def find(self, payload: bytes, signature: Signature | None, namespace: str, at: datetime) -> Identity | None:
        """Return whose signature it is; None when it is nobody's that counts."""
        if signature is None:
            return None
        for signer in self.controllers:
            if signer.fingerprint == signature.fingerprint and is_signed(payload, signature, namespace, signer, at):
                return self.identify(signer)
        return None

    def find_person(self, address: str) -> str:
        """Return the person whom an address means: the holder of a key where there is one."""
        return self.people.get(person_of(address), person_of(address))

    def is_two_people(self, one: Identity, other: Identity) -> bool:
        """Tell whether two identities are two people's: other holders, other keys, and neither depends on the other."""
        return one.fingerprint != other.fingerprint and not self._names(one) & self._names(other)

    def is_same_person(self, one: Identity, address: str) -> bool:
        """Tell whether an address that somebody typed is a person's, or that of who controls the person's key."""
        return bool(self._names(one) & {person_of(address), self.find_person(address)})

    def _names(self, one: Identity) -> set[str]:
        # Also by what the newest file says: an entry may have joined two addresses since.
        return {one.person, one.controller, self.find_person(one.person), self.find_person(one.controller)}


@dataclass(frozen=True)
class Trust:
    """The known keys along a branch, newest commit first, and each change of them with what counted from then on.

    ``pending`` are the keys of HEAD's file that count for nobody, since no known key brought them.
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
        """Return what counted at a moment: by the newest file that was there then."""
        return next((known for commit, known in reversed(self.changes) if commit.committed_at <= moment), Known())

    def find_signer(self, commit: Commit, brought_by: Commit, now: datetime) -> Identity | None:
        """Return who signed a commit, by the keys that counted before ``brought_by`` came to the branch.

        That is the commit itself, or the merge that brought it. Dates are the committer's word: none is believed that
        lies before what the branch had already, or ahead of now.
        """
        at = brought_by.committed_at
        if brought_by.parents:
            before = next(each.committed_at for each in self.line if each.id == brought_by.parents[0])
            at = max(at, min(before, now))
        if at > now + _AHEAD:
            return None
        signature = read_signature(commit.signature) if commit.signature else None
        return self.before[brought_by.id].find(commit.signed, signature, GIT_NAMESPACE, at)


def read_trust(objects: Objects, place: Place, now: datetime) -> Trust:
    """Follow the branch from its first commit to HEAD."""
    line = tuple(walk(objects, place.head))
    path = f"{place.folder}{FILE_NAME}"
    building = _Building(objects, path, line)
    for commit in reversed(line):
        building.add(commit, now)
    return building.trust()


def walk(objects: Objects, head: str) -> Iterator[Commit]:
    """Yield the commits of a branch, newest first: each one's first parent is the branch before it."""
    name: str | None = head
    while name is not None:
        commit = objects.commit(name)
        yield commit
        name = commit.parents[0] if commit.parents else None


def list_brought(objects: Objects, commit: Commit, path: str) -> list[Commit]:
    """Return the commits that a merge brought, newest first, as far as they differ in a file from the branch before."""
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
        """Return who controls a key that comes with a commit; None when nobody known brought it."""
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
