"""Where a connection leads: every way of writing it that a resolver takes comes to one form."""

import random
import socket
from ipaddress import IPv4Address

import pytest

from coffre.spec.values.hosts import canonical_host, find_host_port, is_this_computer

LOCAL = [
    "localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "localhost6",
    "127.0.0.1", "127.255.255.254", "127.1", "127.0.1", "0177.1", "0x7f.1", "0x7F000001", "2130706433", "017700000001",
    "0", "0.0.0.0", "0.1", "0x0", "::", "::1", "0:0:0:0:0:0:0:1", "::0001", "::ffff:7f00:1", "::ffff:0:0", "::7f00:1",
    "0:0:0:0:0:FFFF:7F00:0001", "64:ff9b::7f00:1", "::1%lo", "127.0.0.1.",
]  # fmt: skip
ELSEWHERE = [
    "localhost.example", "mylocalhost", "128.0.0.1", "126.255.255.255", "fe80::1", "2001:db8::1", "1.0.0.1",
    "localhost-01", "127.0.0.1.example", "127.0.0.256", "16777216", "0x7f.example", "08.0.0.1", "::ffff:808:808",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
def test_what_is_this_computer(host: str) -> None:
    assert is_this_computer(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_what_need_not_be_this_computer(host: str) -> None:
    assert not is_this_computer(host)


def test_numbers_are_read_as_the_c_library_reads_them() -> None:
    """The resolver of this very computer is the judge: what it takes for an address is compared as that address."""
    chance = random.Random(12)

    def number(limit: int) -> str:
        value = chance.choice(
            [0, 1, 7, 8, 127, 255, 256, 65535, 65536, 1 << 24, (1 << 32) - 1, chance.randrange(limit)]
        )
        return chance.choice(["{}", "0{:o}", "0x{:x}", "0X{:X}", "{:03}", "00{:o}"]).format(value)

    for _ in range(20_000):
        text = ".".join(number(1 << 33) for _ in range(chance.randint(1, 4)))
        try:
            expected = str(IPv4Address(socket.inet_aton(text)))
        except OSError:
            expected = text.lower()
        assert canonical_host(text) == expected, text


@pytest.mark.parametrize("host", ["9" * 5000, "0x" + "f" * 5000, "." * 5000, ":" * 5000, "", "%", "1." * 3000, "é"])
def test_no_text_is_too_odd_to_be_compared(host: str) -> None:
    canonical_host(host)
    assert is_this_computer(host) is False


def test_a_place_is_a_host_and_a_port() -> None:
    assert find_host_port({"via": "ssh", "host": "A.example."}) == find_host_port(
        {"via": "winrm", "host": "a.example", "port": 22}
    )
    assert find_host_port({"host": "a.example", "port": 23}) != find_host_port({"host": "a.example"})
    assert find_host_port({"via": "pull"}) is None
    assert find_host_port({"host": 12}) is None
