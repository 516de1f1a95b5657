"""Pulumi's files of one stack: all of them are found, and none of another stack whose name begins alike."""

import gzip

import pytest

from coffre.errors import BusyError
from coffre.provisioning.engine import removal
from coffre.provisioning.engine.state import StateFolder

OURS = [
    "state/.pulumi/stacks/coffre/martin.json",
    "state/.pulumi/stacks/coffre/martin.json.bak",
    "state/.pulumi/stacks/coffre/martin.json.attrs",
    "state/.pulumi/stacks/coffre/martin.json.torn",
    "state/.pulumi/history/coffre/martin/martin-1.checkpoint.json",
    "state/.pulumi/backups/coffre/martin/martin.1.json",
    "state/.pulumi/locks/organization/coffre/martin/a.json.tmp",
    "pulumi/martin/Pulumi.martin.yaml",
    "pulumi/martin/settled",
    "pulumi/.home/logs/organization+coffre+martin-20261125T191009.log",
    "pulumi/.home/logs/pulumi-20261125T191007-2461-stack_new.log",
    "pulumi/.home/workspaces/coffre-1-workspace.json",
]
OTHERS = [
    "state/.pulumi/meta.yaml",
    "state/.pulumi/stacks/coffre/martin-2.json",
    "state/.pulumi/stacks/coffre/st-martin.json",
    "state/.pulumi/history/coffre/martin-2/martin-2-1.checkpoint.json",
    "state/.pulumi/backups/coffre/martin-2/martin-2.1.json",
    "pulumi/martin-2/settled",
    "pulumi/.home/logs/organization+coffre+martin-2-20261125T191009.log",
    "pulumi/.home/logs/pulumi-20261125T191007-2462-stack_new.log",
    "pulumi/.home/workspaces/coffre-2-workspace.json",
]


class Settings:
    state = "file:.coffre/state"


class Repository:
    settings = Settings()

    def __init__(self, root):
        self.root = root


@pytest.fixture
def repository(tmp_path):
    for name in [*OURS, *OTHERS]:
        path = tmp_path / ".coffre" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        stack = "martin" if name in OURS else "martin-2"
        text = f'{{"stacks": {{"file:///x": "organization/coffre/{stack}"}}}}'.encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".log" else text)
    return Repository(tmp_path)


def files(repository):
    folder = repository.root / ".coffre"
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_everything_of_a_stack_goes_and_nothing_of_another(repository):
    removed = removal.remove_stack_files(repository, "martin")
    assert files(repository) == set(OTHERS)
    assert ".coffre/state/.pulumi/stacks/coffre/martin.json" in removed
    assert removal.remove_stack_files(repository, "martin") == []
    assert removal.list_stack_files(repository, "martin") == []


def test_a_stack_that_somebody_holds_stays(repository, monkeypatch):
    monkeypatch.setattr(StateFolder, "list_locks", lambda self, stack: [f"lock of {stack}"])
    monkeypatch.setattr(removal, "has_owner", lambda lock: True)
    with pytest.raises(BusyError, match="is locked by lock of martin"):
        removal.remove_stack_files(repository, "martin")
    assert files(repository) == {*OURS, *OTHERS}


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    target, link = tmp_path / "kept", tmp_path / "link"
    target.mkdir()
    link.symlink_to(target)
    assert removal.remove_files([link, tmp_path / "none"], tmp_path) == ["link"]
    assert target.is_dir()


def test_the_stack_of_a_second_copy_goes_alone_and_stays_alone(repository):
    """Both stacks of a tenant have its slug in their names."""
    renamed = (("martin", "martin_copy"), ("2461", "2463"), ("coffre-1", "coffre-3"))
    copies = set(OURS)
    for old, new in renamed:
        copies = {name.replace(old, new) for name in copies}
    for name in copies:
        path = repository.root / ".coffre" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = b'{"stacks": {"file:///x": "organization/coffre/martin_copy"}}'
        path.write_bytes(gzip.compress(text) if path.suffix == ".log" else text)
    removal.remove_stack_files(repository, "martin")
    assert files(repository) == {*copies, *OTHERS}
    removal.remove_stack_files(repository, "martin_copy")
    assert files(repository) == set(OTHERS)
