"""The command `coffre` with the other kinds of these tests: `python -m tests.doubles.command …`."""

import os
import sys
from pathlib import Path

from coffre.agents.kinds import DRIVERS as AGENTS
from coffre.agents.kinds import STATEMENTS
from coffre.cli.main import main
from coffre.spec.storage_platform import HOME_OF_AGENT, PlatformKind
from coffre.spec.tenant import AgentKind
from coffre.storage.kinds import DRIVERS as PLATFORMS
from tests.doubles.agent import FileKind

AGENTS_FOLDER = "COFFRE_TEST_AGENTS"
"""The environment variable with the folder of all machines of the other kind of agent."""
PLATFORM_FILE = "COFFRE_TEST_PLATFORM"
"""The environment variable with the file of the other kind of platform, when it is in use: its agents then need a
bucket there."""


def know_other_kinds() -> None:
    platform = os.environ.get(PLATFORM_FILE)
    if platform is not None:
        from tests.doubles.platform import MemoryDriver

        PLATFORMS[PlatformKind.CEPH] = lambda: MemoryDriver(Path(platform))
    # The other kind is nobody's product: it has neither a platform nor a portal of its own.
    del HOME_OF_AGENT[AgentKind.ACRONIS]
    del STATEMENTS[AgentKind.ACRONIS]
    AGENTS[AgentKind.ACRONIS] = FileKind(Path(os.environ[AGENTS_FOLDER]), needs_bucket=platform is not None)


if __name__ == "__main__":
    know_other_kinds()
    sys.exit(main())
