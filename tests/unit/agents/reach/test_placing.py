"""Files placed by the command that machines run, run here: whole or not at all, and nothing left beside."""

import hashlib
import os
import subprocess

import pytest

from coffre.agents.reach.placing import DAMAGED, PlacedFile, Placement, make_archive, make_command

SECRET = b"do not show me"


def placed(path, content, mode=0o600):
    return PlacedFile(str(path), mode, hashlib.sha256(content).hexdigest(), content)


@pytest.fixture
def placement(tmp_path):
    folder = tmp_path / "it's a $(folder)"
    files = [placed(folder / 'a "file"', SECRET), placed(folder / "program", bytes(range(256)) * 4096, 0o755)]
    return Placement({str(folder): 0o700}, files, {str(tmp_path / "link"): str(folder / "program")})


def run(placement, archive):
    user = [] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user"]
    command = [*user, "sh", "-c", f"umask 077\n{make_command(placement)}"]
    return subprocess.run(command, input=archive, capture_output=True, check=False)


def left_in(folder):
    return sorted(file.name for file in folder.rglob("*"))


def test_folders_files_and_links_get_their_places_and_their_rights(placement, tmp_path):
    for _ in range(2):
        assert run(placement, make_archive(placement)).returncode == 0
    folder = tmp_path / "it's a $(folder)"
    assert folder.stat().st_mode & 0o777 == 0o700
    for file in placement.files:
        assert (tmp_path / file.path).read_bytes() == file.content
        assert (tmp_path / file.path).stat().st_mode & 0o777 == file.mode
    assert (tmp_path / "link").readlink() == folder / "program"
    assert left_in(tmp_path) == ['a "file"', "it's a $(folder)", "link", "program"]


def test_a_link_at_a_files_place_is_replaced_and_not_followed(placement, tmp_path):
    other = tmp_path / "another's"
    other.write_text("mine")
    run(placement, make_archive(placement))
    place = tmp_path / placement.files[0].path
    place.unlink()
    place.symlink_to(other)
    assert run(placement, make_archive(placement)).returncode == 0
    assert (place.read_bytes(), other.read_text()) == (SECRET, "mine")


def test_what_arrives_otherwise_takes_no_place(placement, tmp_path):
    archive = make_archive(placement)
    done = run(placement, archive.replace(SECRET, SECRET.upper()))
    assert (done.returncode, done.stderr.decode().strip()) == (1, DAMAGED)
    assert left_in(tmp_path) == ["it's a $(folder)"]


def test_a_line_that_breaks_leaves_the_files_that_were_there(placement, tmp_path):
    before = Placement(placement.folders, [placed(each.path, b"before") for each in placement.files], {})
    assert run(before, make_archive(before)).returncode == 0
    archive = make_archive(placement)
    for length in (0, 300, 3 * 512, len(archive) // 2):
        assert run(placement, archive[:length]).returncode != 0
    assert [(tmp_path / file.path).read_bytes() for file in placement.files] == [b"before"] * 2
    assert left_in(tmp_path) == ['a "file"', "it's a $(folder)", "program"]


def test_a_folder_at_a_files_place_is_refused_and_kept(placement, tmp_path):
    place = tmp_path / placement.files[0].path
    (place / "theirs").mkdir(parents=True)
    done = run(placement, make_archive(placement))
    assert done.returncode != 0
    assert b"directory" in done.stderr
    assert (place / "theirs").is_dir()


def test_content_travels_in_the_stream_alone(placement):
    assert SECRET.decode() not in make_command(placement)
    assert make_archive(Placement({}, [], {})) == b""
