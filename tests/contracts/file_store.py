"""The contract of a store of small files, for a folder and for a bucket: both pass the same tests.

A module that imports these tests gives them `store`, which is empty, and `again`, a function that opens it once more.
"""

from collections.abc import Callable

from coffre.workspace.file_store import FileStore

Again = Callable[[], FileStore]


def test_what_is_written_is_read(store: FileStore, again: Again) -> None:
    assert store.read("martin.json") is None
    assert store.find_stamp("martin.json") is None
    for content in (b"one", b"", b"\0\xff" * 1000):
        store.write("martin.json", content)
        assert store.read("martin.json") == again().read("martin.json") == content


def test_names_are_listed_by_their_beginning(store: FileStore) -> None:
    assert store.list_names() == []
    for name in ("b/martin.json", "b/martin.json.bak", "b/martin-2.json", "a.age", ".a.destroyed"):
        store.write(name, b"x")
    assert store.list_names("b/martin.") == ["b/martin.json", "b/martin.json.bak"]
    assert store.list_names("a") == ["a.age"]
    assert store.list_names(".a") == [".a.destroyed"]
    assert store.list_names("c/") == []
    assert store.list_names() == [".a.destroyed", "a.age", "b/martin-2.json", "b/martin.json", "b/martin.json.bak"]


def test_a_deleted_file_is_gone_alone(store: FileStore) -> None:
    for name in ("martin.json", "martin.json.bak"):
        store.write(name, b"x")
        store.write(name, b"y")
    for _ in range(2):
        store.delete("martin.json")
        assert store.read("martin.json") is None
        assert store.list_names() == ["martin.json.bak"]
    store.write("martin.json", b"again")
    assert store.read("martin.json") == b"again"


def test_a_stamp_changes_with_each_write(store: FileStore, again: Again) -> None:
    store.write("martin.json", b"one")
    first = store.find_stamp("martin.json")
    assert first == again().find_stamp("martin.json")
    store.write("martin.json", b"two")
    assert store.find_stamp("martin.json") not in (first, None)


def test_it_says_where_a_file_is(store: FileStore) -> None:
    assert store.exists()
    assert store.shown("martin.json") == f"{store.shown()}/martin.json"
