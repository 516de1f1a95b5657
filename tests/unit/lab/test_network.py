"""Which address range, interfaces' names and ports a lab chooses."""

import socket
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from coffre_lab import network

from coffre.errors import ExpectedError


def test_names_fit_the_kernel_and_differ_by_directory():
    one, two = network.lab_token(Path("/a/.coffre/lab")), network.lab_token(Path("/b/.coffre/lab"))
    assert one != two
    assert len(network.bridge_name(one)) <= 15
    assert len(f"vb-{one}-250") <= 15


def test_the_first_choice_is_taken_when_free():
    first = next(network.list_candidates("cabc1234"))
    assert network.choose_network("cabc1234", [IPv4Network("192.168.1.0/24")]) == first
    assert first.prefixlen == 24
    assert first.subnet_of(IPv4Network("10.64.0.0/10"))


def test_a_taken_range_is_passed_over():
    first, second, *_ = network.list_candidates("cabc1234")
    assert network.choose_network("cabc1234", [first]) == second


def test_a_machine_that_uses_all_of_10_gets_a_range_elsewhere():
    assert network.choose_network("c", [IPv4Network("10.0.0.0/8")]) == IPv4Network("172.16.0.0/24")


def test_no_range_left_says_so():
    with pytest.raises(ExpectedError, match="no private address range is free"):
        network.choose_network("c", [IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12")])


def test_ranges_in_use_come_from_addresses_and_routes():
    addresses = [
        {"ifname": "eth0", "addr_info": [{"family": "inet", "local": "10.70.1.9", "prefixlen": 20}]},
        {"ifname": "eth1", "addr_info": [{"family": "inet6", "local": "fe80::1", "prefixlen": 64}]},
        {},
    ]
    routes = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "10.99.0.0/16", "dev": "vpn"},
        {"dst": "10.1.1.1", "dev": "vpn"},
    ]
    assert network.parse_networks(addresses, routes) == {
        "eth0": [IPv4Network("10.70.0.0/20")],
        "vpn": [IPv4Network("10.99.0.0/16"), IPv4Network("10.1.1.1/32")],
    }


def test_a_port_in_use_is_passed_over():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert network.choose_port("127.0.0.1", port) > port
