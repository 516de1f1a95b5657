"""The whole repository: both examples, several files at once, and which files count."""

import os
import shutil
from collections.abc import Callable
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.spec.loader import InvalidRepositoryError, load_checkout, reload_tenant
from coffre.spec.tenant import MachineKind, OperatingSystem, Option, SshConnection, TenantStatus, Weekday

MakeRoot = Callable[..., Path]
REPOSITORY = Path(__file__).parents[3]


def problems_of(root: Path, files: list[Path] | None = None) -> list[str]:
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(root, files)
    assert refused.value.exit_code == 3
    return [str(problem) for problem in refused.value.problems]


def test_the_examples_of_the_repository_load() -> None:
    checkout = load_checkout(REPOSITORY)
    assert list(checkout.tenants) == ["atelier-durand", "boulangerie-martin"]
    bakery = checkout.tenants["boulangerie-martin"]
    assert (bakery.slug, bakery.id, bakery.status) == ("boulangerie-martin", "k7f3q9wz2m", TenantStatus.ACTIVE)
    assert bakery.storage.quota_bytes == 200 * 2**30
    assert bakery.licences == {MachineKind.WORKSTATION: 2}
    assert bakery.options == [Option.RESTORE_TESTS]
    assert bakery.contract.signed_on == date(2026, 11, 2)
    plan = bakery.plans["office"]
    assert plan.paths_for(OperatingSystem.LINUX) == ["/home", "/etc"]
    assert [(schedule.days[-1], schedule.at) for schedule in plan.schedule] == [
        (Weekday.FRI, time(12, 30)),
        (Weekday.SUN, time(19, 0)),
    ]
    workshop = checkout.tenants["atelier-durand"]
    connection = workshop.machines["atelier-01"].connection
    assert connection == SshConnection(host="atelier-01.durand.example", user="operateur", become=True)
    assert workshop.storage.platform in checkout.settings.platforms
    assert checkout.settings.provider.name == "SMILÉO SAS"


def another_tenant(text: str, tenant_id: str = "h000000000") -> str:
    """Return a tenant's file as another one's: with another id, and machines elsewhere."""
    return text.replace("k7f3q9wz2m", tenant_id).replace("-01.martin.example", "-01.acme.example")


def test_all_problems_of_all_files_come_at_once_in_order(make_root: MakeRoot, tenant_text: str) -> None:
    bad = tenant_text.replace("200 GiB", "200 GB").replace("plan: office", "plan: ofice")
    root = make_root(zebra=bad, acme=another_tenant(bad))
    (root / "platform.yaml").write_text((root / "platform.yaml").read_text().replace("kind: ceph", "kind: minio"))
    places = [problem.split(": ")[0:2] for problem in problems_of(root)]
    machines = ("machines.compta-01.plan", "machines.caisse-01.plan")
    assert places == [
        ["platform.yaml:18:11", "platforms.lab.kind"],
        ["tenants/acme.yaml:25:10", "storage.quota"],
        ["tenants/acme.yaml:43:11", machines[0]],
        ["tenants/acme.yaml:49:11", machines[1]],
        ["tenants/zebra.yaml:25:10", "storage.quota"],
        ["tenants/zebra.yaml:43:11", machines[0]],
        ["tenants/zebra.yaml:49:11", machines[1]],
    ]


def test_an_id_belongs_to_one_tenant(make_root: MakeRoot, tenant_text: str) -> None:
    root = make_root(acme=another_tenant(tenant_text, tenant_id="k7f3q9wz2m"), zebra=tenant_text)
    assert problems_of(root) == [
        'tenants/zebra.yaml:4:5: id: "k7f3q9wz2m" is the id of tenants/acme.yaml too; '
        "an id belongs to one tenant for ever; `coffre new` generates another one"
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("compta-01.martin.example", "COMPTA-01.Martin.Example."),
        ("192.0.2.7", "192.0.519"),
        ("192.0.2.7", "'0xC0000207'"),
        ("'2001:db8::7'", "'2001:0DB8:0::0007'"),
        ("192.0.2.7", "'::ffff:c000:207'"),
        ("192.0.2.7", "'64:ff9b::c000:207'"),
    ],
)
def test_a_machine_belongs_to_one_tenant_however_its_host_is_written(
    theirs: str, ours: str, make_root: MakeRoot, tenant_text: str
) -> None:
    own = another_tenant(tenant_text).replace("caisse-01.acme.example", ours)
    root = make_root(acme=tenant_text.replace("compta-01.martin.example", theirs), zebra=own)
    shown = ours.strip("'")
    assert problems_of(root) == [
        f'tenants/zebra.yaml:50:34: machines.caisse-01.connection.host: "{shown}" is the host of compta-01 '
        "in tenants/acme.yaml too; one machine has one entry; retire the one that is gone"
    ]


