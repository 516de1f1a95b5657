"""The sites of platform.yaml: places whose machines only a node of SMILÉO's on that site reaches."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from coffre.spec.machine import Port, SshConnection, SshUser
from coffre.spec.values.fields import FileModel, Host, Label, Text, matching
from coffre.spec.values.settings import FolderPath

_VIA = Field(description="The way to the node: ssh, or command")
# Goes into PATH on the node.
ProgramsFolder = Annotated[
    Text,
    AfterValidator(
        matching(r"/[A-Za-z0-9_./+-]{1,200}", "is not a folder of programs", "write it like /opt/ansible/bin")
    ),
    WithJsonSchema({"type": "string", "pattern": "^/"}),
]


class SshNode(FileModel):
    """A node that SMILÉO reaches over SSH."""

    via: Annotated[Literal["ssh"], _VIA] = "ssh"
    host: Annotated[Host, Field(description="The node's host name or address, without user and port")]
    user: Annotated[SshUser, Field(description="The login name on the node, which has the SSH key of its machines")]
    port: Port = 22
    ssh_config: Annotated[
        FolderPath | None, Field(description="The ssh_config for the way to the node, if not the engineer's own")
    ] = None
    programs: Annotated[
        ProgramsFolder | None, Field(description="The folder of ansible-runner there, if it is not on the login's PATH")
    ] = None

    @property
    def connection(self) -> SshConnection:
        """The SSH connection to the node itself."""
        return SshConnection(host=self.host, user=self.user, port=self.port)


class CommandNode(FileModel):
    """A node behind a command that carries the stream of `ansible-runner worker`, like `receptorctl work submit`."""

    via: Annotated[Literal["command"], _VIA] = "command"
    command: Annotated[
        list[Label],
        Field(
            min_length=1,
            max_length=50,
            description="The program and its arguments: reads a job on standard input, writes its result on standard "
            "output. No secret belongs here",
        ),
    ]


Site = Annotated[SshNode | CommandNode, Field(discriminator="via")]
