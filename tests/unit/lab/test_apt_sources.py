"""Which package sources of this machine the machines' base system is made from."""

import pytest
from coffre_lab.machines import apt_sources

DEBIAN = """\
Types: deb
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Enabled: no

Types: deb-src
URIs: http://mirror.example/debian
Suites: bookworm
Components: main
"""
DOCKER = "deb [arch=amd64 signed-by=/k.gpg] https://docker.example/linux/debian bookworm stable\n"
ONE_LINE = (
    "# deb http://old.example/debian bookworm main\ndeb http://mirror.example/debian bookworm main contrib # mine\n"
)


def test_enabled_binary_stanzas_of_the_release_are_kept():
    chosen = apt_sources.select_sources({"debian.sources": DEBIAN}, "bookworm")
    assert chosen == {
        "debian.sources": "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    }


def test_other_makers_and_other_releases_are_left_out():
    files = {"docker.list": DOCKER, "next.list": "deb http://mirror.example/debian trixie main\n", "a.list": ONE_LINE}
    assert apt_sources.select_sources(files, "bookworm") == {
        "a.list": "deb http://mirror.example/debian bookworm main contrib # mine\n"
    }


def test_a_key_written_into_the_stanza_stays_with_it():
    stanza = "Types: deb\nURIs: http://m.example/u\nSuites: noble\nComponents: main\nSigned-By:\n -----BEGIN\n .\n abc"
    assert apt_sources.select_sources({"u.sources": stanza}, "noble") == {"u.sources": f"{stanza}\n"}


def test_another_suite_of_the_distribution_is_on_its_mirrors():
    files = {"debian.sources": DEBIAN, "a.list": "deb http://bookworm.example/bookworm bookworm-updates main\n"}
    chosen = apt_sources.select_sources(files, "trixie", "bookworm")
    assert "Suites: trixie trixie-updates\n" in chosen["debian.sources"]
    assert chosen["a.list"] == "deb http://bookworm.example/bookworm trixie-updates main\n"
    assert apt_sources.select_sources(files, "trixie") == {}


def test_a_source_of_the_suite_itself_goes_first():
    files = {
        "own.list": "deb http://m.example/debian bookworm main\n",
        "next.list": "deb http://n.example trixie main\n",
    }
    assert apt_sources.select_sources(files, "trixie", "bookworm") == {
        "next.list": "deb http://n.example trixie main\n"
    }


@pytest.mark.parametrize(
    ("text", "expected"), [('ID="debian"\nVERSION_CODENAME=bookworm\n', True), ("ID=ubuntu\n", False)]
)
def test_debian_is_told_from_what_is_made_of_it(text, expected):
    assert apt_sources.is_debian(text) is expected


def test_how_packages_are_fetched_is_taken_over_without_the_index_rules():
    dump = (
        'APT "";\nAcquire "";\nAcquire::http::Proxy "http://proxy.example:3128";\nAcquire::IndexTargets::deb "x";\n'
        'Acquire::Check-Date "false";\nAcquire::Languages:: "none";\nAcquire::cdrom "";\nDir "/";\n'
    )
    assert apt_sources.select_settings(dump) == (
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::Check-Date "false";\nAcquire::Languages:: "none";\n'
    )


def test_the_release_is_read_from_os_release():
    assert apt_sources.parse_codename("ID=ubuntu\nVERSION_CODENAME=noble\nUBUNTU_CODENAME=noble\n") == "noble"
    assert apt_sources.parse_codename('VERSION_CODENAME="bookworm"\n') == "bookworm"
    assert apt_sources.parse_codename("ID=other\n") is None