def test_another_port_a_retired_machine_or_a_closed_tenant_is_another_matter(
    make_root: MakeRoot, tenant_text: str
) -> None:
    host, shared = "caisse-01.acme.example, ", "compta-01.martin.example, "
    own = another_tenant(tenant_text)
    other_port = own.replace(host, f"{shared}port: 2222, ")
    retired = own.replace(host, shared).replace(
        "    connection: {via: ssh, host: compta-01.martin",
        "    retired: {on: 2026-12-31, keep_until: 2027-03-31}\n    connection: {via: ssh, host: compta-01.martin",
    )
    for text in (other_port, retired):
        assert text != own
        assert len(load_checkout(make_root(acme=tenant_text, zebra=text)).tenants) == 2
    same_port = problems_of(make_root(acme=tenant_text, zebra=own.replace(host, f"{shared}port: 22, ")))
    assert [problem.partition(": ")[0] for problem in same_port] == ["tenants/zebra.yaml:50:34"]


def test_chosen_files_alone_are_read(make_root: MakeRoot, tenant_text: str, tmp_path: Path) -> None:
    root = make_root(acme=tenant_text, broken="version: [")
    chosen = [root / "tenants" / "acme.yaml", root / "platform.yaml", root / "tenants" / "acme.yaml"]
    assert list(load_checkout(root, chosen).tenants) == ["acme"]
    missing = problems_of(root, [root / "tenants" / "gone.yaml"])
    assert missing == ["tenants/gone.yaml:1:1: there is no such file"]


def test_a_repository_without_tenants_is_a_beginning(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "platform.yaml", tmp_path)
    assert load_checkout(tmp_path).tenants == {}


def test_a_folder_that_is_no_repository_says_so(tmp_path: Path) -> None:
    assert problems_of(tmp_path) == [
        "platform.yaml:1:1: there is no such file; "
        "the root is the folder that holds platform.yaml and tenants/: name it with --root"
    ]


@pytest.mark.parametrize("name", ["acme.yml", "acme.YAML", "acme.yaml.bak", "acme", "acme.json"])
def test_a_file_under_another_name_is_not_passed_over(name: str, make_root: MakeRoot, tenant_text: str) -> None:
    """It may be a tenant that an engineer believes served."""
    root = make_root()
    (root / "tenants" / name).write_text(tenant_text)
    assert problems_of(root) == [
        f"tenants/{name}:1:1: this is not a tenant file; "
        "a tenant's file is called SLUG.yaml; move anything else out of tenants/"
    ]


def test_hidden_files_and_notes_are_no_tenants(make_root: MakeRoot, tenant_text: str) -> None:
    root = make_root(acme=tenant_text)
    (root / "tenants" / ".acme.yaml.swp").write_bytes(b"\0")
    (root / "tenants" / "README.md").write_text("notes")
    assert list(load_checkout(root).tenants) == ["acme"]


@pytest.mark.parametrize("slug", ["Acme", "ab", "-acme", "acme-", "a_b_c", "a" * 41, "a.b.c", "é12"])
def test_a_file_name_must_be_a_slug_and_the_rest_is_still_checked(
    slug: str, make_root: MakeRoot, tenant_text: str
) -> None:
    said = problems_of(make_root(**{slug: tenant_text.replace("200 GiB", "200 GB")}))
    assert len(said) == 2
    assert "invalid name of a tenant: " in said[0]
    assert "; rename the file" in said[0]
    assert "storage.quota" in said[1]


def test_no_name_or_id_reaches_a_message_as_it_is(make_root: MakeRoot, tenant_text: str) -> None:
    """Both come with a pull request, and a message goes to terminals and comments."""
    odd = tenant_text.replace("k7f3q9wz2m", '"g\\n\\e[2J"')
    said = problems_of(make_root(**{"a\nb\x1b[2J\u202e": odd, "acme": another_tenant(odd)}))
    assert any("invalid name of a tenant" in problem for problem in said)
    assert any('"g  [2J" is the id of' in problem for problem in said)
    assert all(problem.isprintable() for problem in said)


