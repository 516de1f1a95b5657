"""The files that a lab writes: Ceph's configuration and keys, certificates, SSH, control groups."""

import configparser
import datetime
import ipaddress
import subprocess
from pathlib import Path

import pytest
from coffre_lab.ceph import certificates
from coffre_lab.ceph import config as ceph_config
from coffre_lab.machines import cgroups, ssh_files
from coffre_lab.machines.machines import Machine
from cryptography import x509

NOW = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)


def make_settings(**changes):
    facts = {
        "directory": Path("/lab/ceph"),
        "address": "10.80.3.1",
        "network": "10.80.3.0/24",
        "fsid": "f5108724-4d54-444b-892f-2c069cd7d5b1",
        "mon_port": 3300,
        "rgw_port": 7443,
        "gateway_file": Path("/lab/gateway.pem"),
        "ca_file": Path("/lab/ca.pem"),
        "nodes": ("10.80.3.1",),
    }
    return ceph_config.CephSettings(**(facts | changes))


def parse(text):
    parser = configparser.ConfigParser(strict=True, allow_no_value=True, delimiters=("=",), comment_prefixes=("#",))
    parser.read_string(text)
    return parser


def test_the_gateway_speaks_tls_on_the_labs_own_address_without_delay():
    config = parse(ceph_config.render_config(make_settings()))
    assert config["client.rgw"]["rgw frontends"] == (
        "beast ssl_endpoint=10.80.3.1:7443 ssl_certificate=/lab/gateway.pem tcp_nodelay=1"
    )


@pytest.mark.parametrize(
    "setting", ["rgw bucket quota ttl", "rgw user quota bucket sync interval", "rgw user quota sync interval"]
)
def test_quota_caches_last_a_second(setting):
    assert parse(ceph_config.render_config(make_settings()))["client.rgw"][setting] == "1"


def test_lifecycle_days_are_real_unless_asked_for():
    assert "lc debug" not in ceph_config.render_config(make_settings())
    short = parse(ceph_config.render_config(make_settings(lifecycle_day_seconds=10)))
    assert short["client.rgw"]["rgw lc debug interval"] == "10"


def test_several_nodes_keep_three_copies_apart_behind_a_balancer_that_speaks_tls_both_ways():
    settings = make_settings(nodes=("10.80.3.2", "10.80.3.3", "10.80.3.4"))
    config = parse(ceph_config.render_config(settings))
    assert config["global"]["mon host"] == "[v2:10.80.3.2:3300]"
    assert config["global"]["osd pool default size"] == "3"
    assert config["global"]["osd pool default min size"] == "2"
    assert config["global"]["osd crush chooseleaf type"] == "1"
    for number in range(3):
        osd = config[f"osd.{number}"]
        assert osd["public addr"] == settings.nodes[number]
        assert osd["crush location"] == f"root=default host=node-{number}"
    assert "10.80.3.2:7443" in config["client.rgw"]["rgw frontends"]
    assert "10.80.3.3:7443" in config["client.rgw.1"]["rgw frontends"]
    assert settings.gateway_urls == ("https://10.80.3.2:7443", "https://10.80.3.3:7443")
    balancer = ceph_config.render_balancer(settings)
    assert "bind 10.80.3.1:7443 ssl crt /lab/gateway.pem" in balancer
    assert "ssl verify required ca-file /lab/ca.pem" in balancer
    assert balancer.count("  server ") == 2


def test_every_identity_has_a_key_with_what_its_kind_may():
    settings = make_settings(nodes=("10.80.3.2", "10.80.3.3", "10.80.3.4"))
    keyring = ceph_config.render_keyring(dict.fromkeys(settings.identities, "AQB="))
    sections = keyring.split("[")[1:]
    assert [each.partition("]")[0] for each in sections] == [
        *("mon.", "client.admin", "mgr.x", "osd.0", "osd.1", "osd.2", "client.rgw", "client.rgw.1"),
    ]
    assert all("caps mon" in each for each in sections)
    assert 'caps osd = "allow rwx"' in sections[-1]


