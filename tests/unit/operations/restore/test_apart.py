"""What a directory does not take of a restore: under other names in one folder, with a list, as often as it is run."""

import base64
import json

from coffre.agents.repository import Node, as_listed
from coffre.operations.restore.apart import hand_apart

SNAPSHOT = "ab" * 32


DEEP = b"/" + b"/".join([b"d" * 200] * 20)
FILES = {b"/here": b"1", DEEP + b"/caf\xe9": b"latin", b"/here2": b"22", b"/cut": b"whole"}


class Listed:
    """A snapshot whose deepest entries no path below the target leads to."""

    def ls_bytes(self, snapshot):
        assert snapshot == SNAPSHOT
        for path in sorted({*FILES, DEEP, DEEP + b"/link", b"/socket"}):
            kind = {DEEP: "dir", DEEP + b"/link": "symlink", b"/socket": "socket"}.get(path, "file")
            yield Node(as_listed(path), kind, len(FILES.get(path, b""))), path

    def dump(self, snapshot, path):
        yield FILES[path]


def test_what_is_missing_or_cut_comes_apart_and_is_listed_by_its_bytes(tmp_path):
    (tmp_path / "here").write_text("1")
    (tmp_path / "cut").write_text("who")
    for _ in range(2):
        apart = hand_apart(Listed(), SNAPSHOT, None, tmp_path)
        assert (apart.files, apart.left_out) == (3, 1)
        listed = [json.loads(line) for line in apart.listed_in.read_text(encoding="utf-8").splitlines()]
        assert sorted(each["type"] for each in listed) == ["file", "file", "file", "symlink"]
        latin = next(each for each in listed if "path_base64" in each)
        assert base64.b64decode(latin["path_base64"]) == DEEP + b"/caf\xe9"
        assert latin["path"].endswith("/caf\\xe9")
        assert (apart.listed_in.parent / latin["stored_as"]).read_text() == "latin"
        assert [each["not_stored"] for each in listed if "not_stored" in each] == [
            "a symlink has no content to hand over"
        ]


def test_with_a_path_only_what_is_below_it_is_looked_for(tmp_path):
    apart = hand_apart(Listed(), SNAPSHOT, "/here", tmp_path)
    assert (apart.files, apart.left_out) == (1, 0)