def test_what_is_no_plain_file_is_a_problem_and_never_a_hang(make_root: MakeRoot) -> None:
    root = make_root()
    os.mkfifo(root / "tenants" / "pipe.yaml")
    (root / "tenants" / "folder.yaml").mkdir()
    (root / "tenants" / "dangling.yaml").symlink_to("nowhere")
    said = problems_of(root)
    assert [problem.split(": ")[1].split(";")[0] for problem in said] == [
        "tenants/dangling.yaml is a link",
        "this is not a plain file",
        "this is not a plain file",
    ]


def test_windows_line_ends_and_a_byte_order_mark_move_nothing(make_root: MakeRoot, tenant_text: str) -> None:
    root = make_root()
    text = tenant_text.replace("200 GiB", "200 GB").replace("\n", "\r\n")
    (root / "tenants" / "acme.yaml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [problem.split(": ")[0] for problem in problems_of(root)] == ["tenants/acme.yaml:25:10"]


def test_a_wrong_platform_file_does_not_hide_what_tenants_say(make_root: MakeRoot, tenant_text: str) -> None:
    root = make_root(acme=tenant_text.replace("platform: lab", "platform: labo"))
    (root / "platform.yaml").write_text((root / "platform.yaml").read_text().replace("percent: 5}", "percent: five}"))
    assert [problem.split(": ")[1] for problem in problems_of(root)] == [
        "platforms.lab.reserve.percent",
        "storage.platform",
    ]


def test_problems_come_by_file_line_and_column_however_files_were_named(make_root: MakeRoot, tenant_text: str) -> None:
    bad = tenant_text.replace("200 GiB", "200 GB").replace("claire@martin", "claire at martin")
    root = make_root(acme=another_tenant(bad), zebra=bad)
    backwards = [root / "tenants" / "zebra.yaml", root / "tenants" / "acme.yaml"]
    with pytest.raises(InvalidRepositoryError) as refused:
        load_checkout(root, backwards)
    places = [(problem.file, problem.line) for problem in refused.value.problems]
    assert places == [(f"tenants/{slug}.yaml", line) for slug in ("acme", "zebra") for line in (17, 25)]


def test_a_file_past_the_size_limit_is_refused_unread(make_root: MakeRoot, tenant_text: str) -> None:
    padded = tenant_text + "#" * (2**20 - len(tenant_text.encode()))
    assert list(load_checkout(make_root(acme=padded)).tenants) == ["acme"]
    assert problems_of(make_root(acme=padded + "#")) == [
        "tenants/acme.yaml:1:1: the file is larger than 1 MiB; a file of this kind holds a few hundred lines"
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("/home", "/" + "x" * 300_000), "is longer than any path"),
        (
            lambda text: text.replace("exclude: [", "exclude: [" + "".join(f"a{n}, " for n in range(80_000))),
            "accepts 200000",
        ),
    ],
    ids=["a path of 300 kB", "80,000 patterns"],
)
def test_what_no_command_line_takes_is_refused(make_root: MakeRoot, tenant_text: str, change: Any, said: str) -> None:
    text = change(tenant_text)
    assert text != tenant_text
    assert any(said in problem for problem in problems_of(make_root(acme=text)))


def test_windows_takes_less(make_root: MakeRoot, tenant_text: str) -> None:
    patterns = "exclude: [" + "".join(f"pattern{n}, " for n in range(1000))
    text = tenant_text.replace("exclude: [", patterns)
    assert len(load_checkout(make_root(acme=text)).tenants) == 1
    paths = "paths: {linux: [/home], windows: ['C:\\Users']}"
    windows = text.replace("os: linux", "os: windows", 1).replace("paths: [/home, /etc]", paths)
    assert any("windows accepts 30000" in problem for problem in problems_of(make_root(acme=windows)))


