"""Host keys, recorded in a file that people review."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.agents.reach.trust import (
    HostKey,
    ScannedHost,
    find_recorded,
    is_conflict,
    read_lines,
    record,
    refuse_changed,
)
from coffre.errors import ExpectedError, RefusedError

ED25519 = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIGhoZ6deIx4KYi4iGIkUdEyHVP9Ylkivyhn/VC8Mrmft")
OTHER = HostKey("ssh-ed25519", "AAAAC3NzaC1lZDI1NTE5AAAAIHjXHLTWouWzsZa8vZwgCzpgZ5fnB6o5j8rNbqNrK6LF")
ECDSA = HostKey("ecdsa-sha2-nistp256", "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAA=")


def test_the_fingerprint_is_the_one_that_ssh_keygen_prints():
    """`ssh-keygen -lf` of the same key."""
    assert ED25519.fingerprint == "SHA256:Xo3RZ5iR903wTixCSKp634KbHuSdA6gwpumBUnkDUao"


def test_recording_keeps_comments_and_other_machines(tmp_path):
    file = tmp_path / "known_hosts" / "martin"
    file.parent.mkdir()
    file.write_text(f"# seen on site\ncaisse-01 {OTHER.algorithm} {OTHER.key}\n")
    assert record(file, ScannedHost("compta-01", (ED25519,)))
    assert file.read_text() == (
        f"# seen on site\ncaisse-01 {OTHER.algorithm} {OTHER.key}\ncompta-01 {ED25519.algorithm} {ED25519.key}\n"
    )
    assert [path.name for path in file.parent.iterdir()] == ["martin"]
    assert file.stat().st_mode & 0o777 == 0o644


def test_recording_the_same_again_changes_nothing(tmp_path):
    file = tmp_path / "martin"
    scanned = ScannedHost("compta-01", (ED25519,))
    assert record(file, scanned)
    before = file.stat().st_mtime_ns
    assert not record(file, scanned)
    assert file.stat().st_mtime_ns == before


def test_another_key_is_refused_and_replaces_only_when_told(tmp_path):
    file = tmp_path / "martin"
    record(file, ScannedHost("compta-01", (ED25519,)))
    with pytest.raises(RefusedError, match="is not the one recorded in"):
        record(file, ScannedHost("compta-01", (OTHER,)))
    assert ED25519.key in file.read_text()
    assert record(file, ScannedHost("compta-01", (OTHER,)), replace=True)
    assert ED25519.key not in file.read_text()


def test_a_further_kind_of_key_is_no_conflict():
    assert not is_conflict([ED25519], [ED25519, ECDSA])
    assert is_conflict([ED25519, ECDSA], [ED25519])


def test_lines_that_name_several_hosts_count_for_each_and_odd_ones_for_none():
    lines = [
        f"a,[b]:2222 {ED25519.algorithm} {ED25519.key} comment",
        "# comment",
        f"@cert-authority * {ED25519.algorithm} {ED25519.key}",
        f"|1|hash= {ED25519.algorithm} {ED25519.key}",
        "c ssh-ed25519 not*base64",
        "",
    ]
    assert read_lines(lines) == [("a", ED25519), ("[b]:2222", ED25519)]


def test_a_machine_that_shows_another_key_is_refused_with_the_way_to_replace_it(tmp_path):
    file = tmp_path / "martin"
    record(file, ScannedHost("compta-01", (ED25519,)))
    recorded = find_recorded(file, "compta-01")
    assert recorded == (ED25519,)
    assert find_recorded(file, "caisse-01") == find_recorded(tmp_path / "absent", "compta-01") == ()
    refuse_changed(recorded, ScannedHost("compta-01", (ED25519, ECDSA)), "martin", "compta-01")
    refuse_changed((), ScannedHost("compta-01", (OTHER,)), "martin", "compta-01")
    with pytest.raises(RefusedError, match="is not the one that was recorded") as refused:
        refuse_changed(recorded, ScannedHost("compta-01", (OTHER,)), "martin", "compta-01")
    assert "coffre rotate martin --machine compta-01 --now" in refused.value.hint


@pytest.mark.parametrize("end", ["\u2028", "\x85", "\x0b", "\x0c", "\x1c", "\r"])
def test_a_comment_hides_no_host_key_and_does_not_become_one(end, tmp_path):
    """Who reviews the file sees a comment, and so does ssh; recording another machine leaves it as it is."""
    file = tmp_path / "martin"
    hidden = f"# seen on site{end}caisse-01 {OTHER.algorithm} {OTHER.key}\n".encode()
    file.write_bytes(hidden)
    assert find_recorded(file, "caisse-01") == ()
    assert record(file, ScannedHost("compta-01", (ED25519,)))
    assert file.read_bytes() == hidden + f"compta-01 {ED25519.algorithm} {ED25519.key}\n".encode()


def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(b"#" * (1024**2 + 1))
    for name in ("link", "large"):
        with pytest.raises(ExpectedError, match=name):
            find_recorded(tmp_path / name, "compta-01")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=80) | st.text(max_size=80).map(lambda text: f"compta-01 ssh-ed25519 {text}".encode()))
def test_whatever_stands_in_the_file_stays_beside_what_is_recorded(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("known") / "martin"
    file.write_bytes(content)
    record(file, ScannedHost("[compta-01]:2222", (ED25519,)))
    assert find_recorded(file, "[compta-01]:2222") == (ED25519,)
    assert file.read_bytes().replace(b"\r", b"").startswith(content.removesuffix(b"\n").replace(b"\r", b""))
