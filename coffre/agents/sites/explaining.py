"""Explains why a site's node ran no job, or did not end it. Pure."""

from coffre.agents.driver import SiteNode
from coffre.agents.reach.ssh import SSH_FAILED
from coffre.agents.reach.ssh_errors import explain_ssh, last_line, shorten
from coffre.agents.sites.node.telling import Problem
from coffre.errors import ExpectedError, RemoteError
from coffre.spec.sites import SshNode

_PAGE = "docs/sites.md says what a node needs"
_SHOWN = 300
AGAIN = "Run the command again: finished steps are kept."


def explain_problem(site: SiteNode, problem: object, detail: object, wanted_ansible: str) -> ExpectedError:
    """Return the error for a problem that Coffre's code on the node told."""
    told = shorten(str(detail), _SHOWN)
    if problem == Problem.NO_RUNNER:
        return RemoteError(
            f"site {site.name}: its node has no ansible-runner on PATH ({told})",
            f"Install it there, or name its folder in platform.yaml (`programs`); {_PAGE}.",
        )
    if problem == Problem.NO_ANSIBLE:
        return RemoteError(
            f"site {site.name}: its node has no ansible-playbook on PATH ({told})",
            f"Install ansible-core {wanted_ansible} there, beside ansible-runner; {_PAGE}.",
        )
    if problem == Problem.OTHER_ANSIBLE:
        return RemoteError(
            f"site {site.name}: its node has ansible-core {told or 'of an unknown version'}; Coffre needs "
            f"{wanted_ansible}",
            f"Install that version there; {_PAGE}.",
        )
    return RemoteError(f"site {site.name}: its node told of something unknown ({told})", AGAIN)


def explain_silence(site: SiteNode, exit_code: int, complained: str) -> ExpectedError:
    """Return the error for a carrier that ended before the node had begun the job, by its error output."""
    node = site.node
    if isinstance(node, SshNode) and exit_code == SSH_FAILED:
        found = explain_ssh(complained, f"site {site.name}: its node {node.host}", f"coffre trust --site {site.name}")
        # The same words as for a machine, but for the file.
        return type(found)(found.message, found.hint.replace("the tenant file", "platform.yaml"))
    carrier = "its node" if isinstance(node, SshNode) else f"`{node.command[0]}`"
    return RemoteError(
        f"site {site.name}: {carrier} began no job and ended with {exit_code}: "
        f"{shorten(last_line(complained), _SHOWN) or 'it gave no reason'}",
        f"Try the connection by hand; {_PAGE}.",
    )


def explain_broken(site: SiteNode, reason: str) -> ExpectedError:
    """Return the error for a job whose end is unknown."""
    said = f" ({shorten(reason, _SHOWN)})" if reason.strip() else ""
    return RemoteError(f"site {site.name}: its node ended before this machine was finished{said}", AGAIN)


def explain_unrun(site: SiteNode, exit_code: int, output: str) -> ExpectedError:
    """Return the error for an Ansible that began no play on the node."""
    said = shorten(output, _SHOWN) or "no output"
    return RemoteError(f"site {site.name}: Ansible ended on its node with {exit_code}: {said}", AGAIN)
