"""Explains a refused WinRM connection, as errors distinguished by the operator's next action. Pure."""

from coffre.agents.reach.ssh_errors import LoginRefusedError, UnreachableError, last_line
from coffre.errors import ExpectedError, RefusedError


class UntrustedCertificateError(RefusedError):
    """The machine shows a certificate that no trusted authority signed: perhaps another machine answers."""


_LOGIN = ("failed to authenticate", "401", "logon failure", "credentials were rejected", "access is denied")
_UNREACHABLE = (
    ("name or service not known", "its name does not resolve", "Is it right in the tenant file?"),
    ("failed to resolve", "its name does not resolve", "Is it right in the tenant file?"),
    ("connection refused", "nothing listens on port 5986", "Is WinRM over https set up on it?"),
    ("no route to host", "there is no route to it", "Is it switched on, and the VPN up?"),
    ("network is unreachable", "there is no route to it", "Is this computer's network up, and the VPN?"),
    ("timed out", "it did not answer in time", "Is it switched on, and port 5986 open in its firewall?"),
)  # fmt: skip


def explain_winrm(reason: str, machine: str) -> ExpectedError:
    """Return the error for a PowerShell remoting that could not begin."""
    text = reason.lower()
    if "pypsrp" in text and "not installed" in text:
        return ExpectedError("pypsrp, which speaks WinRM, is not installed", "Run `make setup`.")
    if "certificate verify failed" in text:
        return UntrustedCertificateError(
            f"{machine}: its WinRM certificate is not vouched for; nothing was sent to it",
            "Compare it with what its administrator reads on the machine, then put the authority that signed it into "
            "known_hosts/TENANT.pem.",
        )
    if any(sign in text for sign in _LOGIN):
        return LoginRefusedError(
            f"{machine}: it does not let this account in",
            "See `user` in the tenant file and the secret that `credential` names; the account has to be an "
            "administrator of the machine.",
        )
    for sign, meaning, hint in _UNREACHABLE:
        if sign in text:
            return UnreachableError(f"{machine}: {meaning}", hint)
    return UnreachableError(
        f"{machine}: WinRM failed: {last_line(reason) or 'it gave no reason'}",
        "Try `Test-WSMan -UseSSL -ComputerName HOST` from a Windows machine.",
    )