def test_no_file_of_a_repository_is_opened_through_a_link(
    make_root: MakeRoot, tenant_text: str, tmp_path: Path
) -> None:
    """A link in a pull request would show what it points to, by its keys and values in messages."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "voisin.yaml").write_text("version: 1\nstatus: secret-of-this-computer\n")
    (outside / "platform.yaml").write_text("state: secret-of-this-computer\n")
    root = make_root(acme=tenant_text)
    (root / "tenants" / "voisin.yaml").symlink_to(outside / "voisin.yaml")
    said = {"tenants/voisin.yaml is a link": problems_of(root)}
    shutil.rmtree(root / "tenants")
    (root / "tenants").symlink_to(outside)
    said["the folder is a link"] = problems_of(root)
    said["tenants is a link"] = problems_of(root, [root / "tenants" / "voisin.yaml"])
    (root / "platform.yaml").unlink()
    (root / "platform.yaml").symlink_to(outside / "platform.yaml")
    said["platform.yaml is a link"] = problems_of(root)
    for expected, problems in said.items():
        assert any(expected in problem for problem in problems), problems
        assert "secret-of-this-computer" not in "".join(problems)


@pytest.mark.parametrize(
    ("host", "is_refused"), [("mail.example", True), ("10.0.0.25", True), ("localhost", False), ("127.0.0.1", False)]
)
def test_letters_go_in_clear_to_this_computer_alone(make_root: MakeRoot, host: str, is_refused: bool) -> None:
    root = make_root()
    with (root / "platform.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\nmail: {{host: {host}, security: none, sender: a@b.example}}\n")
    said = problems_of(root) if is_refused else []
    assert [problem for problem in said if "sends letters and a password unencrypted" in problem] == said
    assert bool(said) is is_refused
    if not is_refused:
        assert load_checkout(root).settings.mail is not None


def test_one_tenant_is_read_again_whatever_the_others_files_say_by_now(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "tenants", tmp_path / "tenants")
    shutil.copy(REPOSITORY / "platform.yaml", tmp_path)
    before = load_checkout(tmp_path)
    (tmp_path / "tenants/atelier-durand.yaml").write_text("name: [\n")
    bakery = tmp_path / "tenants/boulangerie-martin.yaml"
    text = bakery.read_text(encoding="utf-8")
    bakery.write_text(text.replace("undelete_days: 14", "undelete_days: 21"), encoding="utf-8")
    now = reload_tenant(before, "boulangerie-martin")
    assert now.tenants["boulangerie-martin"].storage.undelete_days == 21
    assert now.tenants["atelier-durand"] == before.tenants["atelier-durand"]
    bakery.write_text(text.replace("k7f3q9wz2m", "k7f3q9wz2n"), encoding="utf-8")
    with pytest.raises(RefusedError, match="got another tenant's id"):
        reload_tenant(before, "boulangerie-martin")
    bakery.write_text("name: [\n")
    with pytest.raises(InvalidRepositoryError):
        reload_tenant(before, "boulangerie-martin")
    bakery.unlink()
    with pytest.raises(RefusedError, match="was removed"):
        reload_tenant(before, "boulangerie-martin")


SITES = """
sites:
  lyon: {via: ssh, host: node.lyon.example, user: coffre}
  paris: {via: command, command: [receptorctl, work, submit]}
"""


def with_sites(root: Path, text: str = SITES) -> Path:
    with (root / "platform.yaml").open("a", encoding="utf-8") as file:
        file.write(text)
    return root


def on_site(text: str, site: str, host: str = "192.168.1.20") -> str:
    return text.replace("host: compta-01.martin.example, ", f"host: {host}, site: {site}, ")


def test_a_machine_names_a_site_of_the_platform_file(make_root: MakeRoot, tenant_text: str) -> None:
    root = make_root(acme=on_site(tenant_text, "lyon"))
    (problem,) = problems_of(root)
    assert "machines.compta-01.connection.site" in problem
    assert '"lyon" is not among the sites of platform.yaml' in problem
    checkout = load_checkout(with_sites(root))
    assert checkout.settings.sites["lyon"].via == "ssh"
    wrong = on_site(tenant_text, "lyom")
    (root / "tenants" / "acme.yaml").write_text(wrong)
    (problem,) = problems_of(root)
    assert "did you mean lyon?" in problem


def test_an_address_is_that_of_another_machine_on_each_site(make_root: MakeRoot, tenant_text: str) -> None:
    other = another_tenant(on_site(tenant_text, "paris"))
    root = with_sites(make_root(acme=on_site(tenant_text, "lyon"), zebra=other))
    assert len(load_checkout(root).tenants) == 2
    (root / "tenants" / "zebra.yaml").write_text(another_tenant(on_site(tenant_text, "lyon")))
    (problem,) = problems_of(root)
    assert "is the host of compta-01" in problem