def test_the_keyring_names_each_identity_with_its_key_and_what_it_may():
    keyring = ceph_config.render_keyring({"mon.": "AQB=", "client.rgw": "AQC="})
    assert "[client.rgw]\n\tkey = AQC=\n" in keyring
    assert 'caps osd = "allow rwx"' in keyring


def test_the_gateways_certificate_is_for_its_address_by_the_labs_authority():
    ca_pem, gateway_pem = certificates.issue(("10.80.3.1",), NOW)
    ca, gateway = (x509.load_pem_x509_certificate(pem.encode()) for pem in (ca_pem, gateway_pem))
    gateway.verify_directly_issued_by(ca)
    names = gateway.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.IPAddress) == [ipaddress.ip_address("10.80.3.1")]
    assert gateway.not_valid_before_utc < NOW < gateway.not_valid_after_utc
    assert "PRIVATE KEY" not in ca_pem


def test_certificates_are_made_once_and_the_key_is_root_only(tmp_path):
    made = certificates.Certificates(tmp_path)
    made.ensure(("10.80.3.1", "10.80.3.2"), NOW)
    before = made.gateway_file.read_bytes()
    made.ensure(("10.80.3.1", "10.80.3.2"), NOW)
    assert made.gateway_file.read_bytes() == before
    assert made.gateway_file.stat().st_mode & 0o777 == 0o600


def test_ssh_files_lead_from_names_to_addresses(tmp_path):
    assert ssh_files.render_known_hosts({"b.example": "ssh-ed25519 AAAA x"}, {"b.example": "10.80.3.11"}) == (
        "b.example,10.80.3.11 ssh-ed25519 AAAA\n"
    )
    config = tmp_path / "ssh_config"
    config.write_text(
        ssh_files.render_config({"b.example": "10.80.3.11"}, tmp_path / "a key", tmp_path / "known hosts")
    )
    said = subprocess.run(["ssh", "-G", "-F", config, "b.example"], capture_output=True, text=True, check=True).stdout
    settings = dict(line.split(" ", 1) for line in said.splitlines())
    assert settings["hostname"] == "10.80.3.11"
    assert settings["user"] == "root"
    assert settings["identityfile"] == str(tmp_path / "a key")
    assert settings["globalknownhostsfile"] == str(tmp_path / "known hosts")
    first, *others = settings["kexalgorithms"].split(",")
    assert (first, len(others) > 1) == ("curve25519-sha256", True)


def test_an_ssh_key_is_made_once(tmp_path):
    public = ssh_files.ensure_key(tmp_path / "key", "it")
    assert ssh_files.ensure_key(tmp_path / "key", "it") == public
    said = subprocess.run(
        ["ssh-keygen", "-y", "-f", tmp_path / "key"], capture_output=True, text=True, check=True
    ).stdout
    assert said.split()[:2] == public.split()[:2]


def test_systemds_control_groups_are_found_in_each_kind_of_host():
    hybrid = (
        "39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        "40 31 0:37 / /sys/fs/cgroup/systemd rw shared:1 - cgroup cgroup rw,xattr,name=systemd\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "42 31 0:39 / /proc rw - proc proc rw\n"
    )
    assert cgroups.parse_roots(hybrid) == [Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified")]
    assert cgroups.parse_roots("30 20 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n") == [
        Path("/sys/fs/cgroup")
    ]


def test_a_machines_path_with_a_colon_is_escaped_for_nspawn():
    machine = Machine("a.b.example", "c1234567-10", "10.80.3.10", 24, "c1234567-br", Path("/x:y"), Path("/base"))
    argv = machine.daemon().argv
    assert "--bind-ro=/x\\:y/ssh:/etc/ssh/lab" in argv
    assert "--hostname=a" in argv
    assert len(machine.interface) <= 15
