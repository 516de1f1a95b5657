"""Ansible's own way over ssh, with every command in our frame: whatever the login shell, the greeting and sudo are."""

import secrets

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ssh

from coffre.agents.reach.framing import SURROUNDINGS, CommandStage, Frame
from coffre.agents.reach.ssh_errors import NO_COMMAND, NO_OUTPUT, wants_terminal

# Ansible reads the options of a plugin from here; these are ssh's own.
DOCUMENTATION = ssh.DOCUMENTATION.replace("name: ssh", "name: framed_ssh", 1)


class Connection(ssh.Connection):
    """ssh as Ansible has it, but for what a machine's start-up files say and decide."""

    _terminal = False

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command on the machine; what comes back is its own words alone."""
        code, stdout, stderr = self._exec_framed(cmd, in_data, sudoable)
        if code != 0 and sudoable and self.become and not self._terminal and wants_terminal(stderr):
            self._terminal = True
            code, stdout, stderr = self._exec_framed(cmd, in_data, sudoable)
        return code, *(each.encode("utf-8", "surrogateescape") for each in (stdout, stderr))

    def _exec_framed(self, cmd: str, in_data: bytes | None, sudoable: bool) -> tuple[int, str, str]:
        frame = Frame(f"coffre-{secrets.token_hex(8)}", self._terminal)
        text = frame.enclose(self._with_surroundings(cmd))
        try:
            ended, *outputs = super().exec_command(text, in_data=in_data, sudoable=sudoable)
        except AnsibleConnectionFailure as failure:
            said = "\n".join(line for line in str(failure).split("\n") if frame.mark not in line)
            raise type(failure)(said) from failure
        stdout, stderr = (output.decode("utf-8", "surrogateescape") for output in outputs)
        said = frame.read(stdout)
        if said.exit_code is not None:
            return said.exit_code, said.stdout, frame.cut(stderr)
        if frame.reached(stdout + stderr) is CommandStage.COMMAND:
            raise AnsibleConnectionFailure(f"{NO_OUTPUT} {ended}: {frame.cut(stderr)}")
        raise AnsibleConnectionFailure(f"{NO_COMMAND} {ended}: {stdout}\n{stderr}")

    def _with_surroundings(self, cmd: str) -> str:
        """Give a command its surroundings behind sudo too, which has some of its own; no quote is among them."""
        folder = self._shell.get_option("remote_tmp")
        surroundings = SURROUNDINGS
        if folder.startswith("/"):  # ours: where Ansible's modules are to write, on a system that needs them
            surroundings += f"; TMPDIR={folder}; export TMPDIR"
        success = getattr(self.become, "success", "") or ""
        if success:
            cmd = cmd.replace(f"echo {success} ; ", f"echo {success} ; {surroundings} ; ", 1)
        return f"{surroundings}\n{cmd}"
