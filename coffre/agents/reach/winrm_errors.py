"""Explains a refused WinRM connection, as errors distinguished by the operator's next action. Pure."""

from coffre.agents.reach.ssh_errors import LoginRefusedError, MachineUnreachableError, last_line
from coffre.errors import ExpectedError, RefusedError


class UntrustedCertificateError(RefusedError):
    """The machine shows a certificate that no trusted authority signed: perhaps another machine answers."""


_LOGIN = ("failed to authenticate", "401", "logon failure", "credentials were rejected", "access is denied")
_UNREACHABLE = (
    ("name or service not known", "its name does not resolve", "Check the name in the tenant file."),
    ("failed to resolve", "its name does not resolve", "Check the name in the tenant file."),
    ("connection refused", "nothing listens on port 5986", "Check that WinRM over https is set up on it."),
    ("no route to host", "there is no route to it", "Check that it is switched on and that the VPN is up."),
    ("network is unreachable", "there is no route to it", "Check that this computer's network and the VPN are up."),
    ("timed out", "it did not answer in time", "Check that it is switched on and that its firewall opens port 5986."),
)  # fmt: skip


def explain_winrm(reason: str, machine: str) -> ExpectedError:
    """Return the error for a PowerShell remoting that could not begin."""
    text = reason.lower()
    if "pypsrp" in text and "not installed" in text:
        return ExpectedError("pypsrp, which speaks WinRM, is not installed", "Run `make setup`.")
    if "certificate verify failed" in text:
        return UntrustedCertificateError(
            f"{machine}: no trusted authority signed its WinRM certificate; nothing was sent to it",
            "Compare it with the one that its administrator reads on the machine, then put the authority that signed "
            "it into known_hosts/TENANT.pem.",
        )
    if any(sign in text for sign in _LOGIN):
        return LoginRefusedError(
            f"{machine}: it refuses the login of this account",
            "Check `user` in the tenant file and the secret that `credential` names; the account must be an "
            "administrator of the machine.",
        )
    for sign, meaning, hint in _UNREACHABLE:
        if sign in text:
            return MachineUnreachableError(f"{machine}: {meaning}", hint)
    return MachineUnreachableError(
        f"{machine}: WinRM failed: {last_line(reason) or 'it gave no reason'}",
        "Try `Test-WSMan -UseSSL -ComputerName HOST` from a Windows machine.",
    )
