"""A tenant's secrets handed out: one encrypted file for the keys named, never over another file."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre.errors import RefusedError, UsageError
from coffre.secrets import age
from coffre.secrets.bundles import ControlBundle, DataBundle, all_secret_values
from coffre.secrets.holders.export import check_export, seal_export, write_export

HOLDER = age.new_identity()
KEY = age.public_half(HOLDER)


def opened(data: DataBundle) -> dict[str, SecretStr]:
    return {name: each.reveal_for_storage() for name, each in data.repository_passwords.items()}


def test_the_file_opens_for_its_holder_and_shows_nothing(
    tmp_path: Path, control: ControlBundle, data: DataBundle
) -> None:
    path = tmp_path / "martin.age"
    check_export(path, [KEY])
    write_export(path, seal_export("martin", control, opened(data), [KEY]))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["martin.age"]
    sealed = path.read_bytes()
    secrets = all_secret_values(control) | all_secret_values(data)
    assert not [value for value in secrets if value.encode() in sealed]
    document = json.loads(age.unseal(sealed, [HOLDER], "it"))
    assert document["tenant"] == "martin"
    assert set(document["data"]["repository_passwords"]) == {"compta-01", "vieux-pc"}
    assert not [value for value in secrets if value not in json.dumps(document)]


@pytest.mark.parametrize(
    ("recipients", "said"),
    [
        ([], "has no recipient"),
        (["age1x"], "not an age X25519 recipient"),
        ([HOLDER.get_secret_value()], "names a private key"),
    ],
)
def test_a_file_that_nobody_could_open_is_refused(tmp_path: Path, recipients: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        check_export(tmp_path / "martin.age", recipients)
    assert HOLDER.get_secret_value() not in refused.value.message + refused.value.hint


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "martin.age").write_text("older")
    with pytest.raises(RefusedError, match="already exists"):
        check_export(tmp_path / "martin.age", [KEY])
