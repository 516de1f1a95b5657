"""Machines as customers have them: odd login shells, start-up files that talk, a strict sudo, no room, no Python."""

import pytest

from coffre.agents.reach.ssh import SshMachine
from coffre.agents.reach.ssh_errors import LoginShellError
from coffre.agents.report import ReportResult
from coffre.agents.repository import RemoteRestore
from coffre.agents.restic.backup_run import start_and_wait
from coffre.agents.restic.repository.remote_restore import restore_on
from tests.integration.agents.scene import ATELIER, COMPTA, HOSTS
from tests.machines import renew_machines

ODD = "a'b\"c!d\\e$HOME`id`*\n é"
GREETING = (
    'echo \'{"message_type": "summary"}\'; echo "Darwin"; echo "sudo: permission denied" >&2; printf "no line end"\n'
    "(for i in 1 2 3; do sleep 0.02; printf 'late {\\nlate'; done) &\n"
)
STRICT = "Defaults requiretty, use_pty, lecture=always, secure_path=/opt/odd\noperateur ALL=(ALL:ALL) NOPASSWD: ALL\n"
NASTY = f"""
set -e
rm /usr/bin/python3*
usermod --shell /usr/bin/zsh operateur
usermod --shell /usr/bin/zsh root
mount -t tmpfs -o size=32k,noexec,mode=1777 tmpfs /tmp
mount -t tmpfs -o size=32k,uid=operateur,mode=0700 tmpfs /home/operateur
cat >/home/operateur/.zshenv <<'END'
umask 077
export LC_ALL=fr_FR.UTF-8 PATH=/opt/odd
{GREETING}END
sed 's/PATH=.*//' /home/operateur/.zshenv >/root/.zshenv
for full in /tmp /home/operateur; do head -c 1M /dev/zero >$full/fill 2>/dev/null || true; done
cat >/etc/sudoers.d/operateur <<'END'
{STRICT}END
"""


def ignore(_machine, _task):
    pass


class Quiet:
    def on_step(self, text):
        pass

    def on_progress(self, fraction):
        pass


@pytest.fixture
def nasty(scene):
    """A machine on which all of it comes together; it is started anew afterwards."""
    with scene.root_on(ATELIER) as root:
        done = root.run(["sh", "-c", NASTY], 30)
    assert done.exit_code == 0, done.stderr
    yield scene
    renew_machines(scene.lab, [HOSTS[ATELIER]])


def test_deploy_backup_restore_and_removal_get_through_the_strangest_account(nasty, agents):
    target = nasty.target(ATELIER)
    [deployed] = agents.deploy(nasty.requests(ATELIER), ignore)
    assert (deployed.ok, deployed.message) == (True, "")
    [again] = agents.deploy(nasty.requests(ATELIER), ignore)
    assert (again.ok, again.changed, again.message) == (True, False, "")
    with SshMachine(target.connection, ssh_config=target.ssh_config, known_hosts=target.known_hosts) as machine:
        assert machine.run(["sh", "-c", 'printf %s "$0"; id -un; umask', ODD], 30).stdout == f"{ODD}root\n0022\n"
        report = start_and_wait(machine, 120, lambda text: None)
        assert report.result is ReportResult.SUCCESS
        restore = RemoteRestore(nasty.request(ATELIER).storage, report.snapshot_id, "/srv/back")
        assert restore_on(machine, restore, Quiet()).files > 0
        assert machine.run(["cmp", "/etc/ssh/sshd_config", "/srv/back/etc/ssh/sshd_config"], 30).exit_code == 0
    [removed] = agents.remove(nasty.removals(ATELIER), ignore)
    assert (removed.ok, removed.message) == (True, "")
    with nasty.root_on(ATELIER) as root:
        found = root.run(["sh", "-c", "ls -Ad /usr/local/lib/coffre /etc/coffre /*/.coffre-* /dev/shm/.[!.]*"], 20)
    assert found.stdout == ""


@pytest.mark.parametrize("shell", ["/bin/tcsh", "/usr/sbin/nologin"])
def test_a_login_shell_that_is_not_sh_is_passed_or_named(scene, agents, shell):
    """csh reads quotes, `!` and line ends its own way; nologin runs nothing and says so."""
    with scene.root_on(COMPTA) as root:
        root.run(["sh", "-c", 'usermod --shell "$0" root; echo "echo \'{\' ; set -f" >/root/.cshrc', shell], 20)
    try:
        if "csh" in shell:
            with scene.root_on(COMPTA) as root:
                assert root.run(["printf", "%s", ODD], 20).stdout == ODD
            [deployed] = agents.deploy(scene.requests(COMPTA), ignore)
            assert (deployed.ok, deployed.message) == (True, "")
            return
        with scene.root_on(COMPTA) as root, pytest.raises(LoginShellError, match="This account is currently not"):
            root.run(["true"], 20)
        [refused] = agents.deploy(scene.requests(COMPTA), ignore)
        assert (refused.ok, refused.changed, refused.unreachable) == (False, False, True)
        assert "the login shell of root ran no command" in refused.message
        assert "This account is currently not available" in refused.message
        assert "usermod --shell" in refused.message
    finally:
        passwd = scene.lab.machine_root(HOSTS[COMPTA]) / "etc" / "passwd"
        passwd.write_text(passwd.read_text().replace(f":/root:{shell}", ":/root:/bin/bash"))
