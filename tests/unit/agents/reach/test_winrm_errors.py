"""WinRM's complaints, in an operator's words."""

import pytest

from coffre.agents.reach.ssh_errors import LoginRefusedError, MachineUnreachableError
from coffre.agents.reach.winrm_errors import UntrustedCertificateError, explain_winrm


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        (
            "HTTPSConnectionPool(host='pc', port=5986): Max retries exceeded with url: /wsman (Caused by SSLError("
            "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed')))",
            UntrustedCertificateError,
            "no trusted authority",
        ),
        ("the username/password specified is incorrect: Failed to authenticate the user admin", LoginRefusedError, ""),
        ("Failed to establish a new connection: [Errno 111] Connection refused", MachineUnreachableError, "port 5986"),
        ("Connection to pc timed out. (connect timeout=10)", MachineUnreachableError, "did not answer in time"),
        ("something new", MachineUnreachableError, "something new"),
    ],
)
def test_a_refusal_is_one_clear_sentence(reason, kind, words):
    problem = explain_winrm(reason, "pc-01")
    assert type(problem) is kind
    assert words in problem.message
    assert problem.message.startswith("pc-01: ")
    assert problem.hint


def test_a_missing_library_names_the_command_that_brings_it():
    assert explain_winrm("pypsrp or dependencies are not installed: No module", "pc-01").hint == "Run `make setup`."
