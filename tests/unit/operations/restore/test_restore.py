from pathlib import Path

import pytest

from coffre.errors import RefusedError, UsageError
from coffre.operations.restore.restore import MachineDestination, normalise_path, read_destination, refuse_target
from tests.builders import machine_with, tenant_with


def read(text, folder=None, in_place=False, there=()):
    return read_destination(
        text, ["compta-01", "caisse-01"], folder=folder, in_place=in_place, is_there=lambda name: name in there
    )


@pytest.mark.parametrize("text", ["./compta-01", "retour/", "/srv/x", "..", "retour.d", "."])
def test_a_slash_or_a_dot_makes_a_directory(text):
    assert read(text) == Path(text)


def test_the_name_of_a_machine_is_the_machine():
    assert read("caisse-01") == MachineDestination("caisse-01")
    assert read("caisse-01", folder="/srv/x") == MachineDestination("caisse-01", "/srv/x")
    assert read("caisse-01", in_place=True, there=["caisse-01"]) == MachineDestination("caisse-01", None, True)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"text": "retour"}, "neither a directory nor a machine"),
        ({"text": ""}, "neither a directory nor a machine"),
        ({"text": "caisse-01", "there": ["caisse-01"]}, "is the name of both a machine and a directory"),
        ({"text": "./x", "folder": "/srv/x"}, "--into is only for a restore to a machine"),
        ({"text": "./x", "in_place": True}, "--in-place is only for a restore to a machine"),
        ({"text": "caisse-01", "folder": "/srv/x", "in_place": True}, "both given"),
        ({"text": "caisse-01", "folder": "srv"}, "is not a folder"),
        ({"text": "caisse-01", "folder": "//."}, "is not a folder"),
    ],
)
def test_what_could_be_two_things_or_none_is_refused_with_what_to_write(given, problem):
    with pytest.raises(UsageError, match=problem):
        read(**given)


def test_paths_have_one_form():
    assert normalise_path(None) is normalise_path("/") is normalise_path("//") is None
    assert normalise_path("/home//claire/") == "/home/claire"
    with pytest.raises(UsageError, match="is not an absolute path"):
        normalise_path("home")


def test_some_machines_cannot_be_restored_onto():
    refuse_target(tenant_with(), "caisse-01")
    with pytest.raises(RefusedError, match="suspended"):
        refuse_target(tenant_with(status="suspended"), "caisse-01")
    retired = machine_with(retired={"on": "2026-12-31", "keep_until": "2027-03-31"})
    with pytest.raises(RefusedError, match="retired"):
        refuse_target(tenant_with(machines={"caisse-01": retired}), "caisse-01")
    with pytest.raises(RefusedError, match="runs macos"):
        refuse_target(tenant_with(machines={"caisse-01": machine_with(os="macos")}), "caisse-01")
